"""Translations of images: of a single one, of a folder and of a zip."""

import dataclasses
import itertools
import logging
import os
import pathlib
from collections.abc import Iterator

from kgan.generation import inputs as reading
from kgan.generation import results_page, saving
from kgan.generation.journal import Journal, suits
from kgan.generation.names import numbered, output_names
from kgan.generation.parts import PartInputs
from kgan.generation.results_page import ResultsPage
from kgan.generation.translator import Prepared, Translator
from kgan.utils import progress
from kgan.utils.errors import UserError, printable

SKIPPED = "skipped.txt"
MOST_NAMED = 5  # of the skipped images, in the last line

logger = logging.getLogger("kgan")


@dataclasses.dataclass(frozen=True)
class Request:
    """How translations are written.

    Args:
        out: the folder to write to, or for a single image the file; None: a place in the run.
        format: `png`, `jpg`, `webp` or `tiff`; None: that of `out`, else PNG.
        page: whether a page of several images is written, see `ResultsPage`.
        target: folder or zip of images that the page shows next to the translations.
        bad_limit: largest share of unreadable images for which the command succeeds.

    Example:
        >>> Request("photos").page
        True
    """

    out: str | None = None
    format: str | None = None
    bad_limit: float = 0.05
    page: bool = True
    target: str | None = None


def translate_images(
    translator: Translator, found: reading.Inputs | PartInputs, request: Request
) -> pathlib.Path:
    """Translates an image, or every image of a folder or zip; returns where it wrote.

    Unreadable images are skipped and named. What an interrupted call has written is kept, and the
    same call goes on.

    Raises:
        UserError: something would be overwritten, or more images than `bad_limit` allows cannot
            be read; the others are written all the same.
    """
    suffix = f".{request.format}" if request.format else translator.files.suffix
    if found.single:
        return _translate_one(translator, request, found, suffix)
    translator.files.check_suffix(suffix, f"--format={request.format}")
    folder = _folder(translator, request, found)
    call = translator.identity | {"input": found.identity, "format": suffix}
    if request.out is None:
        folder = next(place for place in numbered(folder) if suits(place, call))
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out={printable(str(folder))}: is a file; give a folder")
    if folder.is_symlink() and not folder.exists():
        raise UserError(
            f"--out={printable(str(folder))}: is a link to {printable(os.readlink(folder))}, which "
            "does not exist; give another folder"
        )
    found = found.apart_from(folder)
    names = dict(zip(found.names, output_names(found.names, suffix), strict=True))
    targets = reading.open_inputs(request.target, "--target") if request.target else None
    page = ResultsPage(names, targets) if request.page else None
    files = [*names.values(), SKIPPED, *(page.files if page else ())]
    with _FolderOnDemand(folder, call, files) as outputs:
        try:
            counts = _translate_all(translator, found, names, outputs, page)
        except KeyboardInterrupt:
            progress.end_bars()
            logger.info("interrupted; the same command translates the rest into %s", folder)
            raise
        _finish(outputs, translator, found, counts, request, page)
    return folder


def _folder(translator, request, found) -> pathlib.Path:
    if request.out is None:
        return pathlib.Path(translator.run, translator.default_name)
    if suffix := saving.file_suffix(request.out, tuple(saving.KINDS)):
        raise UserError(
            f"--out={request.out}: {found.path} holds several images, which are not written "
            f"into one {suffix} file; give a folder"
        )
    return pathlib.Path(request.out)


def _translate_one(translator, request, found, suffix):
    (name,) = found.names
    out = request.out
    if out and (given := saving.file_suffix(out, tuple(saving.KINDS))):
        if request.format and saving.KINDS[given] != saving.KINDS[suffix]:
            raise UserError(f"--format={request.format}: --out={out} is another format; give one")
        path, suffix = pathlib.Path(out), given
        found.apart_from(path)
    else:
        folder = pathlib.Path(out or pathlib.Path(translator.run, translator.default_name))
        path = folder / output_names([name], suffix)[0]
        found.apart_from(folder)
    flag = f"--format={request.format}" if request.format else f"--out={out}"
    translator.files.check_suffix(suffix, flag)
    prepared = found.begin(translator, name)[1]()
    (image,) = translator.translate([prepared])
    content = _encoded(translator, prepared, image, suffix)
    logger.info("%s", translator.description)
    if prepared.other_shape and translator.own_size is None:
        logger.info("the image has another shape than %s", _hint(translator))
    return saving.write_new(path, content, named=out is not None)


def _encoded(translator, prepared, answer, suffix) -> bytes:
    return translator.files.encode(answer, suffix, prepared.alpha, prepared.profile)


