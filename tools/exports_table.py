"""Portable exports of all models: differences, sizes and images a second.

    python -m tools.exports_table [--only=pix2pix] [--seconds=2]

Builds every model with its default networks, exports its portable signatures as SavedModel, ONNX
and LiteRT, float32 and int8, and calls the files with one image and with eight. The weights are
those of the start; int8 is calibrated on latents, or on images of noise. The table is in
docs/exports.md. It takes about 15 minutes on 2 cores.
"""

import json
import pathlib
import tempfile
import time
from importlib import metadata

import numpy as np
import tensorflow as tf

from kgan.cli import entry
from kgan.cli.models import build_model, model_names
from kgan.cli.parsing import parse_training
from kgan.runs.data import open_data
from kgan.serving import litert, onnx
from kgan.serving.portable import Request, choose, write_portable
from kgan.serving.savedmodel import write_saved_model
from kgan.utils.errors import UserError
from tools import command

BATCHES = (1, 8)
COLUMNS = (
    *("model", "signature", "images", "format", "size, MB", "largest difference"),
    *(f"images/s, batch {count}" for count in BATCHES),
)


def speed(call, inputs, seconds: float) -> float:
    """Measures how many images a second a call makes, after a first call."""
    call(inputs)
    count, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        call(inputs)
        count += len(next(iter(inputs.values())))
    return count / passed


def measured(model, signature, call, seconds):
    """Returns the speeds of a call for all batches, as words of a row."""
    found = [speed(call, signature.portable(count, None), seconds) for count in BATCHES]
    return [f"{value:,.0f}" if value >= 20 else f"{value:.1f}" for value in found]


def rows(name: str, seconds: float):
    """Exports a model in all formats; yields the words of the table's rows."""
    settings = parse_training([f"--model={name}"])
    _, spec = open_data(settings)
    model = build_model(settings, spec)
    chosen = choose(model.signatures(), ())
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work)
        saved = write_saved_model(chosen, folder / "saved")
        loaded = tf.saved_model.load(str(saved))
        size = sum(path.stat().st_size for path in saved.rglob("*") if path.is_file())
        for key, signature in chosen.items():
            served = loaded.signatures[key]

            def call(inputs, served=served):
                return served(**{k: tf.constant(v) for k, v in inputs.items()})["pictures"].numpy()

            image = "x".join(map(str, call(signature.portable(1, None)).shape[1:]))
            about = name, f"`{key}`", image
            own = measured(model, signature, call, seconds)
            yield *about, "SavedModel", f"{size / 1e6:.1f}", "", *own
        for kind, quantize in (("onnx", None), ("tflite", None), ("tflite", "int8")):
            label = {"onnx": "ONNX", "tflite": "LiteRT"}[kind] + (" int8" if quantize else "")
            try:
                request = Request(kind, (), quantize)
                version = write_portable(chosen, folder / "portable", request)
            except UserError as error:
                yield name, "", "", label, "", str(error), "", ""
                continue
            document = json.loads((version / "signatures.json").read_text())
            for key, found in document["signatures"].items():
                data = (version / found["file"]).read_bytes()
                call = onnx.caller(data) if kind == "onnx" else litert.caller(data, key)
                difference = f"{found['largest_difference_from_saved_model']:.1g}"
                own = measured(model, chosen[key], call, seconds)
                size = f"{found['bytes'] / 1e6:.1f}"
                yield name, f"`{key}`", "", label, size, difference, *own


def main(arguments) -> None:
    """Writes the table."""
    given = command.parse("exports_table", arguments, only=str, seconds=2.0)
    names = [name for name in model_names() if not given.only or given.only in name]
    table = command.columns(*COLUMNS)
    for name in names:
        for words in rows(name, given.seconds):
            table += command.row(*words)
            print(*words, flush=True)
    about = (
        f"TensorFlow {tf.__version__}, ONNX Runtime {metadata.version('onnxruntime')}, numpy "
        f"{np.__version__}; CPU.\n\n"
    )
    if not given.only:
        command.write("exports", about, table)


if __name__ == "__main__":
    entry.run(main)
