"""kgan: generative adversarial networks on TensorFlow and Keras."""

from kgan.utils.registration import register_with_keras

__version__ = "0.1.0"

register_with_keras()


def load(run: str, which: str = "auto"):
    """Loads the trained model of a run folder; see `kgan.runs.restore.load_run`."""
    # Here and not above: the command line answers --help without TensorFlow.
    from kgan.runs.restore import load_run

    return load_run(run, which)
