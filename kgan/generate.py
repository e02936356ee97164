"""`python -m kgan.generate --run=DIR`: generates images from seeds, or translates images."""

from collections.abc import Sequence

from kgan.cli import entry
from kgan.cli.flags import CHECKPOINT, MOVED_DATA, RUN
from kgan.cli.parsing import parse_command
from kgan.cli.values import parse_names, parse_seeds
from kgan.models.base.flags import choice, integer, share, switch, text
from kgan.utils.choices import DIRECTIONS, FORMATS, PARTS
from kgan.utils.errors import UserError

LABEL = "a class, such as 7, or attributes, such as glasses,hat; default: a grid of all"
FLAGS = (
    RUN,
    CHECKPOINT,
    text("seeds", "0-63", "Seeds of the images: 5, or 0-63, or 1,4,9-12."),
    text("label", None, f"For conditional models: {LABEL}."),
    text(
        "interpolate",
        None,
        "Two seeds or more, such as 3,17: generates images between theirs; with --out=walk.gif or "
        ".mp4 an animation.",
    ),
    integer(
        "frames",
        10,
        (2, 1000),
        "Images of --interpolate from one seed to the next, both included; default 10.",
    ),
    integer("fps", 10, (1, 120), "Images per second of an animation; default 10."),
    text(
        "input",
        None,
        "For image-to-image models: the image or video to translate, or a folder or zip of images.",
    ),
    choice(
        "part",
        None,
        PARTS,
        "Instead of --input: translate this part of the run's own data, next to its targets.",
    ),
    MOVED_DATA,
    choice("direction", None, DIRECTIONS, "For models that translate in both."),
    text(
        "out",
        None,
        "File for a grid or a single image, else a folder; default: in the run folder. Nothing is "
        "overwritten; an interrupted translation goes on.",
    ),
    choice("format", None, FORMATS, "Format of translations; default: that of --out, else png."),
    switch(
        "made_inputs",
        False,
        "The images of --input are edges, grey, … already; without it, a run of --pairs computes "
        "them from images as in its training.",
    ),
    choice(
        "output_size",
        None,
        ("trained", "input"),
        "Size of translations. trained: that of the training, the default for images; input: the "
        "image's own, the default for videos.",
    ),
    switch(
        "label_maps",
        None,
        "Whether the images of --input are label maps, for runs of an earlier version that do not "
        "say it and whose data are gone.",
    ),
    integer(
        "tile",
        512,
        (64, 16384),
        "For --output_size=input: an image larger than a square of this side in pixels is computed "
        "in parts. The result is the same; a smaller value needs less memory.",
    ),
    switch("page", True, "Write index.html, with input, output and target of several images."),
    text(
        "target",
        None,
        "Folder or zip of images of the same names as those of --input, which the page shows next "
        "to the translations.",
    ),
    share("bad_limit", 0.05, "Share of unreadable images above which the exit status is 2."),
    integer("seed", 0, (0, 2**31 - 1), "Seed of the translations: another one, another dropout."),
)


ONLY_TRANSLATIONS = (
    *("direction", "format", "made_inputs", "bad_limit", "output_size", "tile", "page", "target"),
    "label_maps",
)
ONLY_SEEDS = ("seeds", "label", "interpolate", "frames", "fps")
NOT_FOR_PARTS = ("input", "made_inputs", "output_size", "tile", "target", "label_maps")
NOT_FOR_VIDEOS = ("format", "bad_limit", "page", "target")


def main(arguments: Sequence[str]) -> None:
    """Generates or translates images and prints where they are."""
    given = parse_command("kgan.generate", FLAGS, arguments, needed=("run",))
    seeds = parse_seeds("seeds", given.seeds)
    label = None if given.label is None else parse_names("label", given.label)
    ends = parse_seeds("interpolate", given.interpolate) if given.interpolate else None
    if ends is not None and len(ends) < 2:
        raise UserError(f"--interpolate={given.interpolate}: give two seeds or more, such as 3,17")
    for name in ("input", "out", "target"):
        if getattr(given, name) == "":  # which would be the working folder
            raise UserError(f"--{name}=: is empty; give a file or folder after it")
    translates = given.input is not None or given.part is not None
    if not translates:
        _refuse(given, ONLY_TRANSLATIONS, "needs --input=")
    else:
        _refuse(given, ONLY_SEEDS, "is for images from seeds, not for translations; remove it")
    if given.dataset is not None and given.part is None:
        _refuse(given, ("dataset",), "is for --part=; right would be --input=")
    if given.part is not None:
        _refuse(given, NOT_FOR_PARTS, "is not for --part=, whose data are as they were trained on")
    entry.import_tensorflow()
    from kgan.generation import latent
    from kgan.runs.restore import describe_checkpoint

    if translates:
        print(_translate(given))
        return
    place = {"out": given.out, "checkpoint": given.checkpoint}
    if ends is not None:
        path = latent.interpolate(given.run, ends, given.frames, label, fps=given.fps, **place)
    else:
        path = latent.generate_seeds(given.run, seeds, label, **place)
    print(describe_checkpoint(given.run, given.checkpoint))
    print(path)


def _translate(given):
    """Translates what is given; returns where to."""
    from kgan.generation import inputs, parts, translation, video
    from kgan.generation.translator import Translator
    from kgan.utils.messages import start_logging

    start_logging()
    is_video = given.input is not None and video.is_video(given.input)
    if is_video:
        _refuse(given, NOT_FOR_VIDEOS, "is not for videos")
    elif given.part:
        found = parts.open_part(given.run, given.part, given.direction, given.dataset)
    else:
        found = inputs.open_inputs(given.input)
        if found.single:
            _refuse(given, ("target",), "is for a page of several images; remove it")
    own_size = (given.output_size or ("input" if is_video else "trained")) == "input"
    how = (given.direction, given.seed, given.checkpoint, given.made_inputs, own_size, given.tile)
    translator = Translator(given.run, *how, given.label_maps)
    if is_video:
        return video.translate_video(translator, given.input, given.out)
    request = translation.Request(
        given.out, given.format, given.bad_limit, given.page, given.target
    )
    return translation.translate_images(translator, found, request)


def _refuse(given, names, reason):
    """Raises an error for a flag that would have no effect."""
    for flag in FLAGS:
        value = getattr(given, flag.name)
        if flag.name in names and value != flag.default:
            raise UserError(f"--{flag.name}={value}: {reason}")


if __name__ == "__main__":
    entry.run(main)
