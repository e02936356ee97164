"""Residual networks of SN-GAN: conditional normalisation and a projection discriminator.

For square images of 16, 32 or 64 pixels; arguments are those of `kgan.networks.conditional`.
Initial weights are uniform as in Glorot and Bengio 2010, equation 16, times √2 in the convolutions
of residual branches, as in the authors' code.

Reference: Miyato et al. 2018, table 4 and figure 9 (32x32); Miyato and Koyama 2018, equation 3 and
section 4 (projection, conditional batch normalisation).
Differs from the papers: the widths are arguments with smaller defaults, the same at every size; the
generator has no biases before a normalisation; batch normalisation adds 1e-5 to the variance, not
2e-5; its scale is 1 + W y, which for classes is the same as the authors' table of scales, and is 1
where no attribute holds.
"""

import math

import keras
from keras import layers

from kgan.networks.blocks import Seeded, batch_norm, check_square, inputs_with_condition
from kgan.networks.upsampling import NearestUpsampling
from kgan.spectral_norm import SpectralConv2D, SpectralDense

SIZES = (16, 32, 64)


def _glorot(seed, gain=1.0):
    # With a scale of 1 this is Glorot's; the scale is that of the variance.
    return keras.initializers.VarianceScaling(gain**2, "fan_avg", "uniform", seed=seed)


def _residual_gain(network_version):
    return 1.0 if network_version == 1 else math.sqrt(2)


def generator(
    shape: tuple[int, int, int],
    condition_size: int,
    latent_size: int = 128,
    base_width: int = 64,
    *,
    network_version: int = 2,
    synchronized: bool = False,
    seed: int = 0,
) -> keras.Model:
    """Builds [latent float32 [B, N], condition float32 [B, K]] → image [B, H, W, C] (tanh).

    The condition y determines scale 1 + W y and shift V y of all batch normalisations but the last.

    Args:
        latent_size: N; 128 in the paper.
        base_width: channels of every map; 256 in the paper.
        network_version: 1 is for weights of an earlier kgan: the scale is W y, which is 0 where no
            attribute holds, and all initial gains are 1.
    """
    blocks = check_square(shape, SIZES) - 2
    named, residual_gain = Seeded(seed, initializer=_glorot), _residual_gain(network_version)
    latent, condition = inputs_with_condition((latent_size,), "latent", condition_size)

    def convolve(maps, filters, kernel, name, *, gain=1.0, use_bias=False):
        # A normalisation follows all but the last, and removes a bias. The gradient of such a bias
        # is only rounding error, which Adam would amplify to full steps.
        options = {"padding": "same", "use_bias": use_bias, **named(name, gain)}
        return layers.Conv2D(filters, kernel, **options)(maps)

    def normalize(maps, name):
        maps = batch_norm(f"{name}_norm", synchronized, center=False, scale=False)(maps)
        for part, join in (("scale", layers.Multiply), ("shift", layers.Add)):
            rows = _scale_or_shift(part, name, condition, base_width, network_version)
            rows = layers.Reshape((1, 1, base_width), name=f"{name}_{part}_reshape")(rows)
            maps = join(name=f"{name}_{part}_join")([maps, rows])
        return layers.ReLU(name=f"{name}_relu")(maps)

    maps = layers.Dense(16 * base_width, **named("project"))(latent)
    maps = layers.Reshape((4, 4, base_width), name="reshape")(maps)
    for block in range(blocks):
        name = f"block_{block}"
        larger = NearestUpsampling(name=f"{name}_shortcut_upsample")(maps)
        shortcut = convolve(larger, base_width, 1, f"{name}_shortcut")
        maps = normalize(maps, f"{name}_first")
        maps = NearestUpsampling(name=f"{name}_upsample")(maps)
        maps = convolve(maps, base_width, 3, f"{name}_first_convolution", gain=residual_gain)
        maps = normalize(maps, f"{name}_second")
        maps = convolve(maps, base_width, 3, f"{name}_second_convolution", gain=residual_gain)
        maps = layers.Add(name=f"{name}_sum")([shortcut, maps])
    maps = batch_norm("last_norm", synchronized)(maps)
    maps = layers.ReLU(name="last_relu")(maps)
    maps = convolve(maps, shape[2], 3, "to_picture", use_bias=True)
    image = layers.Activation("tanh", dtype="float32", name="picture")(maps)
    return keras.Model([latent, condition], image, name="generator")


