"""The PatchGAN discriminator of pix2pix and CycleGAN, at one scale or several.

Reference: Isola et al. 2017, sections 3.2.2 and 6.1.2; Wang et al. 2018, section 3.2, for scales.
Differs from the reference implementation: no biases before a normalisation.
"""

from collections.abc import Sequence

import keras
from keras import layers

from kgan.networks.blocks import Seeded, instance_norm, live_batch_norm
from kgan.utils.errors import ArgumentError

WIDEST = 8  # times the base width
NORMS = ("batch", "instance")


def receptive_field(patch_layers: int) -> int:
    """Computes the side in pixels of the receptive field of one score: 70 for 3 layers.

    The network has `patch_layers` 4x4 convolutions of stride 2 and then two of stride 1; backwards
    through a layer, field = (field − 1) · stride + 4.
    """
    field = 1
    for stride in [1, 1] + [2] * patch_layers:
        field = (field - 1) * stride + 4
    return field


def discriminator(
    shapes: Sequence[tuple[int, int, int]],
    base_width: int = 64,
    patch_layers: int = 3,
    *,
    norm: str = "batch",
    scales: int = 1,
    seed: int = 0,
    name: str = "discriminator",
) -> keras.Model:
    """Builds images float32 [B, H, W, C] in [-1, 1] → logits float32 [B, h, w, 1], one per patch.

    At 256 pixels and 3 layers the map is 30x30 and a logit depends on 70x70 pixels. With several
    scales the output is a list of such maps, from PatchGANs with separate weights for the images,
    the images at half the size, and so on.

    Args:
        shapes: the (height, width, channels) of each input; they are concatenated by channel.
            Two for pix2pix (the input image and the target or translation).
        base_width: channels of the first map, 64 in the paper.
        patch_layers: number of convolutions of stride 2, at least 1.
        norm: `batch` (`LiveBatchNormalization`, pix2pix) or `instance` (CycleGAN; without scale
            and shift).
        scales: number of discriminators, at least 1.
    """
    if norm not in NORMS:
        raise ArgumentError("norm", f"must be one of {', '.join(NORMS)}. Received: norm={norm}")
    height, width = shapes[0][:2]
    if min(height, width) // 2**patch_layers < 3:
        raise ArgumentError(
            "patch_layers",
            f"must leave 3 pixels or more of {height}x{width}. "
            f"Received: patch_layers={patch_layers}",
        )
    if min(height, width) // 2 ** (scales - 1 + patch_layers) < 3:
        raise ArgumentError(
            "scales",
            f"must leave 3 pixels or more of {height}x{width} after "
            f"{patch_layers} layers at the smallest one. Received: scales={scales}",
        )
    named = Seeded(seed, 500)
    images = [keras.Input(shape, name=f"picture_{n}") for n, shape in enumerate(shapes)]
    maps = layers.Concatenate(name="pair")(images) if len(images) > 1 else images[0]
    outputs = []
    for scale in range(scales):
        prefix = f"scale_{scale}_" if scale else ""
        if scale:
            maps = layers.AveragePooling2D(2, name=f"{prefix}halved")(maps)
        outputs.append(_patches(maps, base_width, patch_layers, norm, named, prefix))
    inputs = images if len(images) > 1 else images[0]
    return keras.Model(inputs, outputs if scales > 1 else outputs[0], name=name)


def _patches(maps, base_width, patch_layers, norm, named, prefix):
    """Scores the patches of an image at one scale."""

    def convolve(maps, filters, name, strides, use_bias):
        # "same" would pad a stride-1 kernel of 4 by (1, 2); the reference pads (1, 1) throughout.
        maps = layers.ZeroPadding2D(1, name=f"{name}_padding")(maps)
        options = {"use_bias": use_bias, **named(f"{name}_convolution")}
        return layers.Conv2D(filters, 4, strides, "valid", **options)(maps)

    def normalise(maps, name):
        if norm == "instance":
            return instance_norm(name)(maps)
        return live_batch_norm(name, named)(maps)

    for level in range(patch_layers + 1):
        filters = base_width * min(2**level, WIDEST)
        strides = 2 if level < patch_layers else 1
        maps = convolve(maps, filters, f"{prefix}level_{level}", strides, use_bias=level == 0)
        if level > 0:
            maps = normalise(maps, f"{prefix}level_{level}_norm")
        maps = layers.LeakyReLU(0.2, name=f"{prefix}level_{level}_leaky_relu")(maps)
    maps = convolve(maps, 1, f"{prefix}to_logits", 1, use_bias=True)
    return layers.Activation("linear", dtype="float32", name=f"{prefix}logits")(maps)
