"""Versions of an export: numbers that two processes claim, and what killed ones leave."""

import multiprocessing
import os
import pathlib
import signal

import pytest

from kgan.serving import versions


def write_version(folder, barrier):
    with versions.new_version(folder) as place:
        place.mkdir()
        (place / "saved_model.pb").write_text(str(os.getpid()))
        barrier.wait()
        versions.add(place, folder)


def be_killed_while_writing(folder):
    with versions.new_version(folder) as place:
        place.mkdir()
        (place / "half").write_text("written")
        os.kill(os.getpid(), signal.SIGKILL)


def test_two_exports_at_once_take_two_versions(tmp_path):
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(4)
    writers = [fork.Process(target=write_version, args=(tmp_path, barrier)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["1", "2", "3", "4"]
    texts = {(tmp_path / name / "saved_model.pb").read_text() for name in names}
    assert texts == {str(writer.pid) for writer in writers}


def test_number_that_another_process_takes_in_between_is_left_to_it(tmp_path, monkeypatch):
    rename = pathlib.Path.rename

    def late(path, target):
        if target.name == "1":
            target.mkdir()
            (target / "theirs").write_text("")
        return rename(path, target)

    monkeypatch.setattr(pathlib.Path, "rename", late)
    with versions.new_version(tmp_path) as place:
        place.mkdir()
        assert versions.add(place, tmp_path) == tmp_path / "2"
    assert (tmp_path / "1" / "theirs").exists()


def test_leftovers_of_a_killed_writer_are_removed_and_those_of_a_living_one_are_kept(tmp_path):
    fork = multiprocessing.get_context("fork")
    killed = fork.Process(target=be_killed_while_writing, args=(tmp_path,))
    killed.start()
    killed.join()
    (left,) = tmp_path.iterdir()
    with versions.new_version(tmp_path) as living:
        living.mkdir()
        assert not left.exists()
        with versions.new_version(tmp_path):
            assert living.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_version_without_a_readable_record_has_an_empty_one(text, tmp_path):
    versions.write_record(tmp_path, {"step": 3})
    assert versions.read_record(tmp_path) == {"step": 3}
    (tmp_path / "assets.extra" / versions.RECORD).write_text(text)
    assert versions.read_record(tmp_path) == {}
