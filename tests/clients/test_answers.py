"""Repetitions of requests, names of answers, and folders that are not overwritten."""

import pytest

from kgan.clients import outputs
from kgan.clients.answers import Refused, Retries, Unavailable
from kgan.clients.work import Item, Work, report
from kgan.utils.errors import UserError


class Server:
    """Answers with the inputs, after the failures that it is given."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.asked = []

    def predict(self, signature, inputs):
        self.asked.append(inputs["image_bytes"])
        if self.failures and (failure := self.failures.pop(0)) is not None:
            raise failure
        return {"png_bytes": [b"answer to " + data for data in inputs["image_bytes"]]}


def items(*names):
    return [Item(n, f"{n}.png", lambda n=n: {"image_bytes": n.encode()}) for n in names]


def test_waits_grow_and_follow_the_server(monkeypatch):
    waits = []
    retries = Retries(count=4, first_wait=1.0, longest_wait=3.0, sleep=waits.append)
    failures = [Unavailable("down"), Unavailable("busy", 2.5), Unavailable("down"), None]

    def call():
        failure = failures.pop(0)
        if failure:
            raise failure
        return "answer"

    assert retries.run(call) == "answer"
    assert 0.5 <= waits[0] <= 1.0 and waits[1] == 2.5 and 1.5 <= waits[2] <= 3.0


def test_last_failure_is_raised_and_refusals_at_once():
    waits = []

    def fail(error):
        raise error

    with pytest.raises(Unavailable, match="down"):
        Retries(count=2, sleep=waits.append).run(lambda: fail(Unavailable("down")))
    assert len(waits) == 2
    with pytest.raises(Refused, match="no"):
        Retries(count=2, sleep=waits.append).run(lambda: fail(Refused("no")))
    assert len(waits) == 2


def test_every_item_is_answered_once_whatever_fails_between(tmp_path):
    server = Server(Unavailable("down"), None, Unavailable("busy", 0), None, Unavailable("x"))
    work = Work(server, "s", tmp_path, Retries(5, 0.0), parallel=3, batch=2)
    counts = work.run(items(*"abcdefg"))
    assert counts.written == 7 and not counts.skipped
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {
        f"{name}.png": f"answer to {name}".encode() for name in "abcdefg"
    }
    # What is there is not asked for again.
    server.asked.clear()
    (tmp_path / "c.png").unlink()
    again = work.run(items(*"abcdefg"))
    assert (again.written, again.kept, server.asked) == (1, 6, [[b"c"]])


def test_request_that_is_refused_is_repeated_one_by_one(tmp_path):
    server = Server(Refused("bad image"), None, Refused("bad image: b"), None)
    counts = Work(server, "s", tmp_path, parallel=1, batch=3).run(items(*"abc"))
    assert (counts.written, counts.skipped) == (2, {"b": "bad image: b"})
    with pytest.raises(UserError, match=r"--bad_limit=0.05: 1 of 3 inputs were skipped"):
        report(counts, str(tmp_path), 0.05)
    assert "1 skipped (in skipped.txt), the first: b: bad" in report(counts, str(tmp_path), 0.5)
    assert (tmp_path / "skipped.txt").read_text() == "b: bad image: b\n"


def test_refusal_of_the_whole_model_ends_the_work(tmp_path):
    server = Server(*[Refused("Servable not found")] * 50)
    with pytest.raises(Refused):
        Work(server, "s", tmp_path, parallel=2).run(items(*map(str, range(50))))
    assert len(server.asked) < 10


def test_unreadable_file_is_skipped(tmp_path):
    def fail():
        raise PermissionError(13, "Permission denied")

    counts = Work(Server(), "s", tmp_path).run([*items("a"), Item("b", "b.png", fail)])
    assert (counts.written, counts.skipped) == (1, {"b": "cannot be read (Permission denied)"})


def test_nothing_is_overwritten(tmp_path):
    outputs.write_new(tmp_path / "new" / "a.png", b"one")
    with pytest.raises(UserError, match="File exists"):
        outputs.write_new(tmp_path / "new" / "a.png", b"two")
    assert (tmp_path / "new" / "a.png").read_bytes() == b"one"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]


def test_folder_of_something_else_is_refused_and_that_of_the_same_flags_continued(tmp_path):
    source = tmp_path / "in"
    (source / "sub").mkdir(parents=True)
    for out in (source, source / "sub", source / "new"):
        with pytest.raises(UserError, match="lies in the folder of --input"):
            outputs.open_folder(str(out), {}, source)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("")
    with pytest.raises(UserError, match="is not empty"):
        outputs.open_folder(str(tmp_path / "mine"), {}, source)
    out = str(tmp_path / "out")
    outputs.open_folder(out, {"model": "a"}, source)
    # Nothing was answered yet, so that other flags take it over.
    folder = outputs.open_folder(out, {"model": "b"}, source)
    outputs.write_new(folder / "x.png", b"")
    assert outputs.open_folder(out, {"model": "b"}, source) == folder
    with pytest.raises(UserError, match="holds answers to other flags"):
        outputs.open_folder(out, {"model": "a"}, source)


def test_images_are_found_below_a_folder_and_alone(tmp_path):
    for name in ("b.png", "a.JPG", "sub/c.webp", "notes.txt", ".hidden.png", ".git/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert outputs.find_images(str(tmp_path)) == (tmp_path, ["a.JPG", "b.png", "sub/c.webp"])
    assert outputs.find_images(str(tmp_path / "b.png")) == (tmp_path, ["b.png"])
    for missing in ("none", ".git/../notes.txt/x"):
        with pytest.raises(UserError, match="--input="):
            outputs.find_images(str(tmp_path / missing))
