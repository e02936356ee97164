"""`python -m kgan.sweep --sweep='g_optimizer:sgd|adam' --repeats=5 --out=sweeps/NAME …`.

Trains each cell of a grid of flags several times, each run in a process of its own, and compares
the results. The same command resumes a sweep; with more values or repeats it extends it.
"""

import re
from collections.abc import Sequence

from absl import flags

from kgan.cli import entry, settings
from kgan.sweeps import grid
from kgan.utils.errors import UserError

HELP = {
    "sweep": "NAME:VALUE|VALUE…: a flag of kgan.train and its values; repeat to vary several.",
    "repeats": "Number of runs of each combination, with the seeds --seed, --seed+1, … Default: 3.",
    "out": "Folder of the sweep, for its runs, curves, table and samples.",
    "parallel": "Number of runs trained at a time, sharing CPU cores and GPUs. Default: 1.",
    "measure": "Comma-separated logged values to compare, such as g_loss,validation/l1. Default: "
    "the losses and what was validated.",
    "help": "Prints these flags.",
}


def define_flags(values: flags.FlagValues) -> None:
    """Defines the sweep's own flags; all others are passed to `kgan.train`."""
    flags.DEFINE_multi_string("sweep", [], HELP["sweep"], flag_values=values)
    flags.DEFINE_integer("repeats", 3, HELP["repeats"], 1, 1000, flag_values=values)
    flags.DEFINE_string("out", None, HELP["out"], flag_values=values)
    flags.DEFINE_integer("parallel", 1, HELP["parallel"], 1, 64, flag_values=values)
    flags.DEFINE_multi_string("measure", [], HELP["measure"], flag_values=values)
    flags.DEFINE_boolean("help", False, HELP["help"], flag_values=values)


def main(arguments: Sequence[str]) -> int:
    """Checks the flags of every run, then trains them all; returns the exit status."""
    own, rest = settings.own_flags(define_flags, arguments)
    if own.help:
        print("python -m kgan.sweep --sweep='NAME:VALUE|VALUE' --out=FOLDER flags of kgan.train\n")
        print("\n".join(f"  --{name:10} {text}" for name, text in HELP.items()))
        return 0
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
