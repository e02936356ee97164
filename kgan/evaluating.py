"""Measures a trained model, and keeps what was found in its run folder."""

import dataclasses
import json
import logging
import math
import pathlib
import time
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from kgan import logs, runs
from kgan.data import pipeline
from kgan.data.dataset import Dataset, ImageFormat
from kgan.data.folder.reading import open_pictures
from kgan.evaluation.choosing import choose
from kgan.evaluation.drawings import NotFiniteError
from kgan.evaluation.task import Request, Result
from kgan.metrics import comparison, features
from kgan.metrics.comparison import ERROR
from kgan.utils.atomic import atomic_write, report_write_errors
from kgan.utils.errors import UserError

logger = logging.getLogger("kgan")

FILES = "metrics-*.jsonl"
# To which pictures of folders are brought before their features are computed.
ANY_SIZE = ImageFormat((64, 64), (64, 64), 3)
BATCH = 250
EVERYTHING = Request()
SAME = ("part", "step")  # a line of the same part and step is written over


def evaluate_run(
    run: runs.Run, collection: Dataset, request: Request = EVERYTHING, which: str = "auto"
) -> list[Result]:
    """Measures a run's best checkpoint (or its last, where no best one is kept) and says it.

    For each kind of evaluation that fits, `metrics-<kind>.jsonl` in the run gets a line;
    TensorBoard shows them beside the curves of the training.

    Args:
        run: where the model is.
        collection: the run's data set.
        request: what is to be measured.
        which: `auto`, `best` or `last`.

    Returns:
        What was found; nothing for models and data that nothing fits.

    Raises:
        UserError: one line, for metrics that do not fit.
    """
    model = runs.load(str(run.folder), which)
    results = []
    for task, names in choose(model, collection, request):
        began = time.time()
        result = task.measure(names)
        _refuse_left_out(result.left_out, request)
        line = {
            "part": request.part,
            "step": model.completed_steps,
            "time": time.time(),
            "seconds": time.time() - began,
            **result.values,
        }
        _keep(run.folder / f"metrics-{task.name}.jsonl", line)
        say(result)
        results.append(result)
    if results:
        _show_in_tensorboard(run)
    return results


def evaluate_pictures(
    saved_model: str | None, folder: str | None, real: str, request: Request
) -> Result:
    """Measures the pictures of an exported model or of a folder beside those of another folder.

    Args:
        saved_model: a version's folder; has the signature `from_seeds`.
        folder: or a folder or zip of pictures.
        real: a folder or zip of real pictures.
        request: what is to be measured; without features, by `pixels`.

    Raises:
        UserError: one line, for whatever cannot be read or measured.
    """
    flag, given = ("--pictures", folder) if saved_model is None else ("--saved_model", saved_model)
    source = open_pictures(real, ANY_SIZE, "--real")
    count = min(request.count, len(source))
    if saved_model is None:
        drawn_source = open_pictures(folder, ANY_SIZE, "--pictures")
        count = min(count, len(drawn_source))
        drawn = pipeline.examples(drawn_source, ("image",), count)["image"]
    else:
        drawn = _draw_from(saved_model, count)
    shown = pipeline.examples(source, ("image",), count)["image"]
    extractor = features.find(request.features or "pixels")
    offered = comparison.offers(extractor.has_classes)
    for name in request.metrics or ():
        if name not in offered:
            raise UserError(f"--metrics={name}: right would be some of {', '.join(offered)}")
    values, left_out = comparison.compare(
        extractor(drawn),
        extractor.remember(shown),
        request.wanted(offered),
        f"{extractor.name}_{count}",
    )
    title = f"{count:,} pictures of {flag}={given} against {count:,} real ones, by {extractor.name}"
    result = Result(title, values, left_out)
    _refuse_left_out(result.left_out, request)
    say(result)
    return result


