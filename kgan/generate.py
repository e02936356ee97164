"""`python -m kgan.generate --run=DIR`: images from seeds, between seeds, or from images."""

import re
from collections.abc import Sequence

from absl import flags

from kgan.cli import entry, settings
from kgan.utils.errors import UserError

MOST_SEEDS = 100_000


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""

    def string(name, default, about):
        flags.DEFINE_string(name, default, about, flag_values=values)

    string("run", None, "The run folder.")
    string("seeds", "0-63", "Which images to draw: 5, or 0-63, or 1,4,9-12.")
    string(
        "label", None, "What to draw, where the model was told: 7, or glasses,hat; default: all."
    )
    string("interpolate", None, "Two seeds, A,B: draws the way from one to the other.")
    flags.DEFINE_integer("frames", 10, "Images on that way.", 2, 1000, flag_values=values)
    string("input", None, "A folder or zip of images to translate.")
    flags.DEFINE_enum(
        "direction",
        None,
        ["AtoB", "BtoA"],
        "Which way, for runs that learned both.",
        flag_values=values,
    )
    string("out", None, "A PNG for a grid; a folder for single images and translations.")
    flags.DEFINE_integer(
        "seed", 0, "Which of the possible translations.", 0, 2**31 - 1, flag_values=values
    )
    flags.DEFINE_enum(
        "checkpoint",
        "auto",
        ["auto", "best", "last"],
        "auto: the best where there is one.",
        flag_values=values,
    )


def parse_seeds(text: str, flag: str = "seeds") -> list[int]:
    """Parses `5`, `0-63` or `1,4,9-12`.

    Args:
        text: what was given.
        flag: the flag that it was given as, for the message.

    Raises:
        UserError: on anything else, or more than 100,000 of them.
    """
    seeds: list[int] = []
    for word in text.split(","):
        match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", word)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first or last - first >= MOST_SEEDS:
            raise UserError(f"--{flag}={text}: such as 5, 0-63 or 1,4,9-12, up to {MOST_SEEDS}")
        seeds += range(first, last + 1)
    return seeds


def main(arguments: Sequence[str]) -> None:
    """Draws or translates and prints where to."""
    given = settings.parse_command("kgan.generate", define_flags, arguments, needed=("run",))
    if given is None:
        return
    seeds = parse_seeds(given.seeds)
    ends = parse_seeds(given.interpolate, "interpolate") if given.interpolate else None
    if ends is not None and len(ends) != 2:
        raise UserError(f"--interpolate={given.interpolate}: two seeds, such as 3,17")
    entry.import_tensorflow()
    from kgan.generation import latent, translation

    if given.input:
        print(translation.translate_folder(given))
    elif ends is not None:
        print(latent.interpolate(given, *ends))
    else:
        print(latent.generate_seeds(given, seeds))


if __name__ == "__main__":
    entry.run(main)
