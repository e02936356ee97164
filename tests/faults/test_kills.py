"""Every scheme, killed at random moments and resumed, ends as the run that nobody killed.

The long form, 20 kills for each scheme: `python -m pytest -m slow tests/faults -s`.
"""

import pytest

from kgan.cli.models import model_class, model_names
from tests.faults import kills
from tests.faults.forks import Moment, Trainer

LONG = 20  # runs killed for each scheme
SEED = "kills"


def one_a_game() -> list[str]:
    """Names a scheme of one player, one of two, and one whose players have several networks.

    The contract holds a resumed run of every scheme to the same bits; the long form kills them all.
    """
    first = {}
    for name in model_names():
        ancestors = model_class(name).__mro__
        game = next(base for base in ancestors if base.__module__ == "kgan.models.base.model")
        first.setdefault(game, name)
    return list(first.values())


@pytest.fixture(scope="module")
def trainer():
    with Trainer() as started:
        yield started


@pytest.fixture(scope="module")
def references(trainer, tmp_path_factory):
    """Gives each scheme's run that nobody killed, trained once."""
    trained = {}

    def reference(scheme):
        if scheme not in trained:
            trained[scheme] = kills.reference(trainer, scheme, tmp_path_factory.mktemp(scheme))
        return trained[scheme]

    return reference


@pytest.mark.parametrize("scheme", one_a_game())
def test_killed_run_ends_with_the_same_bits_and_the_same_curve(
    scheme, trainer, references, tmp_path
):
    (trial,) = kills.trials(trainer, references(scheme), 1, f"short {scheme}", tmp_path)
    assert trial.differences == [], trial
    assert trial.moments and len(trial.resumed_at) == len(trial.moments)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", model_names())
def test_run_killed_at_any_moment_ends_with_the_same_bits_and_the_same_curve(
    scheme, trainer, references, tmp_path
):
    trials = list(kills.trials(trainer, references(scheme), LONG, f"{SEED} {scheme}", tmp_path))
    differ = [trial for trial in trials if trial.differences]
    count = sum(len(trial.moments) for trial in trials)
    print(f"\n{scheme}: {count} kills in {len(trials)} runs, {len(differ)} runs differ")
    assert differ == []


@pytest.mark.slow
def test_forked_training_is_as_good_as_a_process_of_its_own(references, tmp_path):
    of = references(model_names()[0])
    kills.plain_training([*of.flags, f"--runs_dir={tmp_path}"])
    (run,) = tmp_path.iterdir()
    assert kills.differences(of.run, run) == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", model_names())
def test_a_run_killed_between_its_end_and_its_last_checkpoint_misses_nothing(
    scheme, trainer, references, tmp_path
):
    of = references(scheme)
    # The last operations on files: sample, the checkpoint beside, its place, pruning, …
    for back in range(4):
        folder = tmp_path / str(back)
        ended = trainer.train(
            [*of.flags, f"--runs_dir={folder}"], Moment("file", of.operations - back)
        )
        assert ended.status == -9
        (run,) = folder.iterdir()
        assert trainer.train([f"--resume={run}"]).status == 0
        assert kills.differences(of.run, run) == []
