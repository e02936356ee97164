"""The convolutional generator and discriminator of DCGAN, 16 to 128 pixels.

At 32x32 these are exactly the networks of the course (kernels 4, no bias, batch norm after every
convolution but the last); each doubling of the size adds one block of twice the width at the 4x4
map, each halving removes one, which is the course's rule for 64x64.

Reference: Radford et al. 2016, figure 1 and the guidelines of section 3.
Differs from the paper: kernels of 4 instead of 5, a narrower default width, batch norm also on the
discriminator's first layer, as in the course.
"""

import keras
from keras import layers

from kgan.layers import MinibatchDiscrimination
from kgan.networks.blocks import Seeded, batch_norm, check_square
from kgan.spectral_norm import SpectralConv2D
from kgan.utils.errors import ArgumentError

SIZES = (16, 32, 64, 128)
NORMS = ("batch", "layer", "none")


def _normalize(maps, norm, name, synchronized, network_version):
    match norm:
        case "batch":
            return batch_norm(name, synchronized)(maps)
        case "layer":
            # Over height, width and channels of each image; one gain and bias per channel, as in
            # the WGAN-GP authors' code.
            if network_version > 1:
                return layers.GroupNormalization(groups=1, epsilon=1e-5, name=name)(maps)
            return layers.LayerNormalization(axis=[1, 2, 3], epsilon=1e-5, name=name)(maps)
        case "none":
            return maps
    raise ArgumentError("norm", f"must be one of {', '.join(NORMS)}. Received: norm={norm}")


def generator(
    shape: tuple[int, int, int],
    latent_size: int = 100,
    base_width: int = 32,
    *,
    output_bias: bool = False,
    synchronized: bool = False,
    seed: int = 0,
) -> keras.Model:
    """Builds the generator: latent float32 [B, latent_size] → image float32 [B, H, W, C].

    Args:
        shape: (height, width, channels) of the image, square, 16, 32, 64 or 128 pixels.
        latent_size: length of the noise vector.
        base_width: channels of the last hidden map; each earlier map has twice as many.
        output_bias: whether the last layer has a bias, one number per channel.

    Returns:
        A model whose tanh gives values in [-1, 1].
    """
    blocks = check_square(shape, SIZES) - 2
    named = Seeded(seed)

    def upsample(maps, filters, name, strides=2, padding="same", use_bias=False):
        options = {"use_bias": use_bias, **named(name)}
        return layers.Conv2DTranspose(filters, 4, strides, padding, **options)(maps)

    latent = keras.Input((latent_size,), name="latent")
    maps = layers.Reshape((1, 1, latent_size), name="reshape")(latent)
    for block in range(blocks):
        filters = base_width * 2 ** (blocks - 1 - block)
        strides, padding = (1, "valid") if block == 0 else (2, "same")
        maps = upsample(maps, filters, f"upsample_{block}", strides, padding)
        maps = batch_norm(f"norm_{block}", synchronized)(maps)
        maps = layers.ReLU(name=f"relu_{block}")(maps)
    maps = upsample(maps, shape[2], "to_picture", use_bias=output_bias)
    image = layers.Activation("tanh", dtype="float32", name="picture")(maps)
    return keras.Model(latent, image, name="generator")


def discriminator(
    shape: tuple[int, int, int],
    base_width: int = 32,
    *,
    norm: str = "batch",
    minibatch_kernels: int = 0,
    spectral_norm: bool = False,
    network_version: int = 2,
    synchronized: bool = False,
    seed: int = 0,
) -> keras.Model:
    """Builds the discriminator: image float32 [B, H, W, C] in [-1, 1] → logit float32 [B, 1].

    Args:
        shape: (height, width, channels) of the image, square, 16, 32, 64 or 128 pixels.
        base_width: channels of the first map; each later map has twice as many.
        norm: `batch`, `layer` (each image alone, for gradient penalties; not after the first
            convolution) or `none`.
        minibatch_kernels: features of minibatch discrimination before the score; 0: none.
        spectral_norm: whether every layer's kernel is divided by its largest singular value.
        network_version: 1 is for weights of an earlier kgan: layer normalisation has a gain and a
            bias per pixel and channel, minibatch discrimination no weight normalisation.
    """
    blocks = check_square(shape, SIZES) - 2
    named = Seeded(seed, 500)
    convolution = SpectralConv2D if spectral_norm else layers.Conv2D

    def convolve(maps, filters, name, kernel=4, strides=2, padding="same"):
        return convolution(filters, kernel, strides, padding, use_bias=False, **named(name))(maps)

    image = keras.Input(shape, name="picture")
    maps = image
    for block in range(blocks):
        maps = convolve(maps, base_width * 2**block, f"downsample_{block}")
        # A normalisation of each image's first map would remove its contrast: grey digits on grey
        # would equal white ones on black. The WGAN-GP authors' code has none there, either.
        own = "none" if norm == "layer" and block == 0 else norm
        maps = _normalize(maps, own, f"norm_{block}", synchronized, network_version)
        maps = layers.LeakyReLU(0.2, name=f"leaky_relu_{block}")(maps)
    if minibatch_kernels:
        features = layers.Flatten(name="flatten")(maps)
        features = MinibatchDiscrimination(
            minibatch_kernels,
            seed=named.next_seed(),
            weight_norm=network_version > 1,
            name="minibatch_discrimination",
        )(features)
        maps = layers.Reshape((1, 1, features.shape[-1]), name="features")(features)
    # The kernel covers the whole map: 4x4, or 1x1 for features.
    maps = convolve(maps, 1, "to_logit", maps.shape[1], strides=1, padding="valid")
    logit = layers.Reshape((1,), dtype="float32", name="logit")(maps)
    return keras.Model(image, logit, name="discriminator")
