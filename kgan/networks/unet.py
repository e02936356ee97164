"""The U-Net generator of pix2pix for images whose sides are multiples of 32 up to 512.

Reference: Isola et al. 2017, section 6.1.1.
Differs from the reference implementation: no biases before a normalisation, which would subtract
them.
"""

import keras
from keras import layers

from kgan.layers import SeededDropout
from kgan.networks.blocks import Seeded, live_batch_norm
from kgan.networks.upsampling import NearestUpsampling
from kgan.utils.errors import ArgumentError

MULTIPLE, LARGEST = 32, 512  # of a side; at least five levels
WIDEST = 8  # times the base width: 512 channels at the paper's 64
DROPOUT_BLOCKS = 3


def _downsample(maps, filters, name, named, *, normalised, activated=True):
    if activated:
        maps = layers.LeakyReLU(0.2, name=f"{name}_leaky_relu")(maps)
    options = {"use_bias": not normalised, **named(f"{name}_convolution")}
    maps = layers.Conv2D(filters, 4, 2, "same", **options)(maps)
    return live_batch_norm(f"{name}_norm", named)(maps) if normalised else maps


def _upsample(maps, filters, name, named, how, use_bias):
    if how == "transpose":
        options = {"use_bias": use_bias, **named(f"{name}_transposed")}
        return layers.Conv2DTranspose(filters, 4, 2, "same", **options)(maps)
    # After nearest-neighbour upsampling every output pixel depends on equally many weights, which
    # avoids the checkerboard (Odena et al. 2016).
    maps = NearestUpsampling(2, name=f"{name}_resize")(maps)
    options = {"use_bias": use_bias, **named(f"{name}_convolution")}
    return layers.Conv2D(filters, 3, 1, "same", **options)(maps)


def generator(
    shape: tuple[int, int, int],
    output_channels: int,
    base_width: int = 64,
    *,
    upsample: str = "transpose",
    dropout: float = 0.5,
    seed: int = 0,
) -> keras.Model:
    """Builds the encoder-decoder with skip connections: (image, seeds) → image.

    The encoder halves as long as both sides are even, at most until the shorter one is 1 pixel: at
    256 its widths are 64-128-256-512-512-512-512-512; smaller images have fewer 512s, 512 has one
    more. 192x256 has six levels and 3x4 pixels at the bottleneck.

    Args:
        shape: (height, width, channels) of the input; sides are multiples of 32 up to 512.
        output_channels: channels of the output.
        base_width: channels of the first map, 64 in the paper.
        upsample: `transpose` (the paper's 4x4 transposed convolutions) or `resize` (nearest
            neighbour and a 3x3 convolution; no checkerboards).
        dropout: rate in the decoder's first three blocks, in training and at inference.

    Returns:
        A model of two inputs, an image float32 [B, H, W, C] in [-1, 1] and dropout seeds int32
        [B, 2], with output float32 [B, H, W, output_channels] in [-1, 1].
    """
    if any(side % MULTIPLE or not 0 < side <= LARGEST for side in shape[:2]):
        raise ArgumentError(
            "shape",
            f"must have sides that are multiples of 32 up to 512. Received: {shape[0]}x{shape[1]}",
        )
    if upsample not in ("transpose", "resize"):
        raise ArgumentError(
            "upsample", f"must be transpose or resize. Received: upsample={upsample}"
        )
    named = Seeded(seed)
    # The number of times that a side can be halved: of zeros at the end of its binary digits.
    depth = min((side & -side).bit_length() - 1 for side in shape[:2])
    widths = [base_width * min(2**level, WIDEST) for level in range(depth)]
    # A bottleneck of one pixel is not normalised.
    bare = depth - 1 if shape[0] == shape[1] == 2**depth else None

    image = keras.Input(shape, name="picture")
    dropout_seeds = keras.Input((2,), dtype="int32", name="seeds")
    maps, skips = image, []
    for level, filters in enumerate(widths):
        options = {"normalised": level not in (0, bare), "activated": level > 0}
        maps = _downsample(maps, filters, f"down_{level}", named, **options)
        skips.append(maps)
    skips.pop()
    for block, filters in enumerate(reversed(widths[:-1])):
        maps = layers.ReLU(name=f"up_{block}_relu")(maps)
        maps = _upsample(maps, filters, f"up_{block}", named, upsample, use_bias=False)
        maps = live_batch_norm(f"up_{block}_norm", named)(maps)
        if block < DROPOUT_BLOCKS and dropout:
            layer = SeededDropout(dropout, salt=block, name=f"up_{block}_dropout")
            maps = layer(maps, dropout_seeds)
        maps = layers.Concatenate(name=f"up_{block}_skip")([maps, skips.pop()])
    maps = layers.ReLU(name="to_picture_relu")(maps)
    maps = _upsample(maps, output_channels, "to_picture", named, upsample, use_bias=True)
    answer = layers.Activation("tanh", dtype="float32", name="answer")(maps)
    return keras.Model([image, dropout_seeds], answer, name="generator")
