"""Tests of the fully connected GAN: the contract, and its networks as the course has them."""

import numpy as np

from kgan.cli.models import build_model
from kgan.cli.parsing import parse_training
from kgan.data.dataset import DataSpec
from tests.models.contracts.model import ModelContract


class TestGAN(ModelContract):
    name = "gan"
    flags = ("--g_hidden=6", "--d_hidden=6", "--latent_size=8")
    other_settings = ("--gan_loss=minimax", "--simultaneous", "--real_label=0.9", "--augment=color")
    spec = DataSpec("images", (8, 8), 1, 1)


def test_networks_are_those_of_the_course():
    resolved = parse_training(["--model=gan"])
    model = build_model(resolved, DataSpec("images", (28, 28), 1, 1))
    kernels = [v.shape for v in model.generator.trainable_variables if len(v.shape) == 2]
    assert kernels == [(100, 300), (300, 784)]
    kernels = [v.shape for v in model.discriminator.trainable_variables if len(v.shape) == 2]
    assert kernels == [(784, 300), (300, 1)]
    images = np.asarray(model.generate(model.latents_from_seeds(range(3))))
    assert images.shape == (3, 28, 28, 1) and np.abs(images).max() <= 1
