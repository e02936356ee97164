"""Residual networks of SN-GAN: conditional normalisation and a projection discriminator.

For square images of 16, 32 or 64 pixels; arguments are those of `kgan.networks.conditional`.

Reference: Miyato et al. 2018, table 4 and figure 9 (32x32); Miyato and Koyama 2018, equation 3 and
section 4 (projection, conditional batch normalisation).
Differs from the papers: the widths are arguments with smaller defaults; the generator has no biases
before a normalisation.
"""

import keras
from keras import layers
from keras.initializers import GlorotUniform

from kgan.layers import SpectralConv2D, SpectralDense
from kgan.networks.blocks import Seeded, batch_norm, check_square, inputs_with_condition

SIZES = (16, 32, 64)


def generator(
    shape: tuple[int, int, int],
    condition_size: int,
    latent_size: int = 128,
    base_width: int = 64,
    *,
    synchronized: bool = False,
    seed: int = 0,
) -> keras.Model:
    """Builds [latent float32 [B, N], condition float32 [B, K]] → image [B, H, W, C] (tanh).

    The condition determines scale and shift of every batch normalisation: one row for each class,
    or sums of rows for several attributes.

    Args:
        latent_size: N; 128 in the paper.
        base_width: channels of every map; 256 in the paper.
    """
    blocks = check_square(shape, SIZES) - 2
    named = Seeded(seed, initializer=GlorotUniform)
    latent, condition = inputs_with_condition((latent_size,), "latent", condition_size)

    def convolve(maps, filters, kernel, name, *, use_bias=False):
        # A normalisation follows all but the last, and removes a bias. The gradient of such a bias
        # is only rounding error, which Adam would amplify to full steps.
        layer = layers.Conv2D(filters, kernel, padding="same", use_bias=use_bias, **named(name))
        return layer(maps)

    def normalize(maps, name):
        maps = batch_norm(f"{name}_norm", synchronized, center=False, scale=False)(maps)
        for part, initial, join in (
            ("scale", "ones", layers.Multiply),
            ("shift", "zeros", layers.Add),
        ):
            options = {"kernel_initializer": initial, "name": f"{name}_{part}"}
            rows = layers.Dense(base_width, use_bias=False, **options)(condition)
            rows = layers.Reshape((1, 1, base_width), name=f"{name}_{part}_reshape")(rows)
            maps = join(name=f"{name}_{part}_join")([maps, rows])
        return layers.ReLU(name=f"{name}_relu")(maps)

    maps = layers.Dense(16 * base_width, **named("project"))(latent)
    maps = layers.Reshape((4, 4, base_width), name="reshape")(maps)
    for block in range(blocks):
        name = f"block_{block}"
        larger = layers.UpSampling2D(name=f"{name}_shortcut_upsample")(maps)
        shortcut = convolve(larger, base_width, 1, f"{name}_shortcut")
        maps = normalize(maps, f"{name}_first")
        maps = layers.UpSampling2D(name=f"{name}_upsample")(maps)
        maps = convolve(maps, base_width, 3, f"{name}_first_convolution")
        maps = normalize(maps, f"{name}_second")
        maps = convolve(maps, base_width, 3, f"{name}_second_convolution")
        maps = layers.Add(name=f"{name}_sum")([shortcut, maps])
    maps = batch_norm("last_norm", synchronized)(maps)
    maps = layers.ReLU(name="last_relu")(maps)
    maps = convolve(maps, shape[2], 3, "to_picture", use_bias=True)
    image = layers.Activation("tanh", dtype="float32", name="picture")(maps)
    return keras.Model([latent, condition], image, name="generator")


def discriminator(
    shape: tuple[int, int, int],
    condition_size: int,
    base_width: int = 64,
    *,
    conditioned: bool = True,
    synchronized: bool = False,
    seed: int = 0,
) -> keras.Model:
    """Builds [image float32 [B, H, W, C], condition float32 [B, K]] → score float32 [B, 1].

    The score is ψ(φ(x)) + yᵀ V φ(x), with the features φ summed over the image. Every layer has
    spectral normalisation; there are no batch statistics.

    Args:
        base_width: channels of every map; 128 in the paper.
        conditioned: False leaves out the condition; the score is ψ(φ(x)).
        synchronized: has no effect.
    """
    blocks = check_square(shape, SIZES) - 2
    named = Seeded(seed, 500, GlorotUniform)
    image, condition = inputs_with_condition(shape, "picture", condition_size)

    def convolve(maps, kernel, name):
        return SpectralConv2D(base_width, kernel, padding="same", **named(name))(maps)

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
    score = SpectralDense(1, dtype="float32", **named("score_of_picture"))(features)
    if conditioned:
        options = {"use_bias": False, "dtype": "float32", **named("condition_row")}
        row = SpectralDense(base_width, **options)(condition)
        projection = layers.Dot(axes=1, dtype="float32", name="projection")([features, row])
        score = layers.Add(dtype="float32", name="sum_of_scores")([score, projection])
    score = layers.Activation("linear", dtype="float32", name="score")(score)
    return keras.Model([image, condition] if conditioned else image, score, name="discriminator")
