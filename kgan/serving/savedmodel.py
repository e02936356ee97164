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

    It is written under a temporary name and then renamed, because TensorFlow Serving loads a
    version folder as soon as it exists.

    Args:
        networks: the networks whose weights the signatures use, by name.
        signatures: by name; `serving_default` has to be among them.
        folder: `.../<name>`; the next version number becomes a folder in it.

    Returns:
        The version folder; `assets.extra/signatures.json` in it documents the signatures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    versions = [int(path.name) for path in folder.iterdir() if path.name.isdigit()]
    version = folder / str(max(versions, default=0) + 1)
    temporary = folder / f".{version.name}.{os.getpid()}.writing"
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
        archive.write_out(str(temporary), verbose=False)
        document = temporary / "assets.extra" / "signatures.json"
        document.parent.mkdir()
        document.write_text(json.dumps(describe(signatures), indent=2) + "\n")
        temporary.rename(version)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return version
