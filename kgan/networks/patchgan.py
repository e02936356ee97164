"""The PatchGAN discriminator of pix2pix and CycleGAN.

Reference: Isola et al. 2017, sections 3.2.2 and 6.1.2.
Differs from the reference implementation: biases ahead of a normalisation are left out.
"""

from collections.abc import Sequence

import keras
from keras import layers

from kgan.layers import LiveBatchNormalization

WIDEST = 8  # times the base width


def receptive_field(downsampling_layers: int) -> int:
    """Computes the side in pixels of the patch that one score sees: 70 for 3 layers.

    Two 4x4 convolutions of stride 1 end the network, `downsampling_layers` of stride 2 come
    before; going back through a layer, field = (field − 1) · stride + 4.
    """
    field = 1
    for stride in [1, 1] + [2] * downsampling_layers:
        field = (field - 1) * stride + 4
    return field


def discriminator(
    shapes: Sequence[tuple[int, int, int]],
    base_width: int = 64,
    downsampling_layers: int = 3,
    *,
    seed: int = 0,
) -> keras.Model:
    """Builds pictures float32 [B, H, W, C] in [-1, 1] → logits float32 [B, h, w, 1], one a patch.

    At 256 pixels and 3 layers the map is 30x30 and a logit sees 70x70 pixels.

    Args:
        shapes: the (height, width, channels) of each input; they are concatenated by channel.
            Two for pix2pix (the given picture and the one to judge).
        base_width: channels of the first map, 64 in the paper.
        downsampling_layers: how many convolutions of stride 2, at least 1.
        seed: of the initial weights.

    Raises:
        ValueError: when the pictures are too small for so many layers.
    """
    height, width = shapes[0][:2]
    smallest = min(height, width) // 2**downsampling_layers
    if smallest < 3:
        raise ValueError(
            f"`downsampling_layers` must leave 3 pixels or more of {height}x{width}. "
            f"Received: downsampling_layers={downsampling_layers}"
        )
    seeds = iter(range(seed * 1000 + 500, seed * 1000 + 1000))

    def convolve(maps, filters, name, strides, use_bias):
        # "same" would pad a stride-1 kernel of 4 by (1, 2); the reference pads (1, 1) throughout.
        maps = layers.ZeroPadding2D(1, name=f"{name}_padding")(maps)
        return layers.Conv2D(
            filters, 4, strides, "valid", use_bias=use_bias,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.02, seed=next(seeds)),
            name=f"{name}_convolution",
        )(maps)  # fmt: skip

    pictures = [keras.Input(shape, name=f"picture_{n}") for n, shape in enumerate(shapes)]
    maps = layers.Concatenate(name="pair")(pictures) if len(pictures) > 1 else pictures[0]
    for level in range(downsampling_layers + 1):
        filters = base_width * min(2**level, WIDEST)
        strides = 2 if level < downsampling_layers else 1
        maps = convolve(maps, filters, f"level_{level}", strides, use_bias=level == 0)
        if level > 0:
            gamma = keras.initializers.RandomNormal(mean=1.0, stddev=0.02, seed=next(seeds))
            norm = LiveBatchNormalization(gamma_initializer=gamma, name=f"level_{level}_norm")
            maps = norm(maps)
        maps = layers.LeakyReLU(0.2, name=f"level_{level}_leaky_relu")(maps)
    maps = convolve(maps, 1, "to_logits", 1, use_bias=True)
    logits = layers.Activation("linear", dtype="float32", name="logits")(maps)
    return keras.Model(pictures if len(pictures) > 1 else pictures[0], logits, name="discriminator")