def _scale_or_shift(part, name, condition, width, network_version):
    """Computes what the conditions [B, K] determine of a normalisation: float [B, width]."""
    rows = f"{name}_{part}"
    initial = "ones" if (part, network_version) == ("scale", 1) else "zeros"
    plus_1 = part == "scale" and network_version > 1
    if plus_1:
        # Another name than that of version 1, whose weights contain the 1.
        rows = f"{name}_rows"
    dense = layers.Dense(width, use_bias=False, kernel_initializer=initial, name=rows)
    values = dense(condition)
    return layers.Rescaling(1.0, offset=1.0, name=f"{name}_scale")(values) if plus_1 else values


def discriminator(
    shape: tuple[int, int, int],
    condition_size: int,
    base_width: int = 64,
    *,
    conditioned: bool = True,
    network_version: int = 2,
    synchronized: bool = False,
    seed: int = 0,
) -> keras.Model:
    """Builds [image float32 [B, H, W, C], condition float32 [B, K]] → score float32 [B, 1].

    The score is ψ(φ(x)) + yᵀ V φ(x), with the features φ summed over the image. Every layer has
    spectral normalisation; there are no batch statistics.

    Args:
        base_width: channels of every map; 128 in the paper.
        conditioned: False leaves out the condition; the score is ψ(φ(x)).
        network_version: 1 is for weights of an earlier kgan: the score has a bias, and all initial
            gains are 1.
        synchronized: has no effect.
    """
    blocks = check_square(shape, SIZES) - 2
    named = Seeded(seed, 500, _glorot)
    image, condition = inputs_with_condition(shape, "picture", condition_size)

    def convolve(maps, kernel, name):
        gain = _residual_gain(network_version) if kernel == 3 else 1.0
        return SpectralConv2D(base_width, kernel, padding="same", **named(name, gain))(maps)

    def shrink(maps, name):
        return layers.AveragePooling2D(2, name=name)(maps)

    # The first block has no activation before it, which would clip the image.
    maps = convolve(image, 3, "block_0_first_convolution")
    maps = convolve(layers.ReLU(name="block_0_relu")(maps), 3, "block_0_second_convolution")
    shortcut = convolve(shrink(image, "block_0_shortcut_shrink"), 1, "block_0_shortcut")
    maps = layers.Add(name="block_0_sum")([shrink(maps, "block_0_shrink"), shortcut])
    # Down to 8x8, and two more blocks at this size.
    for block in range(1, blocks + 1):
        name, smaller = f"block_{block}", block < blocks - 1
        inner = layers.ReLU(name=f"{name}_first_relu")(maps)
        inner = convolve(inner, 3, f"{name}_first_convolution")
        inner = layers.ReLU(name=f"{name}_second_relu")(inner)
        inner = convolve(inner, 3, f"{name}_second_convolution")
        if smaller:
            inner = shrink(inner, f"{name}_shrink")
            maps = shrink(convolve(maps, 1, f"{name}_shortcut"), f"{name}_shortcut_shrink")
        maps = layers.Add(name=f"{name}_sum")([inner, maps])
    # In float32 with any precision policy: these are sums of many numbers.
    maps = layers.ReLU(dtype="float32", name="last_relu")(maps)
    features = layers.GlobalAveragePooling2D(dtype="float32", name="mean_features")(maps)
    side = maps.shape[1]
    features = layers.Rescaling(float(side * side), dtype="float32", name="features")(features)
    options = {"use_bias": network_version == 1, "dtype": "float32", **named("score_of_picture")}
    score = SpectralDense(1, **options)(features)
    if conditioned:
        options = {"use_bias": False, "dtype": "float32", **named("condition_row")}
        row = SpectralDense(base_width, **options)(condition)
        projection = layers.Dot(axes=1, dtype="float32", name="projection")([features, row])
        score = layers.Add(dtype="float32", name="sum_of_scores")([score, projection])
    score = layers.Activation("linear", dtype="float32", name="score")(score)
    return keras.Model([image, condition] if conditioned else image, score, name="discriminator")
