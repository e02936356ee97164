"""`python -m kgan.train --model=NAME`: trains a model, resumable, exports and evaluates it."""

from collections.abc import Sequence

from kgan.cli import entry
from kgan.cli.parsing import parse_training


def main(arguments: Sequence[str]) -> int:
    """Parses the command line, then trains; returns the exit status."""
    settings = parse_training(arguments)
    # Here and not above: help and refusals must not wait for TensorFlow.
    from kgan.training.loop import train

    return train(settings)


if __name__ == "__main__":
    entry.run(main)
