"""kgan: generative adversarial networks on TensorFlow and Keras."""

__version__ = "0.1.0"


def load(run: str, which: str = "auto"):
    """Loads the trained model of a run folder; see `kgan.runs.restore.load_run`."""
    # Here and not above: the command line answers --help without TensorFlow.
    from kgan.runs.restore import load_run

    return load_run(run, which)
