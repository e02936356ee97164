"""Search and preparation of data sets of tensorflow-datasets, with errors of one line."""

import contextlib
import difflib
import logging
import os
import pathlib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator

from kgan.utils.errors import UserError, printable

FORMAT = "array_record"  # the format with random access that TFDS writes
RETRIES = 2  # TFDS's default is 10 with growing pauses: minutes, without a network
MOST_NAMES = 8  # of files, in a message


def quieten() -> None:
    """Limits TFDS's retries and messages, so that kgan reports an error soon and in one line.

    This is not undone afterwards: queued downloads continue when the first one has failed.
    """
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import downloader

    downloader.MAX_RETRIES = RETRIES
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    tfds.logging.set_verbosity(tfds.logging.ERROR)
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()


def find_builder(name: str, data_dir: str | None):
    """Returns the TFDS builder of a data set that is, or can be, prepared with random access.

    Raises:
        UserError: TFDS does not know the name.
    """
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir)
        if not builder.is_prepared():
            return tfds.builder(name, data_dir=data_dir, file_format=FORMAT)
        if FORMAT in {found.value for found in builder.info.available_file_formats()}:
            return builder
        other = os.path.join(builder.data_dir_root, FORMAT)
        return tfds.builder(name, data_dir=other, file_format=FORMAT)
    except Exception as error:  # each builder has ways of its own to fail
        why = f"nor one that TFDS opens ({reason(error)})"
        if isinstance(error, tfds.core.registered.DatasetNotFoundError):
            known = tfds.list_builders(with_community_datasets=False)
            near = difflib.get_close_matches(name, known, 1)
            why = "nor a TFDS name" + (f"; the nearest such name is {near[0]}" if near else "")
        raise UserError(
            f"--dataset={printable(name)}: neither built in, nor a folder or zip that is there, "
            f"{why}"
        ) from error


def prepare(name: str, builder, data_dir: str | None, manual_dir: str | None):
    """Downloads a data set where needed and writes files with random access.

    Args:
        name: name of the data set in messages.
        builder: the result of `find_builder`.
        data_dir: the argument of `find_builder`.
        manual_dir: a folder with original files, or None.

    Returns:
        A builder that reads the files.

    Raises:
        UserError: names what is missing and the flag for it. Only complete downloads are kept.
    """
    import tensorflow_datasets as tfds

    root = pathlib.Path(builder.data_dir_root)
    # Not `root` where the data set is prepared in another format: its downloads are used again.
    home = pathlib.Path(tfds.builder(name, data_dir=data_dir).data_dir_root)
    downloads = home / "downloads"
    with _clean_up_on_failure(home, root, builder.name):
        try:
            downloads.mkdir(parents=True, exist_ok=True)
            # TFDS names what it unpacks by file name alone, and would take MNIST's for another
            # set's whose files are called the same (fashion_mnist, kmnist).
            with tempfile.TemporaryDirectory(prefix="unpacked-", dir=downloads) as unpacked:
                builder.download_and_prepare(
                    download_dir=downloads,
                    download_config=tfds.download.DownloadConfig(
                        manual_dir=manual_dir, extract_dir=unpacked
                    ),
                )
        except Exception as error:  # five hundred builders raise all types of errors
            builder = find_builder(name, data_dir)
            if builder.is_prepared():
                return builder  # another process was faster
            raise UserError(f"--dataset={name}: {_failure(builder, error, manual_dir)}") from error
    return find_builder(name, data_dir)


@contextlib.contextmanager
def _clean_up_on_failure(home, root, name) -> Iterator[None]:
    """Removes what TFDS has written when preparation fails; complete downloads are kept."""
    downloads = home / "downloads"
    folders = (root / name, downloads / name, downloads, root, home)
    there = {folder for folder in folders if folder.exists()}
    begun = set(downloads.glob(f"{name}/*.tmp.*"))
    try:
        yield
    except BaseException:
        for folder in set(downloads.glob(f"{name}/*.tmp.*")) - begun:
            shutil.rmtree(folder, ignore_errors=True)
        for folder in folders:
            if folder not in there and not _has_files(folder):
                shutil.rmtree(folder, ignore_errors=True)
        raise


def _has_files(folder) -> bool:
    """Checks for files other than the notes that TFDS writes before it starts."""
    return any(p.is_file() and p.parent.name != ".config" for p in folder.rglob("*"))


def _failure(builder, error, manual_dir) -> str:
    """Returns one line that explains why preparation failed and what would be right."""
    import requests
    from tensorflow_datasets.core import download

    by_hand = getattr(builder, "MANUAL_DOWNLOAD_INSTRUCTIONS", None)
    if isinstance(error, (requests.RequestException, download.util.DownloadError)):
        files = _files(builder, error, manual_dir)
        wanted = f"a folder with {files}" if files else "a folder with its original files"
        return (
            f"not prepared in {printable(str(builder.data_dir_root))}, and cannot be downloaded "
            f"({reason(error)}); right would be {wanted}, given as --manual_dir="
        )
    if by_hand and isinstance(error, (AssertionError, OSError)):
        return (
            f"its files have to be fetched by hand; right would be a folder with them, given as "
            f"--manual_dir= ({_one_line(by_hand, 300)})"
        )
    if "checksum" in type(error).__name__.lower():
        return f"a file is not the original one ({reason(error)}); right would be a whole file"
    if isinstance(error, OSError) and error.filename is not None:
        return (
            f"cannot be prepared in {printable(str(builder.data_dir_root))} ({reason(error)}); "
            "right would be a folder to write to, given as --data_dir="
        )
    return f"TFDS cannot prepare it ({reason(error)}); right would be another data set"


def _files(builder, error, manual_dir) -> str:
    """Returns the names of the missing files, as far as TFDS knows them."""
    known = getattr(builder, "url_infos", None) or {}
    if builder.BUILDER_CONFIGS:
        # The list contains all configurations; only the failed address certainly belongs to this.
        address = getattr(getattr(error, "request", None), "url", None)
        known = {url: info for url, info in known.items() if url == address}
    names = sorted({info.filename for info in known.values() if info.filename})
    if manual_dir is not None:
        names = [name for name in names if not os.path.exists(os.path.join(manual_dir, name))]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def reason(error: Exception) -> str:
    """Returns the cause of an error in a few words; TFDS's own messages have many lines."""
    address = getattr(getattr(error, "request", None), "url", None)
    if address:
        return f"no answer from {address.split('/')[2]}"
    text = re.sub(r'^Failed to construct dataset .*?}": ', "", str(error).strip())
    return f"{type(error).__name__}: {_one_line(text.partition(chr(10))[0], 200)}"


def _one_line(text, most) -> str:
    text = printable(" ".join(text.split()))
    return text if len(text) <= most else text[:most] + "…"
