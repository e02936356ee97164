"""kgan: generative adversarial networks on TensorFlow and Keras."""

import os

from kgan.utils.registration import register_with_keras

__version__ = "0.1.0"

register_with_keras()


def load(run: str, which: str = "auto"):
    """Loads the trained model of a run; see `kgan.runs.restore.load_run`.

    Args:
        run: what `--run` takes: a folder, also as a path; or, of the runs in `runs`, a number such
            as "2", a part of a name, or "latest".
        which: `best`, `last` or `auto`.
    """
    # Here and not above: the command line answers --help without TensorFlow.
    from kgan.cli.run_names import find_run
    from kgan.runs.restore import load_run

    return load_run(find_run("run", os.fspath(run)), which)
