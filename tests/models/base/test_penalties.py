"""Gradient penalties of what the discriminator is trained on."""

import logging

import numpy as np
import pytest
import tensorflow as tf

from kgan import losses
from kgan.models.base.adversarial import AdversarialModel
from kgan.networks import dcgan, mlp

SHAPE = (4, 4, 3)
PENALTIES = [name for name in losses.PENALTY_WEIGHTS if name != "none"]


def build(penalty, discriminator=None, **arguments):
    packing = arguments.get("packing", 1)
    seen = (*SHAPE[:2], SHAPE[2] * packing)
    discriminator = discriminator or mlp.discriminator(seen, [5])
    networks = mlp.generator(SHAPE, 3, [5]), discriminator
    return AdversarialModel(*networks, penalty=penalty, seed=2, **arguments)


def images(count=4):
    return tf.constant(np.random.default_rng(0).uniform(-1, 1, (count, *SHAPE)), tf.float32)


@pytest.mark.parametrize("packing", [1, 2])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_penalty_is_at_the_augmented_images_that_are_scored(penalty, packing):
    model = build(penalty, packing=packing, augment=("color", "translation", "cutout"))
    reals, conditions, latents, noise = model.discriminator_inputs(images())
    seen = []
    scores = model.discriminate

    def recorded(points, conditions):
        seen.append(points)
        return scores(points, conditions)

    model.discriminate = recorded
    _, log = model.discriminator_loss(reals, conditions, latents, noise)
    scored_reals, scored_fakes, points = seen
    # The same penalty, computed from what has been scored.
    shares = noise["shares"][::packing] if "shares" in noise else None
    if penalty == "r1":
        np.testing.assert_array_equal(points, scored_reals)
    elif penalty == "unit_slope":
        expected = losses.interpolate_images(scored_reals, scored_fakes, shares)
        np.testing.assert_array_equal(points, expected)
    else:
        expected = losses.perturb_images(scored_reals, shares, model.pack(noise["noise"]))
        np.testing.assert_array_equal(points, expected)
    squared = losses.squared_gradient_norm(lambda x: scores(x, ()), points)
    wanted = 0.5 * squared if penalty == "r1" else (tf.sqrt(squared) - 1) ** 2
    np.testing.assert_allclose(log["d_penalty"], wanted, rtol=1e-4)


@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
@pytest.mark.parametrize("penalty", ["none", *PENALTIES])
def test_batch_statistics_with_a_penalty_are_mentioned_once(penalty, norm, caplog):
    shape = (16, 16, 3)
    networks = dcgan.generator(shape, 3, 2), dcgan.discriminator(shape, 2, norm=norm)
    model = AdversarialModel(*networks, penalty=penalty)
    model.compile("sgd", "sgd", run_eagerly=True)
    data = tf.data.Dataset.from_tensors(tf.zeros([2, *shape]))
    with caplog.at_level(logging.WARNING, "kgan"):
        for _ in range(2):
            model.fit(data, verbose=0)
    found = [record.getMessage() for record in caplog.records if "penalty" in record.getMessage()]
    assert len(found) == (penalty != "none" and norm == "batch")
    assert not found or f"penalty={penalty}" in found[0]


def test_spectral_normalisation_is_no_batch_statistic(caplog):
    shape = (16, 16, 3)
    spectral = dcgan.discriminator(shape, 2, norm="none", spectral_norm=True)
    model = AdversarialModel(dcgan.generator(shape, 3, 2), spectral, penalty="r1")
    model.compile("sgd", "sgd", run_eagerly=True)
    with caplog.at_level(logging.WARNING, "kgan"):
        model.fit(tf.data.Dataset.from_tensors(tf.zeros([2, *shape])), verbose=0)
    assert not caplog.records