class _FolderOnDemand:
    """A folder with its journal, which are made when the first file is written."""

    def __init__(self, folder, call, names):
        self.folder, self._call, self._names = folder, call, names
        self._journal = None
        if folder.is_dir():
            self._open()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._journal is not None:
            self._journal.__exit__(*error)

    def _open(self):
        self._journal = Journal(self.folder, self._call).__enter__()
        try:
            self._journal.check_free(self._names)
        except UserError:
            self._journal.__exit__()
            raise

    def is_made(self, name, digest):
        return self._journal is not None and self._journal.is_made(name, digest)

    def write(self, name, content, digest=None, **details):
        if self._journal is None:
            self._open()
        self._journal.announce(name, digest, content, **details)
        saving.write(self.folder / name, content)

    def remove(self, name):
        (self.folder / name).unlink(missing_ok=True)


@dataclasses.dataclass
class _Counts:
    """What has happened: numbers of images, and the errors of those that were skipped by name."""

    total: int
    written: int = 0
    kept: int = 0
    other_shape: int = 0
    skipped: dict[str, UserError] = dataclasses.field(default_factory=dict)


def _translate_all(translator, found, names, outputs, page) -> _Counts:
    counts = _Counts(len(names))
    todo = _readable(translator, found, names, outputs, counts)
    with progress.bar(total=len(names), unit="image", delay=2) as bar:
        while batch := list(itertools.islice(todo, translator.batch_size)):
            if not counts.written:
                logger.info("%s", translator.description)
            images = translator.translate([prepared for *_, prepared in batch])
            for (name, digest, prepared), image in zip(batch, images, strict=True):
                suffix = pathlib.Path(names[name]).suffix
                content = _encoded(translator, prepared, image, suffix)
                if page:  # first: once the translation is there, its row is complete
                    page.add(
                        outputs, name, translator.shown(prepared, image), translator.files.is_plain
                    )
                outputs.write(names[name], content, digest, input=name)
                counts.written += 1
                counts.other_shape += prepared.other_shape
            bar.update(counts.written + counts.kept + len(counts.skipped) - bar.n)
    return counts


def _readable(translator, found, names, outputs, counts) -> Iterator[tuple[str, str, Prepared]]:
    """Yields the images that are still to be translated, and counts the others."""
    for name in names:
        try:
            digest, prepare = found.begin(translator, name)
            if outputs.is_made(names[name], digest):
                counts.kept += 1
                continue
            yield name, digest, prepare()
        except UserError as error:
            counts.skipped[name] = error


def _hint(translator) -> str:
    height, width = translator.trained_size
    return (
        f"the {width}x{height} pixels of the training; --output_size=input translates images at "
        "their own size"
    )


def _finish(outputs, translator, found, counts, request, page):
    """Reports the counts; raises an error where too many images were skipped."""
    done = counts.written + counts.kept
    first = next(iter(counts.skipped.values()), None)
    if not done:
        raise UserError(f"none of {counts.total} images can be read; {first}")
    if counts.skipped:
        text = "".join(f"{error}\n" for error in counts.skipped.values())
        outputs.write(SKIPPED, text.encode(errors="surrogateescape"))
    else:
        outputs.remove(SKIPPED)
    written = f"{counts.written} written"
    if counts.kept:
        written += f", {counts.kept} were there already"
    if counts.skipped:
        names = [printable(name) for name in list(counts.skipped)[:MOST_NAMED]]
        more = ", …" if len(counts.skipped) > MOST_NAMED else ""
        written += f", {len(counts.skipped)} skipped: {', '.join(names)}{more} ({SKIPPED})"
    logger.info("%s", written)
    if page:
        title = f"Translations by {pathlib.Path(translator.run).resolve().name}"
        size = "their own size" if translator.own_size else "the size of the training"
        facts = [
            f"{translator.description}; seed {translator.seed}; at {size}",
            f"{done} of {counts.total} images of {found.path}",
        ]
        page.finish(outputs, title, facts, [str(error) for error in counts.skipped.values()])
        logger.info("side by side: %s", outputs.folder / results_page.NAME)
    if counts.other_shape and translator.own_size is None:
        logger.info("%d of them have another shape than %s", counts.other_shape, _hint(translator))
    if len(counts.skipped) / counts.total > request.bad_limit:
        raise UserError(
            f"--bad_limit={request.bad_limit}: {len(counts.skipped)} of {counts.total} images "
            f"cannot be read, which {outputs.folder / SKIPPED} lists; the other {done} are "
            "translated"
        )
