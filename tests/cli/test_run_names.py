"""Runs by number, name or `latest`, in every command."""

import pytest

from kgan import doctor, evaluate, export, generate, report
from kgan.cli.parsing import parse_command, parse_training
from kgan.cli.run_names import find_run
from kgan.utils.errors import UserError

NAMES = ("00001-pix2pix-facades", "00002-dcgan-digits", "00010-dcgan-digits", "00011-flow-ring")


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """Four runs in `runs`, one of which is no run any more, and one in `other`."""
    monkeypatch.chdir(tmp_path)
    for folder in (*(tmp_path / "runs" / name for name in NAMES), tmp_path / "other" / "2-mine"):
        folder.mkdir(parents=True)
        (folder / "flags.cfg").write_text("--model=gan\n--steps=9\n")
    (tmp_path / "runs" / "00012-failed").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "place"),
    [("2", 1), ("00002", 1), ("10", 2), ("latest", 3), ("last", 3), ("00002-dcgan-digits", 1)]
    + [("flow", 3), ("pix2pix-facades", 0), ("runs/00002-dcgan-digits", 1)],
)
def test_run_is_found_by_number_part_of_name_and_latest(text, place):
    assert find_run("run", text) == f"runs/{NAMES[place]}"


@pytest.mark.parametrize("text", ["dcgan", "dcgan-digits", "000", "9", "none", "", "12", "a\0b"])
def test_text_that_means_no_run_or_several_is_refused_with_the_candidates(text):
    with pytest.raises(UserError, match=r"^--resume=") as caught:
        find_run("resume", text)
    line = str(caught.value)
    assert "\n" not in line and NAMES[1] in line
    assert "failed" not in line


def test_folder_that_exists_is_taken_before_a_number(runs):
    (runs / "2").mkdir()
    (runs / "2" / "flags.cfg").write_text("")
    assert find_run("run", "2") == "2"
    assert find_run("run", "runs") == "runs"  # what it lacks is said where it is opened


@pytest.mark.parametrize("module", [doctor, evaluate, export, generate])
def test_commands_take_a_run_with_and_without_the_flag(module):
    def run_of(*words):
        return parse_command("kgan.x", module.FLAGS, words).run

    assert run_of("2") == run_of("--run=2") == run_of("--run", "2") == f"runs/{NAMES[1]}"
    assert run_of("2", "--runs_dir=other") == run_of("--runs_dir=other", "latest") == "other/2-mine"
    with pytest.raises(UserError, match="10: flags look like"):
        run_of("2", "10")
    with pytest.raises(UserError, match="2: flags look like"):
        run_of("2", "--run=10")


def test_report_takes_several_runs():
    given = parse_command("kgan.report", report.FLAGS, ["--run=1", "flow", "10"])
    assert given.run == [f"runs/{NAMES[n]}" for n in (0, 3, 2)]


def test_training_resumes_and_starts_from_a_run_by_its_name():
    assert parse_training(["--resume=latest"]).run.resume == f"runs/{NAMES[3]}"
    assert parse_training(["--resume", "2", "--runs_dir=other"]).run.resume == "other/2-mine"
    new = parse_training(["--model=gan", "--init_from=2"])
    assert f"--init_from=runs/{NAMES[1]}" in new.flagfile_text()
    with pytest.raises(UserError, match="--init_from=dcgan: could be"):
        parse_training(["--model=gan", "--init_from=dcgan"])
