"""SavedModel export for TensorFlow Serving."""

import json
import pathlib
from collections.abc import Mapping

import keras
import tensorflow as tf

from kgan.serving import versions
from kgan.serving.refusals import checked
from kgan.serving.signatures import Signature, describe
from kgan.serving.warmup import is_available, write_warmup


def write_saved_model(
    signatures: Mapping[str, Signature],
    folder: pathlib.Path,
    record: Mapping | None = None,
    warmup: bool | None = False,
) -> pathlib.Path:
    """Writes a SavedModel that loads where kgan is not installed.

    It is written under a temporary name and then renamed, because TensorFlow Serving loads a
    version folder as soon as it exists.

    Args:
        signatures: by name; `serving_default` has to be among them. The variables that they use are
            written, each once.
        folder: `.../<name>`; the next version number becomes a folder in it.
        warmup: whether requests are written with which TensorFlow Serving warms the model up; None:
            where the package for it is installed.
        record: what the version records of its origin, see `kgan.serving.versions`.

    Returns:
        The version folder; `assets.extra/signatures.json` in it documents the signatures.
    """
    # `track` is not called for the networks: it would write their variables a second time, since
    # for TensorFlow a Keras variable and the variable in it are two.
    archive = keras.export.ExportArchive()
    for name, signature in signatures.items():
        specs = [
            tf.TensorSpec(spec.shape, spec.dtype, name=input_name)
            for input_name, spec in signature.inputs.items()
        ]
        archive.add_endpoint(name, checked(signature), input_signature=specs)
    with versions.new_version(folder) as place:
        archive.write_out(str(place), verbose=False)
        document = place / "assets.extra" / "signatures.json"
        document.parent.mkdir()
        document.write_text(json.dumps(describe(signatures), indent=2) + "\n")
        if warmup or (warmup is None and is_available()):
            write_warmup(place, signatures, folder.name)
        if record is not None:
            versions.write_record(place, record)
        return versions.add(place, folder)
