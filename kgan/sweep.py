"""`python -m kgan.sweep --sweep='g_lr:1e-4|2e-4' --out=DIR …`: trains and compares a grid of flags.

Each cell is trained several times, each run in a process of its own. The same command resumes a
sweep; with more values or repeats it extends it.
"""

import re
from collections.abc import Sequence

from kgan.cli import entry
from kgan.cli.parsing import parse_own
from kgan.models.base.flags import integer, text, texts
from kgan.sweeps import grid
from kgan.utils.errors import UserError

FLAGS = (
    texts("sweep", "NAME:VALUE|VALUE…: a flag of kgan.train and values; repeatable."),
    integer("repeats", 3, (1, 1000), "Runs of each cell, with the seeds --seed, --seed+1, …"),
    text("out", None, "Folder of the sweep, for its runs, curves, table and samples."),
    integer("parallel", 1, (1, 64), "Runs trained at a time; they share CPU cores and GPUs."),
    texts(
        "measure",
        "Comma-separated logged values to compare, such as g_loss,validation/l1; default: the "
        "losses and what was validated.",
    ),
)


def main(arguments: Sequence[str]) -> int:
    """Checks the flags of every run, then trains them all; returns the exit status."""
    usage = "python -m kgan.sweep --sweep='NAME:VALUE|VALUE' --out=FOLDER flags of kgan.train"
    own, rest = parse_own(usage, FLAGS, arguments)
    if not own.sweep:
        raise UserError("--sweep is missing; give NAME:VALUE|VALUE…, such as 'g_lr:0.0001|0.0002'")
    if not own.out or own.out != own.out.strip():
        raise UserError("--out is missing; give the folder of the sweep, such as sweeps/first")
    measures = dict.fromkeys(name.strip() for text in own.measure for name in text.split(","))
    if wrong := [name for name in measures if not re.fullmatch(r"(validation/)?\w+", name)]:
        raise UserError(f"--measure={wrong[0]}: no name in metrics.jsonl; such as g_loss,d_loss")
    cells = grid.build(own.sweep, own.repeats, rest)
    # Imported here so that help and refusals do not wait for TensorFlow.
    from kgan.sweeps import runner

    return runner.Sweep(own.out, cells, own.parallel, tuple(measures)).run()


if __name__ == "__main__":
    entry.run(main)
