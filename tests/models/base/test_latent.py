"""How the game is played: what works with every scheme that draws from latents."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kgan.cli.models import build_model
from kgan.cli.parsing import parse_training
from kgan.data.dataset import DataSpec
from kgan.data.preparation import Preparation
from kgan.generation import latent
from kgan.models.gan import GAN
from kgan.networks import mlp
from kgan.serving.signatures import describe
from kgan.utils.errors import UserError

SHAPE = (4, 4, 1)


def small(**game):
    packing = game.get("packing", 1)
    model = GAN(
        mlp.generator(SHAPE, 3, (5,)), mlp.discriminator((4, 4, packing), (5,)), seed=2, **game
    )
    model.compile(
        g_optimizer=keras.optimizers.SGD(0.1),
        d_optimizer=keras.optimizers.SGD(0.1),
        run_eagerly=True,
    )
    return model


def some_images(count=6):
    return tf.constant(np.random.default_rng(0).uniform(-1, 1, (count, *SHAPE)), tf.float32)


def weights(network):
    return [np.array(variable) for variable in network.trainable_variables]


def same(first, second):
    return all((a == b).all() for a, b in zip(first, second, strict=True))


# Files.


def test_files_of_generated_images_have_the_levels_of_the_training_data(tmp_path, monkeypatch):
    deep = Preparation(channels=1, depth=16, value_range=(0, 4095))
    model = small(preparation=deep.as_dict())
    model = GAN.from_config(model.get_config())  # it is stored with the model
    images = model.generate(model.latents_from_seeds([3, 4]))
    expected = np.rint((images[..., 0] / 2 + 0.5) * 4095)
    signature = model.signatures()["png_from_seeds"]
    files = signature.function(tf.constant([3, 4]))["png_bytes"].numpy()
    assert describe({"png": signature})["png"]["answers"]["bits"] == 16

    monkeypatch.setattr(latent, "load_run", lambda run, checkpoint: model)
    latent.generate_seeds("a run", [3, 4], out=str(tmp_path / "single"))
    latent.generate_seeds("a run", [4], out=str(tmp_path / "one.png"))
    written = [tmp_path / "single" / f"seed-00000{seed}.png" for seed in (3, 4)]
    for data, place, levels in zip(files, written, expected, strict=True):
        for file in (io.BytesIO(data), place):
            with Image.open(file) as image:
                assert image.mode == "I;16"
                np.testing.assert_allclose(np.asarray(image), levels, atol=1)
    assert (tmp_path / "one.png").read_bytes() == written[1].read_bytes()


# Labels.


def test_soft_label_gives_the_cross_entropy_with_that_target():
    model, logit = small(real_label=0.8), 1.5
    probability = 1 / (1 + np.exp(-logit))
    wanted = -0.8 * np.log(probability) - 0.2 * np.log(1 - probability)
    np.testing.assert_allclose(
        model.loss_parts.discriminator_real(tf.constant([[logit]])), [wanted], rtol=1e-6
    )
    # One-sided: generated images have no share in it.
    np.testing.assert_allclose(
        model.loss_parts.discriminator_fake(tf.constant([[logit]])),
        [-np.log(1 - probability)],
        rtol=1e-6,
    )
    assert model.discriminator_won_below is None


def test_flipped_labels_swap_what_d_pays():
    model = small(flip_labels=0.3)
    images, conditions, latents, chances = model.discriminator_inputs(some_images(), 0)
    assert chances["flips"].shape == (6, 2)
    flips = tf.constant([[0.1, 0.5]] * 3 + [[0.5, 0.1]] * 3)  # real told as fake; fake as real
    losses, log = model.discriminator_loss(images, conditions, latents, {"flips": flips})
    real, fake = np.asarray(log["d_score_real"])[:, 0], np.asarray(log["d_score_fake"])[:, 0]

    def softplus(x):
        return np.log1p(np.exp(x))

    wanted = np.concatenate(
        [softplus(real[:3]) + softplus(fake[:3]), softplus(-real[3:]) + softplus(-fake[3:])]
    )
    np.testing.assert_allclose(losses, wanted, rtol=1e-5)


def test_share_of_flipped_labels_is_the_one_asked_for():
    model = small(flip_labels=0.05)
    flips = model.discriminator_inputs(some_images(4000), 0)[3]["flips"]
    share = (np.asarray(flips) < 0.05).mean()
    assert abs(share - 0.05) < 0.01  # four standard deviations of 8,000 draws


# Packing.


def test_packing_joins_neighbours_by_channel():
    model = small(packing=2)
    packed = model.pack(some_images(4))
    assert packed.shape == (2, 4, 4, 2)
    np.testing.assert_array_equal(packed[1, :, :, 0], some_images(4)[2, :, :, 0])
    np.testing.assert_array_equal(packed[1, :, :, 1], some_images(4)[3, :, :, 0])
    colours = tf.reshape(tf.range(8.0), [4, 1, 1, 2])
    np.testing.assert_array_equal(model.pack(colours)[:, 0, 0], [[0, 1, 2, 3], [4, 5, 6, 7]])
    labels = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_array_equal(model.pack(labels), [[1, 0, 0, 1]])


def test_packed_examples_share_a_loss_and_a_penalty():
    model = small(packing=3, penalty="unit_slope", flip_labels=0.2)
    losses, log = model.discriminator_loss(*model.discriminator_inputs(some_images(6), 0))
    assert losses.shape == log["d_penalty"].shape == (2,)


def test_packing_that_does_not_divide_the_batch_names_itself():
    resolved = parse_training(["--model=gan", "--packing=3", "--batch_size=8"])
    with pytest.raises(UserError, match="^--packing=3: `packing` must divide the 8 images"):
        build_model(resolved, DataSpec("images", (8, 8), 1, 1))


# Which player moves when.


def test_updates_of_each_player_are_as_many_as_asked_for():
    model = small(d_updates=3, g_updates=2)
    model.train_step(tuple(some_images() for _ in range(3)))
    assert (int(model.d_optimizer.iterations), int(model.g_optimizer.iterations)) == (3, 2)


def test_second_update_of_g_has_latents_of_its_own():
    model = small(g_updates=2)
    first, second = (model.generator_inputs(some_images(), n)[2] for n in range(2))
    assert (np.asarray(first) != np.asarray(second)).all()


def test_simultaneous_players_both_move_from_where_they_stood():
    together, alternating = small(simultaneous=True), small()
    images = some_images()
    # What G's move alone gives, from the same weights.
    alone = small()
    alone.generator_step(images)
    together.train_step(images)
    alternating.train_step(images)
    for one, other in zip(weights(together.generator), weights(alone.generator), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)
    assert not same(weights(alternating.generator), weights(alone.generator))
    assert same(weights(alternating.discriminator), weights(together.discriminator))


def test_simultaneous_with_more_updates_is_refused():
    with pytest.raises(ValueError, match="^`simultaneous` needs"):
        small(simultaneous=True, d_updates=2)


def test_generator_stands_still_in_the_warm_up_and_moves_after_it():
    model = small(critic_warmup=2)
    dataset = tf.data.Dataset.from_tensors(some_images()).repeat()
    model.run_eagerly = False
    before = weights(model.generator)
    model.fit(dataset, epochs=1, steps_per_epoch=2, verbose=0)
    assert same(before, weights(model.generator))
    assert int(model.d_optimizer.iterations) == 2
    assert model.non_finite_losses() == {} and model.means()["g_loss"] > 0
    model.fit(dataset, epochs=1, steps_per_epoch=1, verbose=0)
    assert not same(before, weights(model.generator))
    assert (model.completed_steps, int(model.g_optimizer.iterations)) == (3, 1)


def test_authors_schedule_has_a_hundred_critic_updates_where_they_have():
    model = small(critic_schedule=True, d_updates=5, critic_warmup=7)
    # Updates of the critic ahead of each of G, counted step by step.
    ahead, count = [], 0
    for step in range(7, 7 + 3000):
        count += 5
        if model.step_kind(step):
            ahead.append(count)
            count = 0
    long = [number for number, updates in enumerate(ahead) if updates == 100]
    assert long == [*range(25), 500, 1000, 1500, 2000]
    assert set(ahead) == {5, 100}
    assert not any(model.step_kind(step) for step in range(7))


def test_schedule_needs_updates_that_divide_a_hundred():
    with pytest.raises(ValueError, match="^`critic_schedule` needs"):
        small(critic_schedule=True, d_updates=3)


# Latents, penalties, augmentation, averages.


def test_uniform_latents_fill_minus_one_to_one():
    drawn = np.asarray(small(latent_distribution="uniform").latents(5000, 0))
    assert drawn.min() >= -1 and drawn.max() < 1
    assert abs(drawn.std() - 1 / np.sqrt(3)) < 0.02
    seeds = np.asarray(small(latent_distribution="uniform").latents_from_seeds(range(500)))
    assert np.abs(seeds).max() <= 1


@pytest.mark.parametrize("penalty", ["unit_slope", "r1", "dragan"])
def test_penalty_is_logged_unweighted_and_paid_weighted(penalty):
    model, plain = small(penalty=penalty, penalty_weight=3.0), small()
    batch = model.discriminator_inputs(some_images(), 0)
    losses, log = model.discriminator_loss(*batch)
    without, _ = plain.discriminator_loss(*batch[:3], {})
    np.testing.assert_allclose(losses, without + 3 * log["d_penalty"], rtol=1e-5)
    assert (np.asarray(log["d_penalty"]) > 0).all()
    assert "d_penalty" in model.logged and "d_penalty" not in plain.logged


def test_augmentation_changes_what_d_sees_of_real_and_generated_images():
    model, plain = small(augment="cutout"), small()
    batch = model.discriminator_inputs(some_images(), 0)
    _, log = model.discriminator_loss(*batch)
    _, without = plain.discriminator_loss(*batch[:3], {})
    for name in ("d_score_real", "d_score_fake"):
        assert (np.asarray(log[name]) != np.asarray(without[name])).any()
    changes = batch[3]["augmentations"]
    assert (np.asarray(changes[:, 0]) != np.asarray(changes[:, 1])).all()


def test_average_forgets_half_in_its_half_life_and_draws_the_images():
    resolved = parse_training(
        [
            "--model=gan",
            "--batch_size=4",
            "--ema_half_life=8",
            "--g_optimizer=sgd",
            "--g_lr=0.5",
            "--g_hidden=5",
            "--d_hidden=5",
            "--latent_size=3",
        ]
    )
    model = build_model(resolved, DataSpec("images", (4, 4), 1, 1))
    model.run_eagerly = True
    track = [weights(model.generator)]
    for _ in range(3):
        model.train_step(some_images(4))
        track.append(weights(model.generator))
    # β = ½^(4 / 8); Keras starts the average with the weights after the first step.
    beta = 0.5**0.5
    wanted = track[1]
    for now in track[2:]:
        wanted = [beta * old + (1 - beta) * new for old, new in zip(wanted, now, strict=True)]
    for variable, value in zip(model.sampler.trainable_variables, wanted, strict=True):
        np.testing.assert_allclose(variable, value, atol=1e-6)
    latents = model.latents_from_seeds([1, 2])
    drawn = model.generate(latents)
    assert np.abs(drawn - np.asarray(model.generator(latents))).max() > 1e-4
    np.testing.assert_array_equal(drawn, model.sampler(latents, training=False))


def test_without_averages_the_generator_itself_draws():
    model = small()
    assert model.sampler is model.generator


# Precision.


def test_loss_scale_of_mixed_precision_leaves_the_step_as_it_is():
    exact = small()
    start = weights(exact.discriminator)
    exact.train_step(some_images())
    keras.mixed_precision.set_global_policy("mixed_float16")
    mixed = small()
    mixed.train_step(some_images())
    for before, one, other in zip(
        start, weights(exact.discriminator), weights(mixed.discriminator), strict=True
    ):
        np.testing.assert_allclose(other, one, atol=1e-3)
        assert np.abs(one - before).max() > 5e-3
