"""Finding a data set of tensorflow-datasets and preparing its files, with errors of one line."""

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

from kgan.data.decode import printable
from kgan.utils.errors import UserError

FORMAT = "array_record"  # the one that TFDS writes with random access
RETRIES = 2  # TFDS' own are 10 with growing pauses: minutes, where there is no network
MOST_NAMES = 8  # of files, in a message


def quieten() -> None:
    """Makes TFDS fail soon where there is no network, and leaves the last word to our line.

    Not taken back afterwards: downloads that TFDS had queued go on when the first has failed.
    """
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import downloader

    downloader.MAX_RETRIES = RETRIES
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    tfds.logging.set_verbosity(tfds.logging.ERROR)
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()


def find_builder(name: str, data_dir: str | None):
    """Returns the TFDS builder of a set that lies there with random access, or can be put there.

    Raises:
        UserError: on a name that TFDS does not know.
    """
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir)
        if not builder.is_prepared():
            return tfds.builder(name, data_dir=data_dir, file_format=FORMAT)
        if FORMAT in {found.value for found in builder.info.available_file_formats()}:
            return builder
        beside = os.path.join(builder.data_dir_root, FORMAT)
        return tfds.builder(name, data_dir=beside, file_format=FORMAT)
    except tfds.core.registered.DatasetNotFoundError as error:
        known = tfds.list_builders(with_community_datasets=False)
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; the nearest such name is {near[0]}" if near else ""
        raise UserError(
            f"--dataset={printable(name)}: neither built in, nor a folder or zip that is there, "
            f"nor a TFDS name{hint}"
        ) from error
    except Exception as error:  # each builder has ways of its own to fail
        raise UserError(
            f"--dataset={printable(name)}: neither built in, nor a folder or zip that is there, "
            f"nor one that TFDS opens ({reason(error)})"
        ) from error


def prepare(name: str, builder, data_dir: str | None, manual_dir: str | None):
    """Downloads where needed and writes the files with random access.

    Args:
        name: what messages call the data set.
        builder: what `find_builder` returned.
        data_dir: as given to it.
        manual_dir: a folder with original files, or None.

    Returns:
        A builder that reads them.

    Raises:
        UserError: what is missing, and where to put it. Nothing but whole downloads is left.
    """
    import tensorflow_datasets as tfds

    root = pathlib.Path(builder.data_dir_root)
    # Another folder than `root` where the set lies there in another format: what was downloaded
    # for that is used again.
    home = pathlib.Path(tfds.builder(name, data_dir=data_dir).data_dir_root)
    downloads = home / "downloads"
    with _nothing_left_behind(home, root, builder.name):
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
        except Exception as error:  # five hundred builders: there is no class for what can fail
            builder = find_builder(name, data_dir)
            if builder.is_prepared():
                return builder  # another process was faster
            raise UserError(f"--dataset={name}: {_failure(builder, error, manual_dir)}") from error
    return find_builder(name, data_dir)


@contextlib.contextmanager
def _nothing_left_behind(home, root, name) -> Iterator[None]:
    """Takes away, after a failure, what TFDS has begun; whole downloads are kept."""
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
    """Says whether there is more than folders, and what TFDS notes before it has begun."""
    return any(p.is_file() and p.parent.name != ".config" for p in folder.rglob("*"))


def _failure(builder, error, manual_dir) -> str:
    """Says in one line why preparing failed and what would help."""
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
    """Names the files that are missing, as far as TFDS knows them."""
    known = getattr(builder, "url_infos", None) or {}
    if builder.BUILDER_CONFIGS:
        # The list is of all configurations; only the address that failed is surely of this one.
        address = getattr(getattr(error, "request", None), "url", None)
        known = {url: info for url, info in known.items() if url == address}
    names = sorted({info.filename for info in known.values() if info.filename})
    if manual_dir is not None:
        names = [name for name in names if not os.path.exists(os.path.join(manual_dir, name))]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def reason(error: Exception) -> str:
    """Returns what went wrong in a few words: TFDS' messages go over many lines."""
    address = getattr(getattr(error, "request", None), "url", None)
    if address:
        return f"no answer from {address.split('/')[2]}"
    text = re.sub(r'^Failed to construct dataset .*?}": ', "", str(error).strip())
    return f"{type(error).__name__}: {_one_line(text.partition(chr(10))[0], 200)}"


def _one_line(text, most) -> str:
    text = printable(" ".join(text.split()))
    return text if len(text) <= most else text[:most] + "…"
