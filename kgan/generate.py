"""`python -m kgan.generate --run=DIR`: generates images from seeds, or translates images."""

from collections.abc import Sequence

from kgan.cli import entry
from kgan.cli.flags import CHECKPOINT, RUN
from kgan.cli.parsing import parse_command
from kgan.cli.values import parse_names, parse_seeds
from kgan.models.base.flags import choice, integer, text
from kgan.utils.choices import DIRECTIONS
from kgan.utils.errors import UserError

LABEL = "a class, such as 7, or attributes, such as glasses,hat; default: a grid of all"
FLAGS = (
    RUN,
    CHECKPOINT,
    text("seeds", "0-63", "Seeds of the images: 5, or 0-63, or 1,4,9-12."),
    text("label", None, f"For conditional models: {LABEL}."),
    text("interpolate", None, "Two seeds, such as 3,17: generates images between theirs."),
    integer("frames", 10, (2, 1000), "Images of --interpolate, both ends included; default 10."),
    text("input", None, "Folder or zip of images to translate, for image-to-image models."),
    choice("direction", None, DIRECTIONS, "For models that translate in both."),
    text("out", None, "PNG file for a grid, else a folder; default: in the run folder."),
    integer("seed", 0, (0, 2**31 - 1), "Seed of the translations: another one, another dropout."),
)


def main(arguments: Sequence[str]) -> None:
    """Generates or translates images and prints where they are."""
    given = parse_command("kgan.generate", FLAGS, arguments, needed=("run",))
    seeds = parse_seeds("seeds", given.seeds)
    label = None if given.label is None else parse_names("label", given.label)
    ends = parse_seeds("interpolate", given.interpolate) if given.interpolate else None
    if ends is not None and len(ends) != 2:
        raise UserError(f"--interpolate={given.interpolate}: give two seeds, such as 3,17")
    entry.import_tensorflow()
    from kgan.generation import latent, translation

    place = {"out": given.out, "checkpoint": given.checkpoint}
    if given.input:
        wanted = (given.direction, given.seed)
        path = translation.translate_folder(given.run, given.input, *wanted, **place)
    elif ends is not None:
        path = latent.interpolate(given.run, *ends, given.frames, label, **place)
    else:
        path = latent.generate_seeds(given.run, seeds, label, **place)
    print(path)


if __name__ == "__main__":
    entry.run(main)
