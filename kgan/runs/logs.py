"""metrics.jsonl and TensorBoard events: writing them, and cutting them back to a checkpoint."""

import io
import itertools
import json
import math
import os
import pathlib
import socket
import time
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from kgan.utils.atomic import atomic_write, report_write_errors
from kgan.utils.errors import UserError


class ScalarLog:
    """Writes every scalar to both places.

    Args:
        metrics: the metrics.jsonl file; appended to.
        tensorboard: the folder of event files; a new file is begun.
    """

    def __init__(self, metrics: pathlib.Path, tensorboard: pathlib.Path):
        self._metrics = metrics
        self._tensorboard = tensorboard
        self._open()

    def _open(self):
        # Open as long as the log is; `close` closes it.
        with report_write_errors(self._metrics):
            self._file = open(self._metrics, "a", buffering=1)  # noqa: SIM115
        self._events = EventFile.new_in(self._tensorboard)

    def write(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Writes one line and one event a value; a NaN becomes null in JSON.

        Args:
            kind: `train` (means since the last line), `epoch` (means over it) or `validation`.
            step: generator updates so far.
            values: floats by name.
        """
        line = {k: v if math.isfinite(v) else None for k, v in values.items()}
        self._write_line({"kind": kind, "step": step, **line})
        for name, value in values.items():
            self._events.write(f"{kind}/{name}", step, "scalars", np.float32(value))
        self._events.flush()

    def image(self, name: str, step: int, image) -> None:
        """Writes a Pillow image as a TensorBoard image."""
        png = io.BytesIO()
        image.save(png, "PNG")
        words = [b"%d" % image.width, b"%d" % image.height, png.getvalue()]
        self._events.write(name, step, "images", words)
        self._events.flush()

    def text(self, name: str, step: int, words: str) -> None:
        """Writes words to metrics.jsonl and TensorBoard."""
        self._write_line({"kind": name, "step": step, "text": words})
        self._events.write(name, step, "text", words)
        self._events.flush()

    def _write_line(self, values):
        with report_write_errors(self._metrics):
            self._file.write(json.dumps(values) + "\n")

    def cut_back(self, step: int) -> None:
        """Drops what was logged after a checkpoint to which the run goes back."""
        self.close()
        cut_back(self._metrics, self._tensorboard, step)
        self._open()

    def flush(self) -> None:
        with report_write_errors(self._metrics):
            self._file.flush()
        self._events.flush()

    def close(self) -> None:
        with report_write_errors(self._metrics):
            self._file.close()
        self._events.close()


class EventFile:
    """A new file of TensorBoard events that says so when the disk is full.

    `tf.summary` does not: it drops an event that does not fit, and every one after it.

    Args:
        path: the file; see `new_in`.
    """

    _numbers = itertools.count()

    def __init__(self, path: pathlib.Path):
        self._path = path
        with report_write_errors(self._path):
            self._writer = tf.io.TFRecordWriter(str(self._path))
        self._put(tf.compat.v1.Event(wall_time=time.time(), file_version="brain.Event:2"))
        self.flush()

    @classmethod
    def new_in(cls, folder: pathlib.Path) -> "EventFile":
        """Begins a file of a name that no other process gives."""
        made = f"{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{next(cls._numbers)}"
        return cls(folder / f"events.out.tfevents.{made}.v2")

    def write(self, tag: str, step: int, plugin: str, content, when: float | None = None) -> None:
        """Writes what a plugin of TensorBoard shows.

        Args:
            tag: the name of the curve, image or text.
            step: generator updates so far.
            plugin: `scalars`, `images` or `text`.
            content: a float32; width, height and PNG as three byte strings; a string.
            when: seconds since 1970; None: now.
        """
        metadata = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": plugin})
        value = tf.compat.v1.Summary.Value(
            tag=tag, metadata=metadata, tensor=tf.make_tensor_proto(content)
        )
        summary = tf.compat.v1.Summary(value=[value])
        when = time.time() if when is None else when
        self._put(tf.compat.v1.Event(wall_time=when, step=step, summary=summary))

    def flush(self) -> None:
        with report_write_errors(self._path):
            self._writer.flush()

    def close(self) -> None:
        with report_write_errors(self._path):
            self._writer.close()

    def _put(self, event):
        with report_write_errors(self._path):
            self._writer.write(event.SerializeToString())


class NoLog:
    """Takes what a `ScalarLog` takes and writes nothing: for workers that are not the chief."""

    def write(self, kind, step, values):
        pass

    def image(self, name, step, image):
        pass

    def text(self, name, step, words):
        pass

    def cut_back(self, step):
        pass

    def flush(self):
        pass

    def close(self):
        pass


def read_metrics(path: pathlib.Path) -> list[dict]:
    """Reads metrics.jsonl; a last line that a crash tore is left out.

    Raises:
        UserError: names the first line that is damaged.
    """
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    whole = (line for line in lines if line.endswith(b"\n"))
    return [parse(line, f"{path}, line {number}") for number, line in enumerate(whole, start=1)]


def parse(line: bytes, where: str) -> dict:
    """Parses a line of metrics.jsonl or metrics-*.jsonl.

    Raises:
        UserError: begins with where it is.
    """
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not isinstance(values.get("step"), int):
        raise UserError(f"{where}: damaged; right would be a JSON object with a step")
    return values


def is_torn(path: pathlib.Path) -> bool:
    """Tells whether a crash tore the last line of metrics.jsonl; resuming drops it."""
    return path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0


def cut_back(metrics: pathlib.Path, tensorboard: pathlib.Path, step: int) -> None:
    """Drops what was logged after a checkpoint, so that a resumed curve has no double steps.

    Args:
        metrics: the metrics.jsonl file.
        tensorboard: the folder of event files.
        step: the checkpoint's; what was logged at it stays.
    """
    kept = [line for line in read_metrics(metrics) if line["step"] <= step]
    with atomic_write(metrics) as place:
        place.write_text("".join(json.dumps(line) + "\n" for line in kept))
    for events in sorted(tensorboard.glob("events.out.tfevents.*")):
        _cut_events(events, step)


def _cut_events(path, step):
    with atomic_write(path) as place, tf.io.TFRecordWriter(str(place)) as writer:
        try:
            for record in tf.data.TFRecordDataset(str(path)):
                if tf.compat.v1.Event.FromString(record.numpy()).step <= step:
                    writer.write(record.numpy())
        except tf.errors.DataLossError:
            # The tail that a crash tore; what came before it has been kept.
            pass
