"""Tests of pix2pix: the contract, its weighted loss, and what its players descend."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kgan import randomness
from kgan.cli.models import build_model
from kgan.cli.parsing import parse_training
from kgan.data.dataset import DataSpec
from kgan.models.pix2pix import Pix2Pix
from kgan.networks import patchgan, unet
from kgan.plots.grids import to_bytes
from kgan.utils.errors import UserError
from tests.models.contracts.latent import TwoPlayerTests
from tests.models.contracts.model import FullContract
from tests.models.contracts.state import with_sgd

GIVEN, ANSWER = (32, 32, 1), (32, 32, 3)


class TestPix2Pix(TwoPlayerTests, FullContract):
    name = "pix2pix"
    flags = ("--width=2", "--patch_layers=2")
    other_settings = ("--l1_weight=7", "--gan_loss=least_squares")
    spec = DataSpec("paired", (32, 32), 3, 1)
    keys = ("input", "target")

    def player_step(self, model, player):
        inputs, targets = self.first_batch(model)
        if player == "d":
            model.discriminator_step(inputs, targets, tf.constant(model.translate(inputs)))
            return
        with tf.GradientTape() as tape:
            seeds = randomness.seeds_from_numbers(np.arange(len(inputs)))
            answers = model.generator([inputs, seeds], training=True)
        model.generator_step(inputs, targets, answers, tape)

    def test_a_translation_depends_on_its_own_seed_alone(self):
        model, images = self.build(), np.asarray(pair(3)[0])
        self.train(model, 1)
        together = model.translate(images, [7, 8, 9])
        np.testing.assert_array_equal(model.translate(images, [7, 8, 9]), together)
        for rows, seeds in (([1], 8), ([2, 0], [9, 7])):
            alone = model.translate(images[rows], seeds)
            np.testing.assert_allclose(alone, together[rows], atol=1e-6)
        same = model.translate(images, 7)
        np.testing.assert_array_equal(model.translate(images, [7, 7, 7]), same)
        assert np.abs(same[1:] - together[1:]).max() > 1e-3

    def test_validation_is_the_mean_l1_over_images_not_batches(self):
        model, (inputs, targets) = self.build(), pair(3)
        errors = [
            np.abs(model.translate(inputs[i : i + 1])[0] - targets[i]).mean() for i in (0, 1, 2)
        ]
        batches = [(inputs[:2], targets[:2]), (inputs[2:], targets[2:])]
        measured = model.validate(batches)[model.validation_measure]
        np.testing.assert_allclose(measured, np.mean(errors), atol=1e-6)

    def test_preview_shows_input_output_and_target(self):
        model, (inputs, targets) = self.build(), pair()
        preview = model.preview({"input": inputs, "target": targets})
        assert preview.shape == (2, len(model.preview_columns), *ANSWER)
        # The grey input is shown as RGB.
        for column, images in enumerate((inputs, model.translate(inputs), targets)):
            images = np.broadcast_to(images, (2, *ANSWER))
            np.testing.assert_allclose(preview[:, column], images, atol=1e-6)


def small_model(learning_rate=0.0, scales=1, dropout=0.5, **arguments):
    """Gradient descent of step 1 moves a weight by minus its gradient; of step 0, not at all."""
    generator = unet.generator(GIVEN, 3, 2, dropout=dropout)
    discriminator = patchgan.discriminator([GIVEN, ANSWER], 2, 2, scales=scales)
    return with_sgd(Pix2Pix(generator, discriminator, **arguments), learning_rate, momentum=0.0)


def pair(count=2):
    rng = np.random.default_rng(0)
    return tuple(
        tf.constant(rng.uniform(-1, 1, (count, *shape)), tf.float32) for shape in (GIVEN, ANSWER)
    )


def logs_of_a_step(model, data):
    return {name: float(value) for name, value in model.train_step(data).items()}


def answers_of_step(model, inputs, step=0):
    seeds = randomness.example_seeds(model.random_seed(), step, len(inputs))
    return model.generator([inputs, seeds], training=True)


@pytest.mark.parametrize("l1_weight", [100.0, 7.5, 0.0])
def test_generator_loss_is_the_adversarial_part_plus_the_weighted_distance(l1_weight):
    model, (inputs, targets) = small_model(l1_weight=l1_weight), pair()
    distance = np.abs(np.asarray(answers_of_step(model, inputs)) - targets).mean()
    logs = logs_of_a_step(model, (inputs, targets))
    np.testing.assert_allclose(logs["g_loss_l1"], distance, rtol=1e-5)
    np.testing.assert_allclose(logs["g_loss"], logs["g_loss_adv"] + l1_weight * distance, rtol=1e-5)


@pytest.mark.parametrize(
    ("gan_loss", "real_loss", "fake_loss"),
    [
        ("bce", lambda s: np.log1p(np.exp(-s)), lambda s: np.log1p(np.exp(s))),
        ("least_squares", lambda s: (s - 1) ** 2, lambda s: s**2),
    ],
)
@pytest.mark.parametrize("scales", [1, 2])
def test_logged_losses_are_means_over_patches_and_scales(gan_loss, real_loss, fake_loss, scales):
    model, (inputs, targets) = small_model(gan_loss=gan_loss, scales=scales), pair()
    answers = answers_of_step(model, inputs)
    real, fake = (
        [np.asarray(s) for s in tf.nest.flatten(model.discriminator([inputs, y], training=True))]
        for y in (targets, answers)
    )
    assert [scores.shape for scores in real] == [(2, 6, 6, 1), (2, 2, 2, 1)][:scales]

    def mean(function, scores):
        return np.mean([function(of_scale).mean() for of_scale in scores])

    logs = logs_of_a_step(model, (inputs, targets))
    expected = {
        "d_loss_real": mean(real_loss, real),
        "d_loss_fake": mean(fake_loss, fake),
        "d_loss": 0.5 * (mean(real_loss, real) + mean(fake_loss, fake)),
        "d_score_real": mean(np.asarray, real),
        "d_score_fake": mean(np.asarray, fake),
        # The learning rate is 0, so that the updated discriminator is the same one.
        "g_loss_adv": mean(real_loss, fake),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(logs[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def test_scales_come_from_the_command_line_and_too_many_are_refused():
    resolved = parse_training(["--model=pix2pix", "--width=1", "--patch_layers=2", "--scales=2"])
    model = build_model(resolved, DataSpec("paired", (32, 32), 3, 1))
    assert len(model.discriminator.outputs) == 2
    with pytest.raises(UserError, match="^--scales=3: `scales` must leave 3 pixels"):
        build_model(resolved.replace(scales=3), DataSpec("paired", (32, 32), 3, 1))


def test_players_descend_half_the_loss_and_the_weighted_sum_through_the_updated_discriminator():
    model, (inputs, targets) = small_model(1.0, l1_weight=3.0), pair()
    before = {
        name: [np.asarray(v) for v in network.trainable_variables]
        for name, network in model.networks.items()
    }
    with tf.GradientTape(persistent=True) as tape:
        answers = answers_of_step(model, inputs)
        real = tf.sigmoid(model.discriminator([inputs, targets], training=True))
        fake = tf.sigmoid(model.discriminator([inputs, answers], training=True))
        half = -0.5 * tf.reduce_mean(tf.math.log(real) + tf.reduce_mean(tf.math.log(1 - fake)))
    variables = [v.value for v in model.discriminator.trainable_variables]
    gradients = tape.gradient(half, variables)
    updated = [old - g for old, g in zip(before["discriminator"], gradients, strict=True)]

    moved = small_model(1.0, l1_weight=3.0)
    moved.discriminator.set_weights(updated)
    with tf.GradientTape() as tape:
        answers = answers_of_step(moved, inputs)
        fake = tf.sigmoid(moved.discriminator([inputs, answers], training=True))
        total = -tf.reduce_mean(tf.math.log(fake)) + 3 * tf.reduce_mean(abs(answers - targets))
    variables = [v.value for v in moved.generator.trainable_variables]
    gradients = tape.gradient(total, variables)
    answered = [old - g for old, g in zip(before["generator"], gradients, strict=True)]

    model.train_step((inputs, targets))
    for name, wanted in (("discriminator", updated), ("generator", answered)):
        for variable, value in zip(model.networks[name].trainable_variables, wanted, strict=True):
            np.testing.assert_allclose(variable, value, atol=2e-5, err_msg=variable.path)


@pytest.mark.parametrize("dropout", [0.5, 0.0])
def test_only_dropout_changes_a_step_that_learns_nothing(dropout):
    model, data = small_model(dropout=dropout), pair()
    first = logs_of_a_step(model, data)["g_loss_l1"]
    model.reset_metrics()
    second = logs_of_a_step(model, data)["g_loss_l1"]
    assert abs(first - second) > 1e-5 if dropout else second == pytest.approx(first, rel=1e-6)


@pytest.mark.parametrize(("input_channels", "channels"), [(1, 3), (3, 1), (4, 3), (1, 1)])
def test_both_directions_of_a_pair_have_their_channels(input_channels, channels):
    resolved = parse_training(["--model=pix2pix", "--width=1", "--patch_layers=1"])
    model = build_model(resolved, DataSpec("paired", (32, 64), channels, input_channels))
    inputs, targets = tf.zeros([1, 32, 64, input_channels]), tf.zeros([1, 32, 64, channels])
    assert model.translate(inputs).shape == targets.shape
    logs = logs_of_a_step(model, (inputs, targets))
    assert np.isfinite(list(logs.values())).all()


FILES = {
    3: ("PNG RGB", "PNG L", "PNG RGBA", "JPEG RGB", "GIF RGB", "BMP RGB"),
    1: ("PNG RGB", "JPEG L"),
}


@pytest.mark.parametrize("channels", FILES)
def test_export_takes_image_files_of_any_size(channels):
    resolved = parse_training(["--model=pix2pix", "--width=1", "--patch_layers=1"])
    model = build_model(resolved, DataSpec("paired", (32, 32), 3, channels))
    signature = model.signatures()["from_files"]
    served = tf.function(signature.function, autograph=False)
    expected = model.translate(np.full((1, 32, 32, channels), -0.6, np.float32))
    for kind, mode in map(str.split, FILES[channels]):
        file = io.BytesIO()
        # A plain image stays plain when it is resized: 51 is −0.6 in [−1, 1].
        Image.new("RGB", (50, 41), (51, 51, 51)).convert(mode).save(file, kind)
        assert kind in signature.about
        answer = served(tf.constant([file.getvalue()]))["png_bytes"]
        image = np.asarray(Image.open(io.BytesIO(answer[0].numpy())))
        # A JPEG or a palette may be off by a level or two, which normalisation then enlarges.
        assert image.shape == (32, 32, 3), (kind, mode)
        if kind in ("PNG", "BMP") and mode != "RGBA":
            difference = np.abs(image.astype(int) - to_bytes(expected[0])).max()
            assert difference <= 1, (kind, mode)


def test_recommended_settings_are_the_paper_s():
    values = parse_training(["--model=pix2pix"]).values
    paper = {"g_lr": 2e-4, "d_lr": 2e-4, "beta_1": 0.5, "batch_size": 1, "l1_weight": 100.0}
    paper |= {"width": 64, "patch_layers": 3, "dropout": 0.5, "upsample": "transpose"}
    assert (paper | {"jitter": 286 / 256}).items() <= values.items()
