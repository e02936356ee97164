"""Files of translations, with what their training data had: 16 bits, classes, profiles."""

import dataclasses

import numpy as np
from PIL import Image

from kgan.data import encoding
from kgan.data.preparation import Preparation
from kgan.generation import saving
from kgan.plots import grids
from kgan.utils.errors import UserError


@dataclasses.dataclass(frozen=True)
class AnswerFiles:
    """How translations are written.

    Args:
        writing: how the images that they look like were read for training.

    Example:
        >>> AnswerFiles(Preparation(channels=1, depth=16)).suffix
        '.png'
    """

    writing: Preparation

    @property
    def suffix(self) -> str:
        """The suffix of files that hold all that answers have: TIFF for floating point."""
        return ".tif" if self.writing.depth == 32 else ".png"

    @property
    def is_plain(self) -> bool:
        """Whether the files of answers show what people want to see: colours of 8 bits."""
        return not self.writing.classes and (self.writing.depth or 8) == 8

    def check_suffix(self, suffix: str, flag: str) -> None:
        """Raises UserError for files that would change label maps; `flag` asks for them."""
        if self.writing.classes and suffix not in saving.LOSSLESS:
            raise UserError(
                f"{flag}: the translations are label maps, which such files would "
                "change; right would be png or tiff"
            )

    def encode(
        self,
        answer: np.ndarray,
        suffix: str,
        alpha: Image.Image | None = None,
        profile: bytes | None = None,
    ) -> bytes:
        """Returns the contents of the file of an answer.

        Args:
            answer: float32 [H, W, C] in [-1, 1].
            suffix: of the file. TIFF has the levels of the training, and PNG those of 16 bits;
                of floating point images the whole range of 16 bits. Other files have 8 bits.
            alpha: the transparency of the given image, of any size: of mode L, or of mode F in
                0 … 255. Label maps have none.
            profile: its ICC profile, which is kept if it fits the channels.
        """
        writing = self.writing
        if writing.classes:
            return saving.encode(encoding.to_image(answer, writing), suffix)
        height, width, channels = answer.shape
        opaque = alpha is None or channels == 4
        unit = None if opaque else _unit(alpha, (width, height))
        if not self.is_plain and suffix in saving.LOSSLESS:
            if suffix == ".png" and writing.depth == 32:  # as in the answers of an export
                writing = dataclasses.replace(writing, depth=16, value_range=None)
            fitting = saving.fits_profile(profile, "RGB" if channels > 1 else "L")
            levels = encoding.to_levels(answer, writing)
            return encoding.encode_deep(levels, suffix, unit, profile if fitting else None)
        image = grids.to_image(answer)
        if unit is not None:
            image.putalpha(Image.fromarray(np.rint(255 * unit).astype(np.uint8)))
        return saving.encode(image, suffix, profile)


def _unit(alpha: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """Returns an alpha channel at a size (width, height), as float32 [H, W] in [0, 1]."""
    resized = np.asarray(alpha.resize(size, Image.Resampling.BICUBIC), np.float32)
    return np.clip(resized / np.float32(255), 0, 1)
