"""Tests of what the doctor prints: a line for each thing, and status 1 where one is wrong."""

import importlib.metadata
import shutil

import pytest

from kgan import doctor
from kgan.runs.folder import Run
from tests.small_runs import command, copy_of, dcgan_run, pix2pix_run


def look(*flags):
    """Runs the doctor; gives its status and what it printed."""
    outcome = command("doctor", *flags)
    assert outcome.err == "", outcome
    return outcome.status, outcome.out


def lines_of(out, start):
    """The lines on what begins so; the mark before it is six characters wide."""
    return [line for line in out.splitlines() if line[6:].startswith(start)]


@pytest.fixture(autouse=True)
def room(monkeypatch):
    """Says that there is room, whatever this machine has."""

    def usage(place):
        return shutil._ntuple_diskusage(100e9, 40e9, 60e9)

    monkeypatch.setattr(shutil, "disk_usage", usage)


def test_sound_machine_and_run_are_ok_in_every_line(tmp_path):
    status, out = look(f"--run={pix2pix_run()}", f"--runs_dir={tmp_path}/runs")
    assert status == 0
    assert {line[:6] for line in out.splitlines()} == {"ok    "}
    for name in doctor.PACKAGES:
        assert lines_of(out, name)[0].endswith(" " + importlib.metadata.version(name))
    assert lines_of(out, "disk") == [f"ok    {'disk':25} 60.0 GB free at {tmp_path}"]
    assert lines_of(out, "run") == [f"ok    {'run':25} pix2pix; not running"]
    assert lines_of(out, "step-00000008")[0].endswith(" whole, step 8")
    assert lines_of(out, "best.safetensors")[0].split(" whole, step ")[1] in "2468"
    assert list(tmp_path.iterdir()) == []


def test_missing_package_is_wrong_and_says_how_to_mend_it(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "no-such-package"))
    status, out = look(f"--runs_dir={tmp_path}")
    assert status == 1
    assert lines_of(out, "no-such") == [
        f"WRONG {'no-such-package':25} not installed; pip install no-such-package"
    ]


def test_little_room_is_wrong(monkeypatch, tmp_path):
    usage = shutil._ntuple_diskusage(100e9, 98.8e9, 1.2e9)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage)
    status, out = look(f"--runs_dir={tmp_path}")
    assert status == 1
    assert lines_of(out, "disk") == [f"WRONG {'disk':25} 1.2 GB free at {tmp_path}; runs want 5 GB"]


def test_place_that_takes_no_files_is_wrong(tmp_path):
    (tmp_path / "file").touch()
    status, out = look(f"--runs_dir={tmp_path}/file")
    assert status == 1
    assert "cannot be written (Not a directory)" in lines_of(out, "disk")[0]


def test_prepared_data_sets_are_listed(tmp_path):
    prepared = tmp_path / "mnist" / "3.0.1"
    prepared.mkdir(parents=True)
    (prepared / "dataset_info.json").touch()
    _, out = look(f"--data_dir={tmp_path}", f"--runs_dir={tmp_path}")
    assert lines_of(out, "prepared")[0].endswith(" mnist/3.0.1")


def test_damaged_checkpoint_is_wrong_and_the_others_are_not(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    path = run / "checkpoints" / "step-00000010.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    status, out = look(f"--run={run}", f"--runs_dir={tmp_path}")
    assert status == 1
    wrong = [line for line in out.splitlines() if line.startswith("WRONG")]
    assert len(wrong) == 1 and str(path) in wrong[0] and "use an older one" in wrong[0]
    assert lines_of(out, "step-00000008")[0].startswith("ok")


def test_checkpoint_of_other_settings_is_wrong(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    flags = (run / "flags.cfg").read_text()
    (run / "flags.cfg").write_text(flags.replace("--width=4", "--width=5"))
    status, out = look(f"--run={run}", f"--runs_dir={tmp_path}")
    assert status == 1
    assert "made with --width=4, this run has --width=5" in out


def test_run_without_checkpoints_is_wrong(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    shutil.rmtree(run / "checkpoints")
    status, out = look(f"--run={run}", f"--runs_dir={tmp_path}")
    assert status == 1
    assert lines_of(out, "checkpoints")[0].startswith("WRONG")


def test_missing_best_is_wrong_only_where_there_was_a_validation(tmp_path):
    run = copy_of(pix2pix_run(), tmp_path)
    (run / "checkpoints" / "best.safetensors").unlink()
    status, out = look(f"--run={run}", f"--runs_dir={tmp_path}")
    assert status == 1
    assert lines_of(out, "best.safetensors")[0].startswith("WRONG")
    status, out = look(f"--run={dcgan_run()}", f"--runs_dir={tmp_path}")
    assert status == 0 and lines_of(out, "best") == []


def test_what_a_crash_left_is_named_and_not_wrong(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    whole = len((run / "metrics.jsonl").read_text().splitlines())
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "tr')
    (run / "checkpoints" / ".step-00000012.safetensors.77.writing").touch()
    status, out = look(f"--run={run}", f"--runs_dir={tmp_path}")
    assert status == 0
    assert lines_of(out, "metrics.jsonl")[0].endswith(
        f" {whole} lines, to step 10; the last one is torn, resuming drops it"
    )
    assert lines_of(out, "left over")[0].endswith(
        " checkpoints/.step-00000012.safetensors.77.writing; can be removed"
    )


def test_run_in_use_is_told_and_its_half_written_files_are_left_alone(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    (run / "checkpoints" / ".step-00000012.safetensors.77.writing").touch()
    with Run(run).lock():
        status, out = look(f"--run={run}", f"--runs_dir={tmp_path}")
    assert status == 0
    assert lines_of(out, "run")[0].endswith(" dcgan; running now")
    assert lines_of(out, "left over") == []


def test_folder_that_is_no_run_is_one_line(tmp_path):
    line = command("doctor", f"--run={tmp_path}").error_line
    assert line.startswith(f"--run={tmp_path}: contains no flags.cfg")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("metrics.jsonl", '{"step": 1}\nnonsense\n', ", line 2: damaged"),
        ("dataset.json", '{"kind": ', ": damaged ("),
    ],
)
def test_torn_part_of_a_run_is_one_line(name, content, says, tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    (run / name).write_text(content)
    line = command("doctor", f"--run={run}", f"--runs_dir={tmp_path}").error_line
    assert line.startswith(f"{run / name}{says}")
