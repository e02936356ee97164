import numpy as np
import pytest

from kgan import checkpoint, randomness
from kgan.runs import Run
from tests.small_runs import DCGAN, command, copy_of, dcgan_run, metrics


def test_numbers_that_are_none_are_rolled_back_and_then_diagnosed(tmp_path):
    outcome = command(
        "train", *DCGAN, "--steps=8", "--log_every=2", "--checkpoint_every=2", "--g_lr=1e30",
        "--max_rollbacks=2", f"--runs_dir={tmp_path}", "--noexport",
    )  # fmt: skip
    assert outcome.status == 1
    assert outcome.out.count("learning rates halved") == 2
    assert "stopped after 2 rollbacks: " in outcome.out
    (run,) = tmp_path.iterdir()
    # Only the untouched start is left: a state that is not finite is never written.
    assert checkpoint.saved_steps(run / "checkpoints") == [0]
    arrays, _ = checkpoint.read(run / "checkpoints" / "step-00000000.safetensors")
    assert checkpoint.non_finite(arrays) == []


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    newest, before = sorted((run / "checkpoints").glob("step-*"))[::-1][:2]
    content = bytearray(newest.read_bytes())
    content[-10] ^= 1
    newest.write_bytes(content)
    outcome = command("train", f"--resume={run}", "--steps=12", "--noexport")
    assert outcome.status == 0
    assert newest.name in outcome.out
    assert f"resumed at step {int(before.stem.removeprefix('step-'))} of 12" in outcome.out
    steps = [line["step"] for line in metrics(run, "train")]
    assert steps == sorted(set(steps)) and steps[-1] == 12


def test_two_processes_cannot_write_into_one_run(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    with Run(run).lock():
        outcome = command("train", f"--resume={run}", "--steps=12")
    assert outcome.status == 2
    assert outcome.err.count("\n") == 1 and "another process" in outcome.err


def test_attempts_draw_other_numbers_and_the_first_is_the_runs_own():
    seeds = [randomness.attempt_seed(5, attempt) for attempt in range(4)]
    assert seeds[0] == 5
    assert len(set(seeds)) == 4
    assert all(0 <= seed < 2**31 for seed in seeds)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_arrays_are_named(value):
    arrays = {"a": np.float32([1, value]), "b": np.float32([1]), "c": np.int64([1])}
    assert checkpoint.non_finite(arrays) == ["a"]
