"""`python -m kgan.sweep --sweep='g_optimizer:sgd|adam' --repeats=5 --out=sweeps/NAME …`.

Trains each cell of a grid of flags several times, a process a run, and draws what came of it. The
same command goes on where a sweep was stopped; with more values or repeats it adds to it.
"""

import re
from collections.abc import Sequence

from absl import flags

from kgan.cli import entry, settings
from kgan.sweeps import grid
from kgan.utils.errors import UserError

ABOUT = {
    "sweep": "NAME:VALUE|VALUE…: a flag of kgan.train and its values; given again, the product.",
    "repeats": "Runs of each cell, with the seeds --seed, --seed+1, …",
    "out": "The folder of the sweep: runs, curves, table, samples.",
    "parallel": "How many runs are trained at a time.",
    "measure": "What is drawn and tabled: NAME,NAME… or given again; default: the losses and "
    "what was validated.",
    "help": "Shows these flags.",
}


def define_flags(values: flags.FlagValues) -> None:
    """Defines the sweep's own flags; all others go to `kgan.train`."""

    def number(name, default, low, high):
        flags.DEFINE_integer(name, default, ABOUT[name], low, high, flag_values=values)

    flags.DEFINE_multi_string("sweep", [], ABOUT["sweep"], flag_values=values)
    number("repeats", 3, 1, 1000)
    flags.DEFINE_string("out", None, ABOUT["out"], flag_values=values)
    number("parallel", 1, 1, 64)
    flags.DEFINE_multi_string("measure", [], ABOUT["measure"], flag_values=values)
    flags.DEFINE_boolean("help", False, ABOUT["help"], flag_values=values)


def main(arguments: Sequence[str]) -> int:
    """Checks the flags of every run, then trains them all; returns the exit status."""
    own, rest = settings.own_flags(define_flags, arguments)
    if own.help:
        print("python -m kgan.sweep --sweep='NAME:VALUE|VALUE' --out=FOLDER flags of kgan.train\n")
        for name, about in ABOUT.items():
            print(f"  --{name:10} {about}")
        return 0
    if not own.sweep:
        raise UserError("--sweep is missing; NAME:VALUE|VALUE…, such as 'g_lr:0.0001|0.0002'")
    if not own.out or own.out != own.out.strip():
        raise UserError("--out is missing; give the folder of the sweep, such as sweeps/first")
    measures = [name.strip() for text in own.measure for name in text.split(",")]
    for name in measures:
        if not re.fullmatch(r"(validation/)?\w+", name):
            raise UserError(
                f"--measure={name}: names as they stand in metrics.jsonl: g_loss,d_loss"
            )
    cells = grid.build(own.sweep, own.repeats, rest)
    # Here and not above: help and refusals must not wait for TensorFlow.
    from kgan.sweeps import runner

    return runner.Sweep(own.out, cells, own.parallel, tuple(dict.fromkeys(measures))).run()


if __name__ == "__main__":
    entry.run(main)
