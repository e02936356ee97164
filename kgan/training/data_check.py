"""Checks of a folder or zip of images before a training: what there is, what would be done."""

import shlex
from collections.abc import Iterator, Sequence

from kgan.cli.models import model_class, model_names
from kgan.cli.parsing import parse_training
from kgan.data.dataset import CONTENTS, SINGLE_IMAGES, plural
from kgan.data.folder.checkup import Checkup, check_files
from kgan.data.folder.looking import Asked
from kgan.data.folder.reading import Survey, find_preparations, survey_folder
from kgan.data.registry import NEEDS, absolute_name
from kgan.runs.inspection import Finding
from kgan.training.from_data import choose_length, choose_size
from kgan.utils.errors import UserError, printable

SHOWN = 3  # examples of a finding
# Fewer images than these are said to be few: the published sets have 400 pairs, 1,000 unpaired
# images of each side, and thousands of single ones.
FEW = {"paired": 100, "unpaired": 200, "labelled": 1000, "images": 1000}
# What is looked for, from the most special on, where no model is given.
ORDER = ("paired", "unpaired", "conditional", "images")


def inspect_data(
    path: str, model: str | None, layout: str = "auto", sides: Sequence[str] | None = None
) -> Iterator[Finding]:
    """Inspects a folder or zip of images for a model, or for the models that it fits.

    Args:
        path: a folder or a .zip.
        model: what `--model` names; None: the first model that the data fit.
        layout: see `open_folder`.
        sides: see `open_folder`.

    Raises:
        UserError: it is no folder of images, or does not fit the model.
    """
    path = absolute_name(path)
    kind, survey, refusal = _survey(path, model, layout, sides)
    name, parts = survey.layout.name, survey.layout.parts
    models = [each for each in model_names() if model_class(each).data_kind == kind]
    contents = "paired" if name.startswith("paired") else name
    notes = "; ".join((*survey.layout.notes, *survey.files.notes))
    yield Finding(True, "layout", f"--layout={name}: {CONTENTS[contents]}{notes and f'; {notes}'}")
    counts = ", ".join(f"{len(entries)} {part}" for part, entries in parts.items())
    yield Finding(True, "images", counts)
    if refusal is not None:
        yield Finding(True, "not taken as pairs", str(refusal), True)
    yield from _classes(survey)
    if survey.left_out:
        yield Finding(True, "other kinds", survey.left_out, True)
    yield from _contents(survey)
    checkup = check_files(survey.files, parts, halves=name == "paired")
    yield from _files(checkup)
    yield from _copies(checkup)
    yield from _enough(parts, contents)
    yield Finding(True, "models", f"{', '.join(models)}" + _derived(contents))
    yield from _plan(path, model or models[0], survey, layout, sides)


def _survey(path, model, layout, sides) -> tuple[str, Survey, UserError | None]:
    """Surveys the folder as a model needs it, or as the first model that it fits.

    Returns:
        The kind, the survey, and why two sides that there are do not make pairs.
    """
    kinds = ORDER if model is None else (model_class(model).data_kind,)
    refusal = no_pairs = None
    for kind in kinds:
        try:
            survey = survey_folder(path, kind=kind, layout=layout, sides=sides)
        except UserError as error:
            refusal = refusal or error
            no_pairs = error if kind == "paired" else no_pairs
            continue
        found = "paired" if survey.layout.name.startswith("paired") else survey.layout.name
        instead = {"images": SINGLE_IMAGES, "unpaired": ("paired",)}.get(kind, ())
        if found in NEEDS[kind][0] or found in instead:
            return kind, survey, no_pairs
        _, needed, hint = NEEDS[kind]
        refusal = UserError(
            f"--dataset={printable(path)}: contains {CONTENTS[found]}; --model={model} needs "
            f"{needed}; {hint}"
        )
    raise refusal


def _contents(survey):
    """Says what the images of each side are, as the training finds it, and what it warns of."""
    try:
        prepared, notes = find_preparations(survey.files, survey.layout, Asked())
    except UserError as error:
        yield Finding(False, "contents", str(error))
        return
    sided = survey.layout.name == "unpaired" or survey.layout.name.startswith("paired")
    for side, preparation in zip("AB" if sided else " ", prepared, strict=False):
        yield Finding(True, f"contents {side}".strip(), preparation.describe())
    for note in notes:
        yield Finding(True, "contents", note, True)


