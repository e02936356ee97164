"""Stored results of evaluations: metrics-*.jsonl and TensorBoard events."""

import json
import math
import pathlib
from collections.abc import Mapping

import numpy as np

from kgan.runs import logs
from kgan.runs.folder import Run
from kgan.utils.atomic import atomic_write, make_folder

KEY = ("part", "step")  # a new line replaces the values of the line with the same key
NOT_VALUES = (*KEY, "time", "seconds", "pictures")  # what a line holds in addition to values


def read_results(run: Run) -> dict[str, list[dict]]:
    """Reads all stored results of a run: lines by name of the evaluation."""
    paths = sorted(run.folder.glob("metrics-*.jsonl"))
    return {path.stem.removeprefix("metrics-"): _read(path) for path in paths}


def _read(path: pathlib.Path) -> list[dict]:
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [logs.parse(line, f"{path}, line {number}") for number, line in enumerate(lines, 1)]


def store_result(run: Run, evaluation: str, line: Mapping) -> None:
    """Adds a line to `metrics-<evaluation>.jsonl`, or updates that of the same part and step."""
    path = run.folder / f"metrics-{evaluation}.jsonl"
    lines = _read(path)
    line = {k: v if _is_storable(v) else None for k, v in line.items()}
    same = [n for n, other in enumerate(lines) if all(other.get(k) == line[k] for k in KEY)]
    if same:
        lines[same[0]] = {**lines[same[0]], **line}
    else:
        lines.append(line)
    # The whole file is written again: a line that a full disk cut off would damage the next one.
    with atomic_write(path) as place:
        place.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _is_storable(value) -> bool:
    """Returns whether JSON can store a value: it has no NaN and no infinity."""
    return not isinstance(value, float) or math.isfinite(value)


def write_tensorboard(run: Run) -> None:
    """Writes all stored results as one file of TensorBoard events, which replaces the last one."""
    make_folder(run.evaluation)
    with atomic_write(run.evaluation / "events.out.tfevents.0.evaluation") as place:
        events = logs.EventFile(place)
        for evaluation, lines in read_results(run).items():
            for line in lines:
                part = "" if line["part"] == "test" else f"{line['part']}/"
                for name, value in line.items():
                    if name not in NOT_VALUES and value is not None:
                        tag = f"{evaluation}/{part}{name}"
                        events.write(tag, line["step"], "scalars", np.float32(value), line["time"])
        events.close()
