"""kgan: generative adversarial networks on TensorFlow and Keras."""

__version__ = "0.1.0"


def load(run: str, which: str = "auto"):
    """Gives the trained model of a run folder back; see `kgan.runs.folder.restore.load_run`."""
    # Here and not above: the command line answers --help without TensorFlow.
    from kgan.runs.restore import load_run

    return load_run(run, which)
