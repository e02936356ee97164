"""`python -m kgan.train --model=NAME`: trains a scheme, watched, resumable, and exports it."""

from collections.abc import Sequence

from kgan import cli, settings


def main(arguments: Sequence[str]) -> int:
    """Parses the command line, then trains; returns the exit status."""
    resolved = settings.parse(arguments)
    if resolved.help:
        print(resolved.text)
        return 0
    # Here and not above: help and refusals must not wait for TensorFlow.
    from kgan import training

    return training.train(resolved)


if __name__ == "__main__":
    cli.run(main)