def _draw_from(saved_model: str, count: int) -> np.ndarray:
    try:
        signatures = tf.saved_model.load(saved_model).signatures
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--saved_model={saved_model}: cannot be loaded ({reason})") from error
    if "from_seeds" not in signatures:
        raise UserError(
            f"--saved_model={saved_model}: has no signature from_seeds; translate pictures with it "
            "and give the folder as --pictures="
        )
    draw = signatures["from_seeds"]
    drawn = [
        draw(seeds=tf.range(start, min(start + BATCH, count)))["pictures"].numpy()
        for start in range(0, count, BATCH)
    ]
    drawn = np.concatenate(drawn)
    if drawn.ndim != 4:
        raise UserError(f"--saved_model={saved_model}: draws points; there are pictures in --real")
    return drawn


@dataclasses.dataclass(frozen=True)
class Watch:
    """What measures a model now and then while it is trained.

    Args:
        measure: gives values by full name; NaN for a model that draws NaN.
        decisive: the metric that decides which checkpoint is the best.
        lower_is_better: of that metric.
    """

    measure: Callable[[], dict[str, float]]
    decisive: str
    lower_is_better: bool


def watch(model, collection: Dataset, request: Request) -> Watch:
    """Chooses what the request names, of which the first one decides.

    Raises:
        UserError: begins with the request's flag, for what does not fit and what the data are too
            few for.
    """
    chosen = choose(model, collection, request)
    decisive = request.metrics[0]
    for task, names in chosen:
        _refuse_left_out(task.impossible(names), request)

    def measure():
        values: dict[str, float] = {}
        for task, names in chosen:
            try:
                result = task.measure(names)
            except NotFiniteError:
                # Training has its own way out of that.
                return {decisive: math.nan}
            _refuse_left_out(result.left_out, request)
            values |= result.values
        return values

    offered = {name: lower for task, _ in chosen for name, lower in task.offers.items()}
    return Watch(measure, decisive, offered[decisive])


def _refuse_left_out(left_out, request):
    """Ends in one line where a metric that was asked for by name cannot be computed."""
    for name, reason in left_out.items():
        if name.partition(" ")[0] in (request.metrics or ()):
            raise UserError(f"--{request.flag}={name}: {reason}")


def say(result: Result) -> None:
    """Prints a table: name, value, standard error."""
    logger.info("measured: %s", result.title)
    width = max((len(name) for name in result.values), default=0)
    for name, value in result.values.items():
        if name.endswith(ERROR) or name == "pictures":
            continue
        error = result.values.get(f"{name}{ERROR}")
        logger.info("  %-*s %s", width, name, with_error(value, error))
    for name, reason in result.left_out.items():
        logger.info("  %-*s left out: %s", width, name, reason)


def with_error(value: float, error: float | None) -> str:
    """Writes a value with four decimals and, where it is known, its standard error."""
    text = f"{value:.4f}" if abs(value) < 1e4 else f"{value:.4g}"
    return text if error is None else f"{text} ± {error:.4f}"


def read_kept(run: runs.Run) -> dict[str, list[dict]]:
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


def _keep(path: pathlib.Path, line: Mapping) -> None:
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


def _show_in_tensorboard(run: runs.Run) -> None:
    """Writes all that was measured as one file of events, anew each time."""
    with report_write_errors(run.evaluation):
        run.evaluation.mkdir(exist_ok=True)
    with atomic_write(run.evaluation / "events.out.tfevents.0.evaluation") as place:
        events = logs.EventFile(place)
        for kind, lines in read_kept(run).items():
            for line in lines:
                _write_events(events, kind, line)
        events.close()


def _write_events(events, kind, line):
    for name, value in line.items():
        if name not in (*SAME, "time", "seconds", "pictures") and value is not None:
            tag = f"{kind}/{name}" if line["part"] == "test" else f"{kind}/{line['part']}/{name}"
            events.write(tag, line["step"], "scalars", np.float32(value), line["time"])
