"""Mixtures of Gaussians in the plane, which make mode collapse measurable.

`ring`: 8 modes at radius 1, standard deviation 0.01. `grid`: 25 modes at −4, −2, 0, 2, 4 in both
directions, standard deviation 0.05. All modes are equally likely.

Reference: Srivastava et al. 2017 (VEEGAN), section 4; Lin et al. 2018 (PacGAN), section 4.1.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Equally likely round Gaussians in the plane.

    Args:
        centres: (x, y) of each mode.
        deviation: standard deviation of each, in both directions.

    Example:
        >>> Mixture(((3.0, -1.0),), 0.0).sample(2, (0,)).tolist()
        [[3.0, -1.0], [3.0, -1.0]]
    """

    centres: tuple[tuple[float, float], ...]
    deviation: float

    def sample(self, count: int, seed: Sequence[int]) -> np.ndarray:
        """Samples points, float32 [count, 2]; equal seeds give equal points."""
        generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
        modes = generator.integers(len(self.centres), size=count)
        noise = self.deviation * generator.standard_normal((count, 2))
        return (np.array(self.centres)[modes] + noise).astype(np.float32)


def _ring():
    angles = 2 * np.pi * np.arange(8) / 8
    return tuple((float(np.cos(angle)), float(np.sin(angle))) for angle in angles)


MIXTURES = {
    "ring": Mixture(_ring(), 0.01),
    "grid": Mixture(tuple((x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)), 0.05),
}