def _classes(survey):
    if survey.layout.name != "labelled":
        return
    for part in survey.layout.parts:
        labels = survey.layout.labels(part)
        numbers = {
            name: labels.count(number) for number, name in enumerate(survey.layout.class_names)
        }
        listed = ", ".join(f"{printable(name)} {number}" for name, number in numbers.items())
        uneven = part == "train" and max(numbers.values()) > 10 * max(1, min(numbers.values()))
        advice = "; the rarest class has less than a tenth of the commonest" if uneven else ""
        yield Finding(True, f"classes of {part}", listed + advice, bool(advice))


def _files(checkup: Checkup):
    bad, total = checkup.unreadable(), len(checkup.facts)
    for message in bad[:SHOWN]:
        yield Finding(False, "unreadable", message)
    if bad:
        share = len(bad) / total
        yield Finding(
            False,
            "unreadable",
            f"{len(bad)} of {total} images; training skips them up to --bad_limit=0.05"
            + (f", here --bad_limit={share + 0.005:.2f} would be needed" if share > 0.05 else ""),
        )
    else:
        yield Finding(True, "unreadable", f"none of {total} images")
    kinds = checkup.kinds()
    yield Finding(True, "kinds", ", ".join(f"{number} {kind}" for kind, number in kinds.items()))
    sizes = checkup.sizes()
    if not sizes:
        return
    listed = [f"{w} x {h} ({n})" for (h, w), n in list(sizes.items())[:SHOWN]]
    more = f" and {len(sizes) - SHOWN} other sizes" if len(sizes) > SHOWN else ""
    yield Finding(True, "sizes, width x height", ", ".join(listed) + more)
    ratios = [w / h for h, w in sizes]
    if max(ratios) > 1.1 * min(ratios):
        yield Finding(
            True,
            "aspect ratios",
            f"{min(ratios):.2f} to {max(ratios):.2f}, width by height; --fit=resize stretches, "
            "--fit=crop cuts out the centre",
            True,
        )


def _copies(checkup: Checkup):
    shared, within = checkup.shared_by_parts(), checkup.copies_within_parts()
    if shared:
        yield Finding(
            False,
            "copies in two parts",
            f"{plural(len(shared), 'file')} in train and in another part, which makes measurements "
            f"too good: {_examples(shared)}; remove one of each",
        )
    if within:
        words = f"{plural(len(within), 'file')} with the bytes of another one: {_examples(within)}"
        yield Finding(True, "copies", words, True)


def _examples(pairs):
    listed = [f"{printable(a)} = {printable(b)}" for a, b in pairs[:SHOWN]]
    return ", ".join(listed) + (", …" if len(pairs) > SHOWN else "")


def _enough(parts, contents):
    least = FEW[contents]
    few = {p: len(e) for p, e in parts.items() if p.startswith("train") and len(e) < least}
    for part, number in few.items():
        advice = "--jitter=1.12 and mirroring (--flip) help"
        if contents in SINGLE_IMAGES:
            advice = "--augment=color,translation,cutout helps, where the model has it"
        words = f"{number} in {part}; {least} or more are better. {advice}"
        yield Finding(True, "few images", words, True)


def _derived(contents):
    if contents not in SINGLE_IMAGES:
        return ""
    return "; models of pairs with --pairs=edges, grey, lowres, noisy or masked"


def _plan(path, model, survey, layout, sides):
    """Says what a training would choose, and the commands to run next."""
    arguments = [f"--model={model}", f"--dataset={path}"]
    arguments += [f"--layout={layout}"] if layout != "auto" else []
    arguments += [f"--sides={','.join(sides)}"] if sides else []
    settings, lines = choose_size(parse_training(arguments))
    trained = [len(entries) for p, entries in survey.layout.parts.items() if p.startswith("train")]
    _, more = choose_length(settings, max(trained), 1)
    for line in (*lines, *more):
        subject, _, words = line.partition(": ")
        yield Finding(True, subject, words)
    command = f"python -m kgan.train {shlex.join(arguments)}"
    yield Finding(True, "next", f"{command} --dry_run, then without --dry_run")
