"""What the conversions of signatures to other formats have in common."""

import contextlib
import dataclasses
import importlib
import logging
import os
import tempfile
import types
import warnings
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from kgan.utils.errors import UserError


@dataclasses.dataclass(frozen=True)
class Conversion:
    """A signature in another format.

    Args:
        data: the bytes of its file.
        call: from float32 arrays by input name to those by output name.
        about: what its description says of it.

    Example:
        >>> doubling = Conversion(b"", lambda inputs: {"pictures": 2 * inputs["images"]}, {})
        >>> doubling.call({"images": 3})
        {'pictures': 6}
    """

    data: bytes
    call: Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]
    about: Mapping[str, object]


def import_package(name: str, flag: str, extra: str) -> types.ModuleType:
    """Imports an optional package.

    Args:
        name: of the package.
        flag: that needs it, with its value.
        extra: of kgan, which installs it.

    Raises:
        UserError: it is not installed.
    """
    try:
        with quiet():
            return importlib.import_module(name)
    except ImportError as error:
        package = (error.name or name).partition(".")[0]
        raise UserError(
            f"{flag}: needs the package {package}, which cannot be imported; right would be: "
            f"pip install 'kgan[{extra}]'"
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps back what converters write to standard error and log, pages for each model.

    Errors are raised, so that nothing is lost that a user needs.
    """
    level = logging.root.manager.disable
    own = os.dup(2)
    with tempfile.TemporaryFile() as written, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(own, 2)
            os.close(own)
            logging.disable(level)
