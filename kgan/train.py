"""`python -m kgan.train --model=NAME`: trains a scheme, watched, resumable, and exports it."""

from collections.abc import Sequence

from kgan.cli import entry, settings


def main(arguments: Sequence[str]) -> int:
    """Parses the command line, then trains; returns the exit status."""
    resolved = settings.parse(arguments)
    if resolved.help:
        print(resolved.text)
        return 0
    # Here and not above: help and refusals must not wait for TensorFlow.
    from kgan.training import loop

    return loop.train(resolved)


if __name__ == "__main__":
    entry.run(main)
