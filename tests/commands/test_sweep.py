import pytest

from kgan import sweep
from kgan.cli.parsing import parse_own
from kgan.utils.errors import UserError

BASE = ("--model=dcgan", "--image_size=16", "--steps=20")


def test_values_of_other_flags_may_be_separate_words():
    own, rest = parse_own(
        "usage", sweep.FLAGS, ["--steps", "5", "--repeats=4", "--sweep=a:1", "--sweep", "b:2"]
    )
    assert (own.repeats, own.sweep, rest) == (4, ["a:1", "b:2"], ["--steps", "5"])


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("--sweep=g_optimizer:sgd|adamant",), "--g_optimizer=adamant"),
        (("--sweep=g_lr:0.1|0",), "--g_lr=0"),
        (("--sweep=g_optimiser:sgd",), "did you mean --g_optimizer?"),
        (("--sweep=g_optimizer",), "--sweep=g_optimizer: give NAME:VALUE"),
        (("--sweep=g_lr:0.1||0.2",), "--sweep=g_lr:0.1||0.2: "),
        (("--sweep=g_lr:0.1|1e-1",), "contains a value twice"),
        (("--sweep=g_lr:1", "--sweep=g_lr:2"), "g_lr is varied already"),
        (("--sweep=seed:1|2",), "--repeats"),
        (("--sweep=g_lr:1", "--seed=2147483647"), "--seed=2147483648"),
        (("--sweep=g_lr:1", "--runs_dir=x"), "--runs_dir: set by the sweep"),
        (("--sweep=g_lr:1", "--widht=3"), "--widht: no such flag"),
        (("--sweep=g_lr:1", "--measure=a b"), "--measure=a b: "),
        (("--sweep=g_lr:1", "--repeats=0"), "--repeats=0"),
        (("--sweep=g_lr:1", "--out= x"), "--out is missing"),
        ((), "--sweep is missing"),
    ],
)
def test_wrong_flags_are_one_line_before_anything_is_created(tmp_path, given, named):
    with pytest.raises(UserError) as error:
        sweep.main([*BASE, f"--out={tmp_path}/out", *given])
    assert named in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_dry_run_lists_the_cells_and_creates_nothing(tmp_path, capsys):
    given = (*BASE, "--sweep=g_optimizer:sgd|adam", f"--out={tmp_path}/out", "--dry_run")
    assert sweep.main(given) == 0
    assert "g_optimizer=adam" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
