import inspect
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kgan.runs import logs
from kgan.utils.errors import UserError
from tests.faults.limits import FULL, largest_file


@pytest.fixture
def places(tmp_path):
    (tmp_path / "tensorboard").mkdir()
    return tmp_path / "metrics.jsonl", tmp_path / "tensorboard"


def write(places, *steps):
    log = logs.ScalarLog(*places)
    for step in steps:
        log.write("train", step, {"g_loss": 0.5 * step})
    log.close()


def events(places):
    """Reads (tag, step, value) of all event files, in the order of the files."""
    found = []
    for path in sorted(places[1].iterdir()):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                tensor = tf.make_ndarray(value.tensor)
                found.append((value.tag, event.step, tensor if tensor.ndim else tensor.item()))
    return found


def test_scalars_go_to_both_places(places):
    write(places, 2, 4)
    assert [json.loads(line) for line in places[0].read_text().splitlines()] == [
        {"kind": "train", "step": 2, "g_loss": 1.0},
        {"kind": "train", "step": 4, "g_loss": 2.0},
    ]
    assert events(places) == [("train/g_loss", 2, 1.0), ("train/g_loss", 4, 2.0)]


def test_what_is_not_finite_becomes_null_in_json(places):
    log = logs.ScalarLog(*places)
    log.write("epoch", 1, {"a": float("nan"), "b": float("-inf"), "c": 0.0})
    log.close()
    line = {"kind": "epoch", "step": 1, "a": None, "b": None, "c": 0.0}
    assert json.loads(places[0].read_text()) == line
    assert np.isnan(events(places)[0][2])


def test_a_line_can_be_read_as_soon_as_it_is_written(places):
    log = logs.ScalarLog(*places)
    log.write("train", 1, {"g_loss": 1.0})
    assert [line["step"] for line in logs.read_metrics(places[0])] == [1]
    log.close()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_images_go_to_tensorboard(places, mode):
    log = logs.ScalarLog(*places)
    log.image("samples", 3, Image.new(mode, (5, 4)))
    log.close()
    (tag, step, content), *rest = events(places)
    assert (tag, step, rest) == ("samples", 3, [])
    width, height, encoded = content
    assert (int(width), int(height)) == (5, 4)
    assert encoded.startswith(b"\x89PNG")


def test_cut_back_drops_what_came_later_and_keeps_the_rest(places):
    write(places, 2, 4, 5)
    logs.cut_back(*places, step=4)
    assert [line["step"] for line in logs.read_metrics(places[0])] == [2, 4]
    assert [(step, value) for _, step, value in events(places)] == [(2, 1.0), (4, 2.0)]
    assert {path.suffix for path in places[0].parent.iterdir()} <= {".jsonl", ""}
    assert len(list(places[1].iterdir())) == 1


def test_a_resumed_log_has_each_step_once(places):
    write(places, 2, 4, 6)
    logs.cut_back(*places, step=4)
    write(places, 6, 8)
    assert [line["step"] for line in logs.read_metrics(places[0])] == [2, 4, 6, 8]
    assert sorted(step for _, step, _ in events(places)) == [2, 4, 6, 8]


def test_lines_that_stay_keep_every_digit(places):
    log = logs.ScalarLog(*places)
    log.write("train", 1, {"g_loss": 0.1 + 0.2, "d_loss": float("nan")})
    log.close()
    before = places[0].read_bytes()
    logs.cut_back(*places, step=1)
    assert places[0].read_bytes() == before


def test_cut_back_tolerates_what_a_crash_tore(places):
    write(places, 2, 4)
    with places[0].open("a") as file:
        file.write('{"kind": "train", "st')
    path = next(places[1].iterdir())
    content = path.read_bytes()
    path.write_bytes(content[:-7])
    logs.cut_back(*places, step=10)
    assert [line["step"] for line in logs.read_metrics(places[0])] == [2, 4]
    assert places[0].read_text().endswith("}\n")
    assert [step for _, step, _ in events(places)] == [2]


def test_cut_back_of_nothing_leaves_nothing(places):
    (places[1] / "events.out.tfevents.1.empty").touch()
    logs.cut_back(*places, step=3)
    assert logs.read_metrics(places[0]) == []
    assert events(places) == []


def test_log_of_the_other_workers_has_the_methods_of_a_log():
    public = {name for name in vars(logs.ScalarLog) if not name.startswith("_")}
    for name in public:
        inspect.signature(getattr(logs.NoLog(), name)).bind("any", number="of arguments")
    assert public == {"write", "image", "text", "cut_back", "flush", "close"}


def test_full_disk_under_metrics_is_one_line(tmp_path):
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    log = logs.ScalarLog(tmp_path / "metrics.jsonl", tmp_path)
    with pytest.raises(UserError) as raised:
        log.write("train", 1, {"g_loss": 1.0})
    assert str(raised.value) == f"{tmp_path}/metrics.jsonl: {FULL}"


@pytest.mark.parametrize("size", [10, 100_000], ids=["small", "larger than any buffer"])
def test_full_disk_under_events_is_one_line(tmp_path, size):
    # tf.summary silently lost an event larger than its buffer.
    events = logs.EventFile.new_in(tmp_path)
    (path,) = tmp_path.iterdir()
    with pytest.raises(UserError) as raised, largest_file(1000):
        for step in range(1000):
            events.write("words", step, "text", "x" * size)
            events.flush()
    assert str(raised.value).startswith(f"{path}: cannot be written (File too large")
    assert path.stat().st_size <= 1000


def test_events_are_those_that_tensorflow_writes(tmp_path):
    ours = logs.EventFile.new_in(tmp_path)
    ours.write("a", 3, "scalars", np.float32(0.1))
    ours.write("b", 4, "text", "wörds")
    ours.close()
    theirs = tf.summary.create_file_writer(str(tmp_path / "theirs"))
    with theirs.as_default():
        tf.summary.scalar("a", 0.1, step=3)
        tf.summary.text("b", "wörds", step=4)
    theirs.close()

    def read(folder):
        (path,) = (p for p in folder.iterdir() if p.is_file())
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            values = [
                (v.tag, v.metadata, tf.make_ndarray(v.tensor).tolist()) for v in event.summary.value
            ]
            yield event.step, event.file_version, values

    assert list(read(tmp_path)) == list(read(tmp_path / "theirs"))
    assert [step for step, *_ in read(tmp_path)] == [0, 3, 4]
