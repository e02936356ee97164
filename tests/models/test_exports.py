"""Exported models, called in a process that cannot import kgan."""

import subprocess
import sys

import numpy as np
import pytest

from kgan.cli.models import model_names
from kgan.serving.savedmodel import write_saved_model
from tests.models.contracts.calls import decoded, example_inputs, expected_outputs
from tests.models.contracts.model import changed_model

# Calls the signatures of the models below a folder. Arrays are named
# "<signature> <count> <input or output>".
SERVER = """
import collections, pathlib, sys

class NoKgan:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "kgan":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NoKgan())
try:
    import kgan
    sys.exit("kgan can be imported, so that this proves nothing")
except ModuleNotFoundError:
    pass

import numpy as np
import tensorflow as tf

for folder in pathlib.Path(sys.argv[1]).iterdir():
    signatures = tf.saved_model.load(folder / "exported" / "1").signatures
    calls = collections.defaultdict(dict)
    inputs = np.load(folder / "inputs.npz", allow_pickle=True)
    for place in inputs.files:
        name, count, key = place.split(" ")
        calls[name, count][key] = tf.constant(inputs[place])
    outputs = {
        f"{name} {count} {key}": value.numpy()
        for (name, count), arguments in calls.items()
        for key, value in signatures[name](**arguments).items()
    }
    np.savez(folder / "outputs.npz", **outputs)
"""


def export(name, folder):
    """Exports the tiny version of a model; returns it and the inputs by signature and count."""
    model = changed_model(name)
    signatures = model.signatures()
    assert "serving_default" in signatures, name
    write_saved_model(signatures, folder / "exported")
    calls = {(s, count): example_inputs(model, s, count) for s in signatures for count in (1, 3)}
    arrays = {f"{s} {n} {key}": v for (s, n), call in calls.items() for key, v in call.items()}
    np.savez(folder / "inputs.npz", **arrays)
    return model, calls


# The others have the networks and signatures of dcgan or cgan.
DIFFERENT = ("cgan", "cyclegan", "dcgan", "flow", "pix2pix", "sngan", "vae")


# One test of all models, since the process takes longer to start than to answer.
@pytest.mark.parametrize(
    "names", [DIFFERENT, pytest.param(model_names(), marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_exports_match_the_models_without_kgan(names, tmp_path):
    exported = {name: export(name, tmp_path / name) for name in names}
    subprocess.run([sys.executable, "-c", SERVER, tmp_path], check=True, cwd=tmp_path)
    for name, (model, calls) in exported.items():
        served = dict(np.load(tmp_path / name / "outputs.npz", allow_pickle=True))
        for (signature, count), inputs in calls.items():
            errors = served.pop(f"{signature} {count} errors", np.array([b""] * count))
            assert errors.tolist() == [b""] * count, signature
            call = f"{name}: {signature} of {count}"
            for key, expected in expected_outputs(model, signature, inputs).items():
                output, tolerance = served.pop(f"{signature} {count} {key}"), 1e-5
                if key == "png_bytes":
                    # One level of 255, where rounding falls on either side.
                    output, tolerance = decoded(output).astype(int), 1
                assert len(output) == count, call
                np.testing.assert_allclose(output, expected, atol=tolerance, err_msg=call)
        assert not served, name
