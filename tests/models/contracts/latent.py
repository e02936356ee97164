"""Tests of models that generate images from latents, and of models with two players."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.cli.entry import Help
from kgan.cli.parsing import parse_training
from kgan.utils.errors import UserError
from tests.models.contracts.calls import outputs
from tests.models.contracts.model import FullContract
from tests.models.contracts.state import differing, moved, trainable, values


class TwoPlayerTests:
    """Tests of a model with two players, with `player_step` for an update of one player alone."""

    def player_step(self, model, player):
        """Updates the generator (`g`) or the discriminator (`d`) alone."""
        batch = self.first_batch(model)
        (model.discriminator_step if player == "d" else model.generator_step)(batch)

    @pytest.mark.parametrize("player", ["g", "d"])
    def test_step_of_one_player_leaves_the_other_unchanged(self, player):
        model, other = self.build(), {"g": "d", "d": "g"}[player]
        own, others = trainable(model, player), trainable(model, other)
        before = values(model, f"{other}_optimizer")
        self.player_step(model, player)
        np.testing.assert_equal(trainable(model, other), others)
        assert not differing(before, values(model, f"{other}_optimizer"))
        assert moved(own, trainable(model, player))


class SeedTests:
    """Tests of a model that generates images from latents."""

    def conditions(self, model, classes):
        """Returns what `generate` takes in addition to latents, for images of some classes."""
        return ()

    def test_image_of_a_seed_does_not_depend_on_the_others(self):
        model = self.build()
        batch = np.asarray(model.latents_from_seeds([3, 4, 5]))
        np.testing.assert_array_equal(model.latents_from_seeds([4]), batch[[1]])
        np.testing.assert_array_equal(model.latents_from_seeds([5, 3]), batch[[2, 0]])
        together = model.generate(batch, *self.conditions(model, [2, 0, 1]))
        alone = model.generate(batch[[1]], *self.conditions(model, [0]))
        np.testing.assert_allclose(alone, together[[1]], atol=1e-6)

    def test_preview_shows_fixed_seeds(self):
        model = self.build()
        preview = model.preview()
        assert preview.shape == (8, 8, *self.spec.size, self.spec.channels)
        generated = model.generate(model.latents_from_seeds(np.arange(64)))
        np.testing.assert_array_equal(preview.reshape(generated.shape), generated)


class AdversarialContract(SeedTests, TwoPlayerTests, FullContract):
    """Tests of a model that generates images from latents, against a discriminator."""

    def test_latents_are_standard_normal_and_new_for_each_step_and_use(self):
        model = self.build()
        first = np.asarray(model.latents(1000, 0))
        assert abs(first.mean()) < 0.05
        assert abs(first.std() - 1) < 0.05
        np.testing.assert_array_equal(first, model.latents(1000, 0))
        assert (first != np.asarray(model.latents(1000, 1))).all()
        model.step.assign_add(1)
        assert (first != np.asarray(model.latents(1000, 0))).all()


def some_images(spec, count):
    """Makes images of noise; float32 [B, H, W, C]."""
    levels = np.random.default_rng(0).integers(0, 256, (count, *spec.shape))
    return (levels / 127.5 - 1).astype(np.float32)


class LikelihoodContract(SeedTests, FullContract):
    """Tests of a model that is trained by likelihood."""

    def test_flags_of_a_second_player_are_refused(self):
        for flag in ("d_lr=0.1", "d_optimizer=adam", "d_options=epsilon=1"):
            with pytest.raises(UserError, match=f"--{flag.partition('=')[0]}: no such flag"):
                parse_training([f"--model={self.name}", f"--{flag}"])
        with pytest.raises(Help) as caught:
            parse_training([f"--model={self.name}", "--help"])
        text = str(caught.value)
        assert "--d_lr" not in text and "--g_lr" in text

    def test_a_step_descends_the_mean_of_the_losses(self):
        model = self.build()
        model.compile(g_optimizer=keras.optimizers.SGD(1.0))
        images = some_images(self.spec, 4)
        noise = model.step_noise(images)
        variables = [v for n in model.players["g"] for v in n.trainable_variables]
        with tf.GradientTape() as tape:
            losses, log = model.losses(images, noise)
            loss = tf.reduce_mean(losses)
        assert losses.shape == (4,) and set(log) == set(model.logged)
        gradients = tape.gradient(loss, [v.value for v in variables])
        before = [np.array(v) for v in variables]
        model.train_step(images)
        for variable, old, gradient in zip(variables, before, gradients, strict=True):
            scale = max(1.0, np.abs(gradient).max())
            np.testing.assert_allclose(np.array(variable) - old, -gradient, atol=1e-5 * scale)

    def test_noise_is_new_in_each_step_and_fixed_for_measuring(self):
        model = self.build()
        images = some_images(self.spec, 6)
        first = model.step_noise(images)
        again, fixed = model.step_noise(images), model.fixed_noise(tf.range(6))
        model.step.assign_add(1)
        later = model.step_noise(images)
        other = self.build("--seed=3").fixed_noise(tf.constant([4, 2]))
        for name, noise in first.items():
            np.testing.assert_array_equal(noise, again[name])
            assert (np.asarray(noise) != np.asarray(later[name])).all()
            # They depend on the example's number alone, not on the seed or on the batch.
            np.testing.assert_array_equal(other[name], np.asarray(fixed[name])[[4, 2]])

    def test_validation_is_the_mean_over_images_not_batches(self):
        model = self.build()
        images = some_images(self.spec, 5)
        whole = model.validate([(images,)])
        parts = model.validate([(images[:4],), (images[4:],)])
        assert model.validation_measure in whole
        assert whole.keys() == parts.keys() == {f"val_{name}" for name in model.logged}
        for name, value in whole.items():
            np.testing.assert_allclose(parts[name], value, rtol=1e-5)

    def test_averaged_weights_are_measured_and_generate(self):
        model = self.build("--ema_half_life=8", "--batch_size=4")
        images = some_images(self.spec, 5)
        self.train(model, 3)
        measured, generated = model.validate([(images,)]), outputs(model)
        # The weights themselves, in the place of their averages.
        own = self.build()
        for name, network in own.networks.items():
            network.set_weights(model.networks[name].get_weights())
        assert own.validate([(images,)])["val_loss"] != measured["val_loss"]
        assert (outputs(own) != generated).any()


class ConditionTests:
    """Tests of a model that generates images of a condition."""

    keys = ("image", "label")

    def test_outputs_of_both_players_depend_on_the_condition(self):
        model = self.build()
        self.train(model, 3)  # some begin with the same weights for all conditions
        images, _ = self.first_batch(model)
        latents = model.latents(self.batch_size, 0)
        # Not one label for all, which batch normalisation would take away again.
        labels = np.arange(self.batch_size, dtype=np.int32)
        one, two = ((model.condition(order),) for order in (labels, labels[::-1]))
        generated = [np.asarray(model.generated(latents, y)) for y in (one, two)]
        assert (generated[0] != generated[1]).any()
        scores = [np.asarray(model.discriminate(images, y)) for y in (one, two)]
        assert (scores[0] != scores[1]).any()

    def test_discriminator_without_conditions_gives_each_the_same_score(self):
        model = self.build("--nocondition_discriminator")
        assert not model.conditions_discriminator
        images, _ = self.first_batch(model)
        scores = []
        for label in (1, 2):
            # A new model for each: a call in training updates statistics.
            model = self.build("--nocondition_discriminator")
            given = model.condition(np.full(self.batch_size, label, np.int32))
            scores.append(np.asarray(model.scores(images, (given,))))
        np.testing.assert_array_equal(*scores)
        self.train(model, 1)


class ConditionalContract(ConditionTests, AdversarialContract):
    """All tests of a model that generates images of a condition."""

    def conditions(self, model, classes):
        return (np.eye(model.condition_size, dtype=np.float32)[classes],)

    def test_preview_shows_fixed_seeds(self):
        # A row for each condition, of the same eight seeds.
        model = self.build()
        preview = model.preview()
        rows = min(10, model.condition_size)
        assert preview.shape == (rows, 8, *self.spec.size, self.spec.channels)
        latents = model.latents_from_seeds(np.arange(8))
        generated = model.generate(latents, *self.conditions(model, [2] * 8))
        np.testing.assert_allclose(preview[2], generated, atol=1e-6)
