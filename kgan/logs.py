"""metrics.jsonl and TensorBoard events: writing them, and cutting them back to a checkpoint."""

import json
import math
import os
import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from kgan.errors import UserError


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
        self._file = open(self._metrics, "a", buffering=1)  # noqa: SIM115
        self._writer = tf.summary.create_file_writer(str(self._tensorboard))

    def write(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Writes one line and one event a value; a NaN becomes null in JSON.

        Args:
            kind: `train` (means since the last line), `epoch` (means over it) or `validation`.
            step: generator updates so far.
            values: floats by name.
        """
        line = {k: v if math.isfinite(v) else None for k, v in values.items()}
        self._file.write(json.dumps({"kind": kind, "step": step, **line}) + "\n")
        with self._writer.as_default(step):
            for name, value in values.items():
                tf.summary.scalar(f"{kind}/{name}", value)

    def picture(self, name: str, step: int, picture) -> None:
        """Writes a Pillow image as a TensorBoard picture."""
        levels = np.asarray(picture)
        levels = levels[..., np.newaxis] if levels.ndim == 2 else levels
        with self._writer.as_default(step):
            tf.summary.image(name, levels[np.newaxis])
        self._writer.flush()

    def text(self, name: str, step: int, words: str) -> None:
        """Writes words to metrics.jsonl and TensorBoard."""
        self._file.write(json.dumps({"kind": name, "step": step, "text": words}) + "\n")
        with self._writer.as_default(step):
            tf.summary.text(name, words)

    def cut_back(self, step: int) -> None:
        """Drops what was logged after a checkpoint to which the run goes back."""
        self.close()
        cut_back(self._metrics, self._tensorboard, step)
        self._open()

    def flush(self) -> None:
        self._file.flush()
        self._writer.flush()

    def close(self) -> None:
        self._file.close()
        self._writer.close()


def read_metrics(path: pathlib.Path) -> list[dict]:
    """Reads metrics.jsonl; a last line that a crash tore is left out.

    Raises:
        UserError: names the first line that is damaged.
    """
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    whole = (line for line in lines if line.endswith(b"\n"))
    return [_parsed(line, f"{path}, line {number}") for number, line in enumerate(whole, start=1)]


def _parsed(line, where):
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not isinstance(values.get("step"), int):
        raise UserError(f"{where}: damaged; right would be a JSON object with a step")
    return values


def cut_back(metrics: pathlib.Path, tensorboard: pathlib.Path, step: int) -> None:
    """Drops what was logged after a checkpoint, so that a resumed curve has no double steps.

    Args:
        metrics: the metrics.jsonl file.
        tensorboard: the folder of event files.
        step: the checkpoint's; what was logged at it stays.
    """
    kept = [line for line in read_metrics(metrics) if line["step"] <= step]
    _replace(metrics, "".join(json.dumps(line) + "\n" for line in kept).encode())
    for events in sorted(tensorboard.glob("events.out.tfevents.*")):
        _cut_events(events, step)


def _cut_events(path, step):
    beside = path.with_name(f".{path.name}.writing")
    with tf.io.TFRecordWriter(str(beside)) as writer:
        try:
            for record in tf.data.TFRecordDataset(str(path)):
                if tf.compat.v1.Event.FromString(record.numpy()).step <= step:
                    writer.write(record.numpy())
        except tf.errors.DataLossError:
            # The tail that a crash tore; what came before it has been kept.
            pass
    os.replace(beside, path)


def _replace(path, content):
    beside = path.with_name(f".{path.name}.writing")
    beside.write_bytes(content)
    os.replace(beside, path)
