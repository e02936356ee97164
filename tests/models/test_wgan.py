"""Tests of WGAN: the contract, the clip, the critic's loop and the estimate of the distance."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.cli.models import build_model
from kgan.cli.parsing import parse_training
from kgan.data.dataset import DataSpec
from kgan.data.pipeline import group_batches
from kgan.models.base.adversarial import DISCRIMINATOR_LATENTS, GENERATOR_LATENTS
from kgan.models.wgan import WGAN
from kgan.networks import mlp
from tests.models.contracts.latent import AdversarialContract
from tests.models.contracts.state import with_sgd

SHAPE = (4, 4, 1)


class TestWGAN(AdversarialContract):
    name = "wgan"
    flags = ("--width=4", "--latent_size=8", "--n_critic=2")
    other_settings = ("--n_critic=3", "--clip=0.2")
    independent_flags = ("--network=mlp", "--g_hidden=6", "--d_hidden=6")
    spec = DataSpec("images", (16, 16), 1, 1)


def small_model(n_critic=3, clip=0.05, learning_rate=0.1):
    networks = mlp.generator(SHAPE, 3, (5,)), mlp.discriminator(SHAPE, (5,))
    return with_sgd(WGAN(*networks, n_critic=n_critic, clip=clip, seed=2), learning_rate, 0.0)


def some_images(count=6):
    return np.random.default_rng(0).uniform(-1, 1, (count, *SHAPE)).astype(np.float32)


def largest_weight(network):
    return max(np.abs(variable).max() for variable in network.trainable_variables)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_every_weight_of_the_critic_is_clipped_after_each_of_its_steps(precision):
    keras.mixed_precision.set_global_policy(precision)
    model = small_model(clip=0.05)
    assert largest_weight(model.discriminator) > 0.05
    for number in range(3):
        model.discriminator_step(some_images(), number)
        assert largest_weight(model.discriminator) <= np.float32(0.05)
    assert largest_weight(model.generator) > 0.05


def test_clip_holds_in_every_critic_step_of_a_fit(monkeypatch):
    model = small_model(n_critic=3, clip=0.05)
    seen = []
    step = model.discriminator_step

    def watched(*arguments):
        log = step(*arguments)
        seen.append(largest_weight(model.discriminator))
        return log

    monkeypatch.setattr(model, "discriminator_step", watched)
    model.run_eagerly = True
    model.fit(tf.data.Dataset.from_tensors(some_images()).repeat(), steps_per_epoch=2, verbose=0)
    assert len(seen) == 6
    assert max(seen) <= np.float32(0.05)


def test_a_loaded_critic_is_clipped_too(tmp_path):
    small_model(clip=0.05).save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    assert (model.n_critic, model.clip) == (3, 0.05)
    model.discriminator_step(some_images())
    assert largest_weight(model.discriminator) <= np.float32(0.05)


def test_each_critic_step_takes_a_real_batch_of_its_own(monkeypatch):
    model = small_model(n_critic=3)
    taken, numbers_in_step = [], []

    def watched(batch, number):
        taken.append(batch[0].numpy()[:, 0, 0, 0].tolist())
        numbers_in_step.append(number)
        return dict.fromkeys(model.logged, tf.zeros([2]))

    monkeypatch.setattr(model, "discriminator_step", watched)
    monkeypatch.setattr(model, "generator_step", lambda *arguments: {})
    model.run_eagerly = True
    numbers = np.arange(14, dtype=np.float32).reshape(14, 1, 1, 1) * np.ones(SHAPE, np.float32)
    data = tf.data.Dataset.from_tensor_slices(numbers).batch(2)
    model.fit_batches(group_batches(data, 3), steps_per_epoch=2, verbose=0)
    # In the order of the data set; the seventh batch is for the third step.
    assert taken == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11]]
    # So that the generated batches differ as well.
    assert numbers_in_step == [0, 1, 2, 0, 1, 2]
    assert GENERATOR_LATENTS not in {DISCRIMINATOR_LATENTS + number for number in numbers_in_step}


def test_batches_are_grouped_as_tuples_and_a_rest_is_left():
    data = tf.data.Dataset.range(14).batch(2)
    grouped = [[batch.numpy().tolist() for batch in group] for group in group_batches(data, 3)]
    assert grouped == [[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9], [10, 11]]]
    pairs = tf.data.Dataset.zip(data, data.map(lambda x: -x))
    first = next(iter(group_batches(pairs, 2)))
    assert [[x.numpy().tolist() for x in batch] for batch in first] == [
        [[0, 1], [0, -1]],
        [[2, 3], [-2, -3]],
    ]
    assert group_batches(data, 1) is data


def test_logged_values_are_those_of_the_scores():
    model = small_model(n_critic=2)
    images = some_images()
    real, fake = [], []
    logs = []
    for number in (0, 1):
        real.append(model.discriminator(images))
        fake.append(model.discriminator(model.generator(model.latents(6, 1 + number))))
        logs.append(model.discriminator_step(images, number))
    scored = model.discriminator(model.generator(model.latents(6, GENERATOR_LATENTS)))
    logs.append(model.generator_step(some_images()))
    logs = {name: float(value) for name, value in model.results(*logs).items()}
    expected = {
        "d_score_real": np.mean(real),
        "d_score_fake": np.mean(fake),
        "wasserstein": np.mean(real) - np.mean(fake),
        "d_loss": np.mean(fake) - np.mean(real),
        "d_loss_real": -np.mean(real),
        "d_loss_fake": np.mean(fake),
        "g_loss": -np.mean(scored),
        "loss": np.mean(fake) - np.mean(real) - np.mean(scored),
    }
    assert logs.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(logs[name], value, rtol=1e-5, atol=1e-7, err_msg=name)


def test_critic_steps_raise_the_estimate_and_a_generator_step_lowers_it():
    def estimate(model):
        fakes = model.generator(model.latents(6, GENERATOR_LATENTS))
        scores = model.discriminator(some_images()), model.discriminator(fakes)
        return np.mean(scores[0]) - np.mean(scores[1])

    model = small_model(clip=0.5, learning_rate=0.01)
    model.discriminator_step(some_images())
    before = estimate(model)
    for _ in range(10):
        model.discriminator_step(some_images(), GENERATOR_LATENTS)
    trained = estimate(model)
    assert trained > before + 1e-2
    model.generator_step(some_images())
    assert estimate(model) < trained


def test_the_course_s_perceptrons_build_and_step():
    resolved = parse_training(
        ["--model=wgan", "--network=mlp", "--g_hidden=300", "--d_hidden=20", "--clip=0.1"]
    )
    model = build_model(resolved, DataSpec("images", (28, 28), 1, 1))
    assert model.generator.count_params() == 100 * 300 + 300 + 300 * 784 + 784
    assert model.discriminator.count_params() == 784 * 20 + 20 + 20 + 1
    model.train_step(tuple(tf.zeros([2, 28, 28, 1]) for _ in range(5)))
    assert largest_weight(model.discriminator) <= np.float32(0.1)


def test_recommended_settings_are_the_paper_s():
    values = parse_training(["--model=wgan"]).values
    paper = {"g_lr": 5e-5, "d_lr": 5e-5, "g_optimizer": "rmsprop", "d_optimizer": "rmsprop"}
    assert (paper | {"batch_size": 64, "n_critic": 5, "clip": 0.01}).items() <= values.items()
    assert WGAN(mlp.generator(SHAPE), mlp.discriminator(SHAPE)).batches_per_step == 5
