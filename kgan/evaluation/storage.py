"""Stored results of evaluations: metrics-*.jsonl and TensorBoard events."""

import json
import math
import pathlib
from collections.abc import Mapping

import numpy as np

from kgan.runs import logs
from kgan.runs.folder import Run
from kgan.utils.atomic import atomic_write, report_write_errors

FILES = "metrics-*.jsonl"
SAME = ("part", "step")  # a line of the same part and step is written over


def read_results(run: Run) -> dict[str, list[dict]]:
    """Reads all that was measured of a run: lines by kind of evaluation.

    Raises:
        UserError: names the first line that is damaged.
    """
    return {
        path.stem.removeprefix("metrics-"): _read(path) for path in sorted(run.folder.glob(FILES))
    }


def _read(path: pathlib.Path) -> list[dict]:
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [logs.parse(line, f"{path}, line {number}") for number, line in enumerate(lines, 1)]


def store_result(path: pathlib.Path, line: Mapping) -> None:
    """Adds a line; one of the same checkpoint and part is taken together with it."""
    lines = _read(path)
    line = {k: _json_number(v) for k, v in line.items()}
    for place, other in enumerate(lines):
        if all(other.get(name) == line[name] for name in SAME):
            lines[place] = {**other, **line}
            break
    else:
        lines.append(line)
    # All of it anew: a line that a full disk tore would spoil the next one, too.
    with atomic_write(path) as place:
        place.write_text("".join(json.dumps(one) + "\n" for one in lines))


def _json_number(value):
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_tensorboard(run: Run) -> None:
    """Writes all that was measured as one file of events, anew each time."""
    with report_write_errors(run.evaluation):
        run.evaluation.mkdir(exist_ok=True)
    with atomic_write(run.evaluation / "events.out.tfevents.0.evaluation") as place:
        events = logs.EventFile(place)
        for kind, lines in read_results(run).items():
            for line in lines:
                _write_events(events, kind, line)
        events.close()


def _write_events(events, kind, line):
    for name, value in line.items():
        if name not in (*SAME, "time", "seconds", "pictures") and value is not None:
            tag = f"{kind}/{name}" if line["part"] == "test" else f"{kind}/{line['part']}/{name}"
            events.write(tag, line["step"], "scalars", np.float32(value), line["time"])
