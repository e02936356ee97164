"""Runs that are killed at random moments and resumed end as the run that was never killed.

All models, 20 kills each: `python -m pytest -m slow tests/faults -s`. In the suite,
`tests/training/test_loop.py` kills one run, and the contract tests compare a resumed run of every
model bit for bit.
"""

import json

import numpy as np
import pytest

from kgan.cli.models import model_names
from kgan.runs import checkpoint
from kgan.runs.folder import Run
from tests.faults import kills
from tests.faults.forks import Moment, Trainer
from tests.small_runs import copy_of, dcgan_run

LONG = 20  # runs killed for each model
SEED = "kills"


@pytest.fixture(scope="module")
def trainer():
    with Trainer() as started:
        yield started


@pytest.fixture(scope="module")
def references(trainer, tmp_path_factory):
    """Returns a function that returns each model's run that was never killed, trained once."""
    trained = {}

    def reference(model):
        if model not in trained:
            trained[model] = kills.reference(trainer, model, tmp_path_factory.mktemp(model))
        return trained[model]

    return reference


def change_weight(run):
    path = Run(run).latest()
    arrays, header = checkpoint.read(path)
    name = next(name for name in arrays if name.startswith("generator/"))
    arrays[name] = np.nextafter(arrays[name], np.float32(9))
    header.pop("format_version")
    checkpoint.write(path, arrays, header)


def change_curve(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    lines[1]["g_loss"] += 1e-9
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda run: None, ""),
        (change_weight, "step-00000010.safetensors: generator/"),
        (change_curve, "metrics.jsonl: missing "),
        (lambda run: next((run / "tensorboard").iterdir()).unlink(), "tensorboard: missing "),
        (lambda run: (run / "extra.txt").touch(), "files: doubled or other extra.txt"),
        (lambda run: next((run / "samples").iterdir()).write_bytes(b"x"), "samples/step-"),
    ],
    ids=["nothing", "a bit of a weight", "metrics", "events", "files", "samples"],
)
def test_every_difference_between_two_runs_is_found(change, named, tmp_path):
    other = copy_of(dcgan_run(), tmp_path)
    change(other)
    found = kills.differences(dcgan_run(), other)
    assert [line for line in found if not line.startswith(named.partition(":")[0])] == []
    assert any(line.startswith(named) for line in found) if named else found == []


@pytest.mark.slow
@pytest.mark.parametrize("model", model_names())
def test_run_killed_at_any_moment_ends_with_the_same_bits_and_the_same_curve(
    model, trainer, references, tmp_path
):
    trials = list(kills.trials(trainer, references(model), LONG, f"{SEED} {model}", tmp_path))
    differ = [trial for trial in trials if trial.differences]
    count = sum(len(trial.moments) for trial in trials)
    print(f"\n{model}: {count} kills in {len(trials)} runs, {len(differ)} runs differ")
    assert differ == []


@pytest.mark.slow
def test_forked_training_is_as_good_as_a_process_of_its_own(references, tmp_path):
    of = references(model_names()[0])
    kills.plain_training([*of.flags, f"--runs_dir={tmp_path}"])
    (run,) = tmp_path.iterdir()
    assert kills.differences(of.run, run) == []


@pytest.mark.slow
@pytest.mark.parametrize("model", model_names())
def test_a_run_killed_between_its_end_and_its_last_checkpoint_misses_nothing(
    model, trainer, references, tmp_path
):
    of = references(model)
    # The last operations on files: sample, the temporary checkpoint, its renaming, deletion, …
    for back in range(4):
        folder = tmp_path / str(back)
        moment = Moment("file", of.operations - back)
        ended = trainer.train([*of.flags, f"--runs_dir={folder}"], moment)
        assert ended.status == -9
        (run,) = folder.iterdir()
        assert trainer.train([f"--resume={run}"]).status == 0
        assert kills.differences(of.run, run) == []
