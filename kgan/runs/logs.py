"""Logs of a run: metrics.jsonl and TensorBoard events, written and cut back to a checkpoint."""

import contextlib
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
from kgan.utils.failures import Failures

EVENTS = "TensorBoard's log"


class ScalarLog:
    """A log that writes every value to metrics.jsonl and to TensorBoard.

    Args:
        metrics: the metrics.jsonl file; lines are appended.
        tensorboard: the folder of event files; a new file is created.
        failures: notes those of TensorBoard's events, which metrics.jsonl has, too. After the
            first one they are left out until the log is opened again.

    Example:
        >>> import tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> log = ScalarLog(folder / "metrics.jsonl", folder)
        >>> log.write("train", step=20, values={"g_loss": 0.7})
        >>> log.close()
        >>> read_metrics(folder / "metrics.jsonl")
        [{'kind': 'train', 'step': 20, 'g_loss': 0.7}]
    """

    def __init__(
        self, metrics: pathlib.Path, tensorboard: pathlib.Path, failures: Failures | None = None
    ):
        self._metrics = metrics
        self._tensorboard = tensorboard
        self._failures = failures or Failures()
        self._open()

    def _open(self):
        # `close` closes it.
        with report_write_errors(self._metrics):
            self._file = open(self._metrics, "a", buffering=1)  # noqa: SIM115
        self._events = None
        with self._failures.tolerated(EVENTS, "its start"):
            self._events = EventFile.new_in(self._tensorboard)

    def write(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Writes one line and one event a value; what is not finite becomes null in JSON.

        Args:
            kind: `train` (means since the last line), `epoch` (means over it), `validation`, ….
            step: number of completed generator updates.
            values: floats by name.
        """
        line = {k: v if math.isfinite(v) else None for k, v in values.items()}
        self._write_line({"kind": kind, "step": step, **line})
        with self._to_tensorboard(f"step {step}") as events:
            for name, value in values.items():
                events.write(f"{kind}/{name}", step, "scalars", np.float32(value))
            events.flush()

    def image(self, name: str, step: int, image) -> None:
        """Writes a Pillow image as a TensorBoard image."""
        png = io.BytesIO()
        image.save(png, "PNG")
        content = [b"%d" % image.width, b"%d" % image.height, png.getvalue()]
        with self._to_tensorboard(f"step {step}") as events:
            events.write(name, step, "images", content)
            events.flush()

    def text(self, name: str, step: int, words: str) -> None:
        """Writes a text."""
        self._write_line({"kind": name, "step": step, "text": words})
        with self._to_tensorboard(f"step {step}") as events:
            events.write(name, step, "text", words)
            events.flush()

    @contextlib.contextmanager
    def _to_tensorboard(self, when):
        """Yields the events file, or `NoLog` after its first failure."""
        is_written = False
        with self._failures.tolerated(EVENTS, when):
            yield self._events or NoLog()
            is_written = True
        if not is_written:
            # What follows on an incomplete event would not be read.
            self._events = None

    def _write_line(self, values):
        with report_write_errors(self._metrics):
            self._file.write(json.dumps(values) + "\n")

    def cut_back(self, step: int) -> None:
        """Deletes what was logged after a step, to which the run is rolled back."""
        self.close()
        cut_back(self._metrics, self._tensorboard, step)
        self._open()

    def flush(self) -> None:
        """Writes buffered lines and events to disk."""
        with report_write_errors(self._metrics):
            self._file.flush()
        with self._to_tensorboard("a checkpoint") as events:
            events.flush()

    def close(self) -> None:
        """Closes both files."""
        with report_write_errors(self._metrics):
            self._file.close()
        with self._to_tensorboard("the end") as events:
            events.close()


class EventFile:
    """A new file of TensorBoard events that reports a full disk.

    `tf.summary` silently drops an event that does not fit, and all later ones.

    Args:
        path: the file; see `new_in`.

    Example:
        >>> import tempfile
        >>> events = EventFile.new_in(pathlib.Path(tempfile.mkdtemp()))
        >>> events.write("train/g_loss", 20, "scalars", np.float32(0.7))
        >>> events.close()
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
        """Creates a file with a name that no other process uses."""
        made = f"{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{next(cls._numbers)}"
        return cls(folder / f"events.out.tfevents.{made}.v2")

    def write(self, tag: str, step: int, plugin: str, content, when: float | None = None) -> None:
        """Writes an event for a plugin of TensorBoard.

        Args:
            tag: name of the curve, image or text.
            step: number of completed generator updates.
            plugin: `scalars`, `images` or `text`.
            content: a float32; width, height and PNG as three byte strings; or a string.
            when: seconds since 1970; default: now.
        """
        metadata = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": plugin})
        value = tf.compat.v1.Summary.Value(
            tag=tag, metadata=metadata, tensor=tf.make_tensor_proto(content)
        )
        summary = tf.compat.v1.Summary(value=[value])
        when = time.time() if when is None else when
        self._put(tf.compat.v1.Event(wall_time=when, step=step, summary=summary))

    def flush(self) -> None:
        """Writes buffered events to disk."""
        with report_write_errors(self._path):
            self._writer.flush()

    def close(self) -> None:
        """Closes the file."""
        with report_write_errors(self._path):
            self._writer.close()

    def _put(self, event):
        with report_write_errors(self._path):
            self._writer.write(event.SerializeToString())


class NoLog:
    """A log that writes nothing, for workers that are not the chief.

    Example:
        >>> NoLog().write("train", step=20, values={"g_loss": 0.7})
    """

    def _ignore(self, *arguments, **options):
        """Does nothing."""

    write = image = text = cut_back = flush = close = _ignore


def read_metrics(path: pathlib.Path) -> list[dict]:
    """Reads metrics.jsonl without a last line that a crash left incomplete."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    whole = (line for line in lines if line.endswith(b"\n"))
    return [parse(line, f"{path}, line {number}") for number, line in enumerate(whole, start=1)]


def parse(line: bytes, where: str) -> dict:
    """Parses a line of metrics.jsonl or metrics-*.jsonl."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not isinstance(values.get("step"), int):
        raise UserError(f"{where}: damaged; expected a JSON object with a step")
    return values


def is_torn(path: pathlib.Path) -> bool:
    """Returns whether a crash left the last line of metrics.jsonl incomplete."""
    return path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0


def cut_back(metrics: pathlib.Path, tensorboard: pathlib.Path, step: int) -> None:
    """Deletes what was logged after a checkpoint, so that a resumed curve has each step once.

    Args:
        metrics: the metrics.jsonl file.
        tensorboard: the folder of event files.
        step: of the checkpoint; what was logged at this step is kept.
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
            # The end that a crash left incomplete; the events before it have been kept.
            pass
