"""`python -m kgan.pair --a=DIR --b=DIR --out=DIR`: makes image pairs of two folders by name."""

from collections.abc import Sequence

from kgan.cli import entry
from kgan.cli.parsing import parse_command
from kgan.models.base.flags import switch, text

FLAGS = (
    text("a", None, "Folder or zip of the images A, the inputs."),
    text("b", None, "Folder or zip of the images B, the targets."),
    text("out", None, "Folder for the pairs, which must not exist yet or be empty."),
    switch(
        "join",
        False,
        "Write PNG images with A on the left and B on the right, instead of copies in A/ and B/.",
    ),
)
SHOWN = 20  # images without a partner that are listed


def main(arguments: Sequence[str]) -> None:
    """Pairs the images, and prints how many there are and which have no partner."""
    given = parse_command("kgan.pair", FLAGS, arguments, needed=("a", "b", "out"))
    # Here and not above: help and refusals must not wait for TensorFlow.
    entry.import_tensorflow()
    from kgan.data.folder.pairing import pair_folders

    made = pair_folders(given.a, given.b, given.out, given.join)
    for name in made.alone[:SHOWN]:
        print(f"without a partner: {name}")
    if len(made.alone) > SHOWN:
        print(f"without a partner: {len(made.alone) - SHOWN} more")
    counts = ", ".join(f"{count} {part}" for part, count in made.counts.items())
    print(f"{given.out}: {counts} pairs; {len(made.alone)} images without a partner left out")
    print(f"next: python -m kgan.doctor --dataset={given.out}")


if __name__ == "__main__":
    entry.run(main)
