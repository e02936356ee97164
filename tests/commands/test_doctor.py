import importlib.metadata
import shutil

import pytest

from kgan.runs import inspection
from kgan.runs.folder import Run
from tests.small_runs import command, copy_of, dcgan_run, pix2pix_run


@pytest.fixture
def doctor(tmp_path):
    """Returns a function that runs the doctor and returns its status and what it prints."""

    def run(*flags):
        outcome = command("doctor", f"--runs_dir={tmp_path}/runs", *flags)
        assert outcome.err == "", outcome
        return outcome.status, outcome.out

    return run


@pytest.fixture
def copy(tmp_path):
    """A copy of a small run, into which a test may write."""
    return copy_of(dcgan_run(), tmp_path)


def lines_of(out, start):
    """The lines on what begins so; the mark before it is six characters wide."""
    return [line for line in out.splitlines() if line[6:].startswith(start)]


@pytest.fixture(autouse=True)
def disk(monkeypatch):
    """The free bytes that the disk is said to have."""
    free = [60e9]

    def usage(folder):
        return type("Usage", (), {"free": free[0]})

    monkeypatch.setattr(shutil, "disk_usage", usage)
    return free


def test_sound_machine_and_run_are_ok_in_every_line(doctor, tmp_path):
    status, out = doctor(f"--run={pix2pix_run()}")
    assert status == 0
    assert {line[:6] for line in out.splitlines()} == {"ok    "}
    for name in inspection.PACKAGES:
        assert lines_of(out, name)[0].endswith(" " + importlib.metadata.version(name))
    assert lines_of(out, "disk") == [f"ok    {'disk':25} 60.0 GB free at {tmp_path}"]
    assert lines_of(out, "run") == [f"ok    {'run':25} pix2pix; not running"]
    assert lines_of(out, "step-00000008")[0].endswith(" whole, step 8")
    assert lines_of(out, "best.safetensors")[0].split(" whole, step ")[1] in "2468"
    assert list(tmp_path.iterdir()) == []


def test_missing_package_and_little_space_are_wrong(doctor, monkeypatch, disk, tmp_path):
    monkeypatch.setattr(inspection, "PACKAGES", ("numpy", "no-such-package"))
    disk[0] = 1.2e9
    status, out = doctor()
    assert status == 1
    assert [line for line in out.splitlines() if line.startswith("WRONG")] == [
        f"WRONG {'no-such-package':25} not installed; pip install no-such-package",
        f"WRONG {'disk':25} 1.2 GB free at {tmp_path}; runs want 5 GB",
    ]


def test_place_without_write_access_is_wrong_and_prepared_datasets_are_listed(doctor, tmp_path):
    (tmp_path / "runs").touch()
    (tmp_path / "mnist" / "3.0.1").mkdir(parents=True)
    (tmp_path / "mnist" / "3.0.1" / "dataset_info.json").touch()
    status, out = doctor(f"--data_dir={tmp_path}")
    assert status == 1
    assert "cannot be written (Not a directory)" in lines_of(out, "disk")[0]
    assert lines_of(out, "prepared")[0].endswith(" mnist/3.0.1")


def test_damaged_checkpoint_is_wrong_and_the_others_are_not(doctor, copy):
    path = copy / "checkpoints" / "step-00000010.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    status, out = doctor(f"--run={copy}")
    assert status == 1
    wrong = [line for line in out.splitlines() if line.startswith("WRONG")]
    assert len(wrong) == 1 and str(path) in wrong[0] and "use an older one" in wrong[0]
    assert lines_of(out, "step-00000008")[0].startswith("ok")


def test_checkpoint_of_other_settings_is_wrong(doctor, copy):
    flags = (copy / "flags.cfg").read_text()
    (copy / "flags.cfg").write_text(flags.replace("--width=4", "--width=5"))
    status, out = doctor(f"--run={copy}")
    assert status == 1
    assert "made with --width=4, this run has --width=5" in out


def test_run_without_checkpoints_is_wrong(doctor, copy):
    shutil.rmtree(copy / "checkpoints")
    status, out = doctor(f"--run={copy}")
    assert status == 1
    assert lines_of(out, "checkpoints")[0].startswith("WRONG")


def test_missing_best_checkpoint_is_wrong_only_of_a_run_with_validation(doctor, tmp_path):
    run = copy_of(pix2pix_run(), tmp_path)
    (run / "checkpoints" / "best.safetensors").unlink()
    status, out = doctor(f"--run={run}")
    assert status == 1
    assert lines_of(out, "best.safetensors")[0].startswith("WRONG")
    status, out = doctor(f"--run={dcgan_run()}")
    assert status == 0 and lines_of(out, "best") == []


def test_rest_of_a_crash_is_named_and_not_wrong_unless_the_run_is_in_use(doctor, copy):
    whole = len((copy / "metrics.jsonl").read_text().splitlines())
    with (copy / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "tr')
    (copy / "checkpoints" / ".step-00000012.safetensors.77.writing").touch()
    status, out = doctor(f"--run={copy}")
    assert status == 0
    assert lines_of(out, "metrics.jsonl")[0].endswith(
        f" {whole} lines, to step 10; the last one is incomplete, resuming deletes it"
    )
    assert lines_of(out, "left over")[0].endswith(
        " checkpoints/.step-00000012.safetensors.77.writing; can be removed"
    )
    with Run(copy).lock():
        status, out = doctor(f"--run={copy}")
    assert status == 0
    assert lines_of(out, "run")[0].endswith(" dcgan; running now")
    assert lines_of(out, "left over") == []


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("metrics.jsonl", '{"step": 1}\nnonsense\n', "{path}, line 2: damaged"),
        ("dataset.json", '{"kind": ', "{path}: damaged ("),
        ("flags.cfg", None, "--run={folder}: contains no flags.cfg"),
    ],
)
def test_run_with_a_damaged_or_missing_file_is_one_line(name, content, says, copy):
    path = copy / name
    path.unlink() if content is None else path.write_text(content)
    line = command("doctor", f"--run={copy}").error_line
    assert line.startswith(says.format(path=path, folder=copy))
