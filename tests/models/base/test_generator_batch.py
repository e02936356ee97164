"""Batches of the generator that are larger than those of the discriminator."""

import numpy as np
import pytest
import tensorflow as tf

from kgan.data.dataset import DataSpec
from kgan.models.cgan import ConditionalGAN
from kgan.models.gan import GAN
from kgan.networks import conditional, mlp
from tests.models.contracts.model import ModelContract
from tests.models.contracts.state import assert_same_logs, assert_same_state, with_sgd


class Perceptrons(ModelContract):
    """A model that passes no contract here: its networks mix no examples of a batch."""

    __test__ = False
    name = "gan"
    flags = ("--network=mlp", "--latent_size=3", "--g_hidden=5", "--d_hidden=5")
    spec = DataSpec("images", (4, 4), 1, 1)


def small_gan(**arguments):
    return GAN(mlp.generator((2, 2, 1), 3, (4,)), mlp.discriminator((2, 2, 1), (4,)), **arguments)


def images(count):
    values = np.random.default_rng(0).uniform(-1, 1, (count, 2, 2, 1))
    return tf.constant(values, tf.float32)


@pytest.mark.parametrize("factor", [1, 3])
def test_only_the_generator_gets_a_larger_batch(factor):
    model = small_gan(g_batch_factor=factor, augment=("color",))
    (_, _, latents, noise), (_, _, d_latents, _) = (
        inputs(images(4)) for inputs in (model.generator_inputs, model.discriminator_inputs)
    )
    assert latents.shape == (4 * factor, 3) and d_latents.shape == (4, 3)
    assert len(set(map(bytes, np.asarray(latents)))) == 4 * factor
    assert len(noise["augmentations"]) == 4 * factor
    losses, log = model.generator_loss(*model.generator_inputs(images(4)))
    assert losses.shape == log["g_loss"].shape == (4 * factor,)


def test_conditions_of_the_batch_are_repeated_as_whole_packs():
    size = (4, 4, 1)
    generator = conditional.dense_generator(size, 4, 3, 2)
    discriminator = conditional.dense_discriminator((4, 4, 2), 8, 2)
    model = ConditionalGAN(generator, discriminator, packing=2, g_batch_factor=2)
    batch = tf.zeros([4, *size]), tf.constant([0, 1, 2, 3])
    repeated, (rows,), latents, _ = model.generator_inputs(batch)
    # Of two images that are classified together the second has the condition that it has with
    # the real ones.
    assert np.argmax(rows, axis=1).tolist() == [0, 1, 0, 1, 2, 3, 2, 3]
    assert len(repeated) == len(latents) == 8
    assert len(model.generator_loss(repeated, (rows,), latents, {})[0]) == 4


def test_a_larger_generator_batch_in_parts_makes_the_same_step():
    contract = Perceptrons()
    whole = with_sgd(contract.build("--g_batch_factor=2"))
    parts = with_sgd(contract.build("--g_batch_factor=2", "--accumulate=2"), accumulate=2)
    assert_same_logs(contract.train(whole, 1), contract.train(parts, 1, graph=True))
    assert_same_state(whole, parts)


def test_two_replicas_with_a_larger_generator_batch_match_one(two_replicas):
    contract = Perceptrons()
    alone = with_sgd(contract.build("--g_batch_factor=2"))
    logs = contract.train(alone, 1)
    with two_replicas.scope():
        split = with_sgd(contract.build("--g_batch_factor=2"))
    assert_same_logs(logs, contract.train(split, 1, graph=True))
    assert_same_state(alone, split)
