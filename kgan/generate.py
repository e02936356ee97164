"""`python -m kgan.generate --run=DIR`: images generated from seeds, or translated from images."""

import functools
from collections.abc import Sequence

from absl import flags

from kgan.cli import entry, settings
from kgan.utils.errors import UserError


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    string = functools.partial(flags.DEFINE_string, flag_values=values)
    integer = functools.partial(flags.DEFINE_integer, flag_values=values)
    settings.define_run_flags(values)
    string("seeds", "0-63", "Seeds of the images: 5, or 0-63 (default), or 1,4,9-12.")
    about = (
        "For conditional models: a class, such as 7, or comma-separated attributes, such as "
        "glasses,hat; default: a grid of all."
    )
    string("label", None, about)
    string("interpolate", None, "Two seeds, such as 3,17: generates images between theirs.")
    integer(
        "frames", 10, "Number of images of --interpolate, both ends included; default 10.", 2, 1000
    )
    string("input", None, "Folder or zip of images to translate, for image-to-image models.")
    about = "Direction of the translation, for models that translate in both: AtoB or BtoA."
    flags.DEFINE_enum("direction", None, ["AtoB", "BtoA"], about, flag_values=values)
    about = "Where to write: a PNG file for a grid, else a folder; default: in the run folder."
    string("out", None, about)
    about = "Seed of the translations: another seed gives another dropout; default 0."
    integer("seed", 0, about, 0, 2**31 - 1)


def main(arguments: Sequence[str]) -> None:
    """Generates or translates images and prints where they are."""
    given = settings.parse_command("kgan.generate", define_flags, arguments, needed=("run",))
    if given is None:
        return
    seeds = settings.parse_seeds("seeds", given.seeds)
    ends = settings.parse_seeds("interpolate", given.interpolate) if given.interpolate else None
    if ends is not None and len(ends) != 2:
        raise UserError(f"--interpolate={given.interpolate}: give two seeds, such as 3,17")
    entry.import_tensorflow()
    from kgan.generation import latent, translation

    place = {"out": given.out, "checkpoint": given.checkpoint}
    if given.input:
        wanted = (given.direction, given.seed)
        path = translation.translate_folder(given.run, given.input, *wanted, **place)
    elif ends is not None:
        path = latent.interpolate(given.run, *ends, given.frames, given.label, **place)
    else:
        path = latent.generate_seeds(given.run, seeds, given.label, **place)
    print(path)


if __name__ == "__main__":
    entry.run(main)
