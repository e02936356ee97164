"""The residual generator of CycleGAN for images whose sides are multiples of 4.

Reference: Zhu et al. 2017, section 7.2, after Johnson et al. 2016.
Differs from the reference implementation: no biases before a normalisation, which would subtract
them. Instance norm has no scale and no shift in both.
"""

import keras
from keras import layers

from kgan.layers import ReflectionPadding
from kgan.networks.blocks import Seeded, instance_norm
from kgan.utils.errors import ArgumentError

SMALLEST = 8  # side; the residual blocks pad maps of a quarter of it by reflection


def blocks_for(height: int, width: int) -> int:
    """Returns the paper's number of residual blocks: 6, or 9 from 256 pixels on."""
    return 9 if min(height, width) >= 256 else 6


def generator(
    shape: tuple[int, int, int],
    output_channels: int,
    base_width: int = 64,
    blocks: int | None = None,
    *,
    seed: int = 0,
    name: str = "generator",
) -> keras.Model:
    """Builds image float32 [B, H, W, C] → image float32 [B, H, W, C'], both in [-1, 1].

    c7s1-64, d128, d256, residual blocks R256, u128, u64, c7s1 in the paper's words.

    Args:
        shape: (height, width, channels) of the input; sides are multiples of 4 and at least 8.
        output_channels: channels of the output.
        base_width: channels of the first map, 64 in the paper.
        blocks: number of residual blocks; None: see `blocks_for`.
    """
    height, width, _ = shape
    if height % 4 or width % 4 or min(height, width) < SMALLEST:
        raise ArgumentError(
            "shape",
            f"must have sides that are multiples of 4, at least {SMALLEST}. "
            f"Received: {height}x{width}",
        )
    blocks = blocks_for(height, width) if blocks is None else blocks
    named = Seeded(seed)

    def normalise(maps, name, activated=True):
        maps = instance_norm(f"{name}_norm")(maps)
        return layers.ReLU(name=f"{name}_relu")(maps) if activated else maps

    def reflected(maps, filters, kernel, name, use_bias=False):
        maps = ReflectionPadding(kernel // 2, name=f"{name}_padding")(maps)
        options = {"use_bias": use_bias, **named(f"{name}_convolution")}
        return layers.Conv2D(filters, kernel, **options)(maps)

    image = keras.Input(shape, name="picture")
    maps = normalise(reflected(image, base_width, 7, "first"), "first")
    for level in (1, 2):
        # "same" would pad a stride-2 kernel of 3 by (0, 1); the reference pads (1, 1).
        maps = layers.ZeroPadding2D(1, name=f"down_{level}_padding")(maps)
        options = {"use_bias": False, **named(f"down_{level}_convolution")}
        maps = layers.Conv2D(base_width * 2**level, 3, 2, **options)(maps)
        maps = normalise(maps, f"down_{level}")
    for block in range(blocks):
        inner, name_of = maps, f"block_{block}"
        for half, activated in (("a", True), ("b", False)):
            inner = reflected(inner, 4 * base_width, 3, f"{name_of}_{half}")
            inner = normalise(inner, f"{name_of}_{half}", activated)
        maps = layers.Add(name=f"{name_of}_sum")([maps, inner])
    for level in (1, 0):
        options = {"use_bias": False, **named(f"up_{level}_transposed")}
        maps = layers.Conv2DTranspose(base_width * 2**level, 3, 2, **options)(maps)
        # 2n + 1 pixels; the reference's padding removes the first one, "same" would the last.
        maps = layers.Cropping2D(((1, 0), (1, 0)), name=f"up_{level}_cropping")(maps)
        maps = normalise(maps, f"up_{level}")
    maps = reflected(maps, output_channels, 7, "to_picture", use_bias=True)
    answer = layers.Activation("tanh", dtype="float32", name="answer")(maps)
    return keras.Model(image, answer, name=name)
