"""Length of a training, on the 1,500 training digits in batches of 32: 46 steps an epoch."""

import re

import pytest

from kgan.cli.parsing import parse_training
from kgan.training.plan import Plan, describe_schedule, keep_schedule
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


def test_limit_of_time_ends_the_default_intervals_and_is_in_the_plan():
    assert plan("--steps=100", "--minutes=2").endswith("; at most 2 minutes of training")
    limited = Plan(32, 46, 1000, 32, minutes=2)
    assert limited.every(None, 20).seconds == 6
    assert limited.every((5.0, "steps"), 20).seconds is None
    assert Plan(32, 46, 1000, 32).every(None, 20).seconds is None


def resumed(tmp_path, own, *flags):
    (tmp_path / "flags.cfg").write_text("\n".join(["--model=gan", *own]))
    before = parse_training([f"--flagfile={tmp_path / 'flags.cfg'}"], stored=True)
    settings = parse_training([f"--resume={tmp_path}", *flags])
    kept = keep_schedule(settings, before, 320, 1)
    made = Plan.of(kept.run, 320, 1)
    length = before.run.lr_schedule_length or Plan.of(before.run, 320, 1).total_steps
    return kept.run.lr_schedule_length, describe_schedule(kept.run, made, 80, length)


LINEAR = ["--lr_schedule=linear", "--batch_size=32"]


@pytest.mark.parametrize(
    ("own", "flags", "length", "said"),
    [
        (["--steps=100"], [], None, []),
        (["--steps=100"], ["--steps=100"], None, []),
        (["--steps=100"], ["--steps=200"], 100, ["falls over 100 steps, the run has 200"]),
        (["--epochs=10"], ["--epochs=20"], 100, ["are 0 from there on; --lr_schedule_length=200"]),
        (["--epochs=10"], ["--steps=90"], 100, ["are not at 0 at the end"]),
        (["--steps=200", "--lr_schedule_length=100"], [], 100, ["are 0 from there on"]),
        (["--steps=200", "--lr_schedule_length=100"], ["--steps=300"], 100, ["the run has 300"]),
        (
            ["--steps=100"],
            ["--steps=200", "--lr_schedule_length=200"],
            200,
            ["at step 80: 1 of the initial ones, 0.4 before"],
        ),
    ],
)
def test_schedule_of_a_resumed_run_is_that_of_its_first_length(own, flags, length, said, tmp_path):
    kept, lines = resumed(tmp_path, [*LINEAR, *own], *flags)
    assert kept == length
    assert len(lines) == len(said)
    assert all(words in line for words, line in zip(said, lines, strict=True))


def test_constant_rate_has_no_schedule_to_keep(tmp_path):
    assert resumed(tmp_path, ["--steps=100"], "--steps=300") == (None, [])
