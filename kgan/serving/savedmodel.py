"""SavedModel export for TensorFlow Serving."""

import json
import os
import pathlib
import shutil
from collections.abc import Mapping

import keras
import tensorflow as tf

from kgan.serving.signatures import Signature, describe


def write_saved_model(
    networks: Mapping[str, keras.Model], signatures: Mapping[str, Signature], folder: pathlib.Path
) -> pathlib.Path:
    """Writes a SavedModel that loads where kgan is not installed.

    It is written beside and renamed, because TensorFlow Serving picks a version folder up as soon
    as it sees one.

    Args:
        networks: the networks whose weights the signatures use, by name.
        signatures: by name; `serving_default` has to be among them.
        folder: `.../<name>`; the next free version number is made below it.

    Returns:
        The version's folder. `assets.extra/signatures.json` in it documents the signatures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    taken = [int(p.name) for p in folder.iterdir() if p.name.isdigit()]
    version = folder / str(max(taken, default=0) + 1)
    beside = folder / f".{version.name}.{os.getpid()}.writing"
    archive = keras.export.ExportArchive()
    for network in networks.values():
        archive.track(network)
    for name, signature in signatures.items():
        specs = [
            tf.TensorSpec(spec.shape, spec.dtype, name=input_name)
            for input_name, spec in signature.inputs.items()
        ]
        archive.add_endpoint(name, signature.function, input_signature=specs)
    try:
        archive.write_out(str(beside), verbose=False)
        extra = beside / "assets.extra"
        extra.mkdir()
        (extra / "signatures.json").write_text(json.dumps(describe(signatures), indent=2) + "\n")
        beside.rename(version)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return version
