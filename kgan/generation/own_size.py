"""Translations of images at their own size, by a network that was trained at another one."""

import keras
import numpy as np

from kgan.networks.bands import Bands

CHANNELS = 32  # numbers of a pixel of `tile`: half of the first layer's channels in the papers
SMALLEST = 2  # times the network's multiple: padding by reflection needs two pixels inside


class OwnSize:
    """A network that translates images of any size.

    The sides are padded by reflection to the multiples that the network needs, equally on both
    sides, and its answer is cut back. Normalisations take their statistics over the whole image.

    Args:
        network: of an image, or of an image and seeds.
        tile: a large image is computed in bands of rows with as many pixels as a square of this
            side.

    Example:
        >>> image = keras.Input((8, 8, 1))
        >>> half = keras.layers.Conv2D(4, 3, 2, "same")(image)
        >>> network = keras.Model(image, keras.layers.Conv2DTranspose(3, 3, 2, "same")(half))
        >>> OwnSize(network).translate(np.zeros([7, 13, 1], np.float32)).shape
        (7, 13, 3)
    """

    def __init__(self, network: keras.Model, tile: int = 512):
        self._bands = Bands(network, CHANNELS * tile**2)

    def translate(self, image: np.ndarray, seed: int = 0, scratch: str | None = None) -> np.ndarray:
        """Translates one image.

        Args:
            image: float32 [H, W, C] in [-1, 1].
            seed: of the live dropout; masks depend on the seed and the size.
            scratch: folder for temporary files; None: the system's.

        Returns:
            float32 [H, W, C'] in [-1, 1].
        """
        sides = [_around(length, self._bands.multiple) for length in image.shape[:2]]
        padded = np.pad(image, [*sides, (0, 0)], "reflect")
        answer = self._bands(padded, (seed, 0), scratch)
        # A network may enlarge: its answer is cut at the same places.
        scales = [after / before for after, before in zip(answer.shape, padded.shape, strict=True)]
        (top, left), (height, width) = [side[0] for side in sides], image.shape[:2]
        rows = slice(round(top * scales[0]), round((top + height) * scales[0]))
        columns = slice(round(left * scales[1]), round((left + width) * scales[1]))
        return answer[rows, columns]


def _around(length: int, multiple: int) -> tuple[int, int]:
    """Returns how many pixels are missing before and after a side."""
    wanted = max(-(-length // multiple), SMALLEST) * multiple
    return (wanted - length) // 2, wanted - length - (wanted - length) // 2
