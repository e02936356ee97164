"""Length of a training, on the 1,500 training digits in batches of 32: 46 steps an epoch."""

import re

import pytest

from tests.small_runs import DCGAN, command


def plan(*flags):
    outcome = command("train", *DCGAN, "--dry_run", *flags)
    assert outcome.status == 0 and outcome.err == ""
    return re.search(r"plan: (.*)", outcome.out)[1]


@pytest.mark.parametrize(
    ("flags", "begins"),
    [
        (["--epochs=2"], "92 steps of batch 32, 46 steps an epoch, 2 ep"),
        (["--steps=20000"], "20000 steps"),
        (["--epochs=2", "--steps=50"], "50 steps"),
        (["--epochs=1", "--steps=50"], "46 steps"),
        (["--batch_size=4000", "--epochs=3"], "3 steps of batch 4000"),
    ],
)
def test_epochs_and_steps_give_the_length(flags, begins):
    assert plan(*flags).startswith(begins)


def test_critic_batches_count_into_the_epoch():
    outcome = command("train", *DCGAN, "--model=wgan", "--n_critic=2", "--dry_run", "--epochs=1")
    # Each step takes two batches of 32.
    assert "plan: 23 steps of batch 32, 23 steps an epoch" in outcome.out


def test_dry_run_prints_settings_data_and_networks_and_makes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = command("train", *DCGAN, "--dry_run")
    assert (outcome.status, outcome.err, list(tmp_path.iterdir())) == (0, "", [])
    for text in (
        "train --model=dcgan",
        "--width=4",
        "data: digits: 10 classes, 1500 train",
        "generator: 1",
    ):
        assert text in outcome.out
