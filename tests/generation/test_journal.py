"""The journal of a folder of translations: what goes on, and what is refused."""

import pytest

from kgan.generation.journal import NAME, Journal, differences
from kgan.utils.errors import UserError

CALL = {"run": "r", "seed": 0, "direction": None}


def test_call_goes_on_after_a_line_that_was_cut_off(tmp_path):
    with Journal(tmp_path, CALL) as journal:
        journal.announce("a.png", "1", b"a")
        journal.announce("b.png", "2", b"b")
    (tmp_path / "a.png").write_bytes(b"a")
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes()[:-5])
    with Journal(tmp_path, CALL) as journal:
        assert journal.is_made("a.png", "1") and not journal.is_made("b.png", "2")
        journal.announce("c.png", "3", b"c")
    (tmp_path / "c.png").write_bytes(b"c")
    with Journal(tmp_path, CALL) as journal:
        assert journal.is_made("c.png", "3")
        # The input has changed since.
        assert not journal.is_made("a.png", "9")


def test_another_call_is_refused_and_named(tmp_path):
    with Journal(tmp_path, CALL):
        pass
    with (
        pytest.raises(UserError, match=r"another call \(seed 0, now 1\)"),
        Journal(tmp_path, CALL | {"seed": 1}),
    ):
        pass


def test_other_weights_are_named_in_words():
    call = CALL | {"weights": "8b3d", "checkpoint": "best"}
    assert "trained further" in differences(call, call | {"weights": "6dfe"})
    said = differences(call, call | {"weights": "6dfe", "checkpoint": "last"})
    assert said == "checkpoint best, now last"


def test_two_processes_do_not_write_into_one_folder(tmp_path):
    with Journal(tmp_path, CALL), pytest.raises(UserError, match="another process"):
        Journal(tmp_path, CALL).__enter__()


def test_files_that_are_not_of_the_call_are_not_free(tmp_path):
    (tmp_path / "b.png").write_bytes(b"the user's")
    with Journal(tmp_path, CALL) as journal:
        journal.check_free(["a.png"])
        with pytest.raises(UserError, match=r"b\.png would be overwritten"):
            journal.check_free(["a.png", "b.png"])


def test_incomplete_files_of_killed_processes_are_removed(tmp_path):
    with Journal(tmp_path, CALL) as journal:
        journal.announce("in/a[1].png", "1", b"")
    (tmp_path / "in").mkdir()
    left, other = (tmp_path / "in" / name for name in (".a[1].png.77.writing", ".b.writing"))
    for path in (left, other):
        path.write_bytes(b"")
    with Journal(tmp_path, CALL):
        assert not left.exists() and other.exists()


def test_file_of_an_earlier_input_is_made_again_after_an_interruption(tmp_path):
    with Journal(tmp_path, CALL) as journal:
        journal.announce("a.png", "1", b"of 1")
        (tmp_path / "a.png").write_bytes(b"of 1")
        journal.announce("a.png", "2", b"of 2")  # and the process is killed
    with Journal(tmp_path, CALL) as journal:
        assert not journal.is_made("a.png", "2")


def test_changes_of_the_user_are_kept(tmp_path):
    with Journal(tmp_path, CALL) as journal:
        journal.announce("a.png", "1", b"a")
    (tmp_path / "a.png").write_bytes(b"edited")
    with Journal(tmp_path, CALL) as journal:
        assert journal.is_made("a.png", "1")
        with pytest.raises(UserError, match=r"a\.png: was changed since it was made"):
            journal.is_made("a.png", "2")


@pytest.mark.parametrize("content", [b"my notes\n", b'{"en": "a", "fr": "b"}\n', b'{"call": '])
def test_file_of_the_journals_name_that_is_none_is_kept(content, tmp_path):
    (tmp_path / NAME).write_bytes(content)
    if content == b'{"call": ':  # of a call that was killed at its beginning
        with Journal(tmp_path, CALL):
            return
    with pytest.raises(UserError, match="was not made by this"), Journal(tmp_path, CALL):
        pass
    assert (tmp_path / NAME).read_bytes() == content
