import json
from unittest import mock

import pytest

from kgan.cli.parsing import parse_training
from kgan.data.dataset import DataSpec
from kgan.runs import checkpoint
from kgan.runs.folder import Run, create_run, find_job, open_run
from kgan.utils.errors import UserError
from tests.small_runs import command, copy_of, dcgan_run, metrics

SPEC = DataSpec("labelled", (16, 24), 1, 3, ("cat", "dog"), split_rule=2)


@pytest.fixture
def resolved():
    return parse_training(["--model=dcgan", "--width=4", "--noexport", "--job=mine"])


@pytest.fixture
def run(tmp_path, resolved):
    return create_run(str(tmp_path / "runs"), "digits", resolved, SPEC)


def test_folders_are_numbered_from_one(tmp_path, resolved):
    parent = str(tmp_path / "new" / "runs")
    names = [create_run(parent, "digits", resolved, SPEC).folder.name for _ in range(3)]
    assert names == ["00001-digits", "00002-digits", "00003-digits"]


def test_number_follows_the_highest_number_of_any_entry(tmp_path, resolved):
    for name in ("00007-old", "notes", "3", "-8", "x00009-y"):
        (tmp_path / name).mkdir()
    (tmp_path / "00008-a-file").write_text("counts too")
    assert create_run(str(tmp_path), "new", resolved, SPEC).folder.name == "00009-new"


def test_number_that_another_run_takes_in_between_is_skipped(tmp_path, resolved):
    make = type(tmp_path).mkdir
    taken = []

    def slow(path, *args, **kwargs):
        if path.name.startswith("00001") and not taken:
            taken.append(path)
            make(path)
        make(path, *args, **kwargs)

    with mock.patch.object(type(tmp_path), "mkdir", slow):
        run = create_run(str(tmp_path), "digits", resolved, SPEC)
    assert run.folder.name == "00002-digits"


def test_new_folder_contains_settings_data_and_subfolders_that_read_back(run, resolved):
    opened = open_run(str(run.folder))
    assert opened.spec() == SPEC
    assert opened.spec().split_rule == SPEC.split_rule == 2
    assert json.loads((run.folder / "dataset.json").read_text())["channels"] == 1
    text = resolved.flagfile_text()
    assert run.flags.read_text() == opened.settings().flagfile_text() == text
    assert (opened.settings().values["width"], opened.settings().run.export) == (4, False)
    for folder in (run.tensorboard, run.samples, run.checkpoints):
        assert folder.is_dir() and folder.parent == run.folder


def test_name_is_the_folder_without_its_number(tmp_path):
    assert Run(tmp_path / "00012-my-3-runs").name == "my-3-runs"


def test_latest_is_the_highest_step_and_not_the_newest_file(run):
    with pytest.raises(UserError, match="no checkpoint"):
        run.latest()
    for step in (900, 1000, 99, 100_000_000):
        checkpoint.step_path(run.checkpoints, step).write_text("")
    assert run.latest().name == "step-100000000.safetensors"


def test_newest_run_of_a_job_that_has_a_checkpoint_is_found(tmp_path, run, resolved):
    parent = str(tmp_path / "runs")
    assert find_job(parent, "mine") is None
    for later in (run, create_run(parent, "digits", resolved, SPEC)):
        checkpoint.step_path(later.checkpoints, 0).touch()
        assert find_job(parent, "mine") == str(later.folder)
    create_run(parent, "digits", resolved, SPEC)  # without a checkpoint
    assert find_job(parent, "mine") == str(later.folder)
    assert find_job(parent, "another") is None


@pytest.mark.parametrize("missing", ["flags.cfg", "dataset.json"])
def test_folder_without_a_necessary_file_is_refused(missing, run):
    (run.folder / missing).unlink()
    with pytest.raises(UserError, match=f"contains no {missing};"):
        open_run(str(run.folder))


def test_new_length_is_stored_in_the_flags_and_nothing_else(run, resolved):
    before = run.flags.read_text()
    run.keep_length(resolved)
    assert run.flags.read_text() == before
    run.keep_length(parse_training([f"--resume={run.folder}", "--steps=77", "--cache_gb=9"]))
    changed = set(run.flags.read_text().split()) ^ set(before.split())
    assert changed == {"--epochs=150", "--steps=77"}
    assert (run.settings().run.steps, run.settings().run.epochs) == (77, None)


def test_two_processes_cannot_write_into_one_run(tmp_path):
    copy = copy_of(dcgan_run(), tmp_path)
    flags = (copy / "flags.cfg").read_text()
    with Run(copy).lock():
        outcome = command("train", f"--resume={copy}", "--steps=12")
    assert outcome.status == 2
    assert outcome.err.count("\n") == 1 and "another process" in outcome.err
    assert (copy / "flags.cfg").read_text() == flags


def test_damaged_checkpoint_is_named_and_replaced_by_the_one_before(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    newest = run / "checkpoints" / "step-00000010.safetensors"
    content = bytearray(newest.read_bytes())
    content[-10] ^= 1
    newest.write_bytes(content)
    flags = ("--keep_checkpoints=1", "--checkpoint_every=1", "--noexport")
    outcome = command("train", f"--resume={run}", *flags)
    assert outcome.status == 0
    assert newest.name in outcome.out and "resumed at step 8 of 10" in outcome.out
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == [
        "step-00000010.safetensors",
        "step-00000010.safetensors.damaged",
    ]
    assert checkpoint.read(newest)[1]["step"] == 10
    steps = [line["step"] for line in metrics(run, "train")]
    assert steps == [2, 4, 6, 8, 10]
