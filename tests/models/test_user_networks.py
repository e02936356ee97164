"""Networks of users, built or not, work in kgan's models as kgan's own do."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.models.base.batches import DataError
from kgan.models.cdcgan import ConditionalDCGAN
from kgan.models.cyclegan import CycleGAN
from kgan.models.dcgan import DCGAN
from kgan.models.pix2pix import Pix2Pix
from kgan.models.wgan import WGAN
from kgan.utils.errors import ArgumentError

layers = keras.layers


def sequential_generator():
    return keras.Sequential(
        [
            layers.Dense(16),
            layers.Reshape((4, 4, 1)),
            layers.UpSampling2D(),
            layers.Conv2D(1, 3, padding="same", activation="tanh"),
        ]
    )


def sequential_discriminator(last=None):
    return keras.Sequential(
        [layers.Conv2D(2, 3, 2, padding="same"), layers.Flatten(), layers.Dense(1, last)]
    )


@keras.saving.register_keras_serializable("tests")
class SubclassedGenerator(keras.Model):
    """A generator without `keras.Input`; of a latent, or of a latent and a condition."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.units = layers.Dense(64, "tanh")
        self.shaped = layers.Reshape((8, 8, 1))

    def call(self, inputs):
        if isinstance(inputs, (list, tuple)):
            inputs = tf.concat(inputs, -1)
        return self.shaped(self.units(inputs))


@keras.saving.register_keras_serializable("tests")
class SubclassedDiscriminator(keras.Model):
    """A discriminator without `keras.Input`, of an image or of an image and a condition."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.flat = layers.Flatten()
        self.units = layers.Dense(1)

    def call(self, inputs):
        inputs = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        return self.units(tf.concat([self.flat(values) for values in inputs], -1))


@keras.saving.register_keras_serializable("tests")
class SubclassedTranslator(keras.Model):
    """Works on images of any size."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.convolution = layers.Conv2D(1, 3, padding="same", activation="tanh")

    def call(self, images):
        return self.convolution(images)


def images(count=8, side=8):
    shape = (count, side, side, 1)
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize("model_class", [DCGAN, WGAN])
@pytest.mark.parametrize(
    ("generator", "discriminator"),
    [
        (sequential_generator, sequential_discriminator),
        (SubclassedGenerator, SubclassedDiscriminator),
    ],
)
def test_networks_that_are_not_built_train_save_and_load(
    model_class, generator, discriminator, tmp_path
):
    model = model_class(generator(), discriminator(), latent_size=5)
    assert (model.latent_size, model.image_shape) == (5, (8, 8, 1))
    model.compile(run_eagerly=True)
    model.fit(images(), batch_size=4, verbose=0)
    latents = np.ones([2, 5], np.float32)
    assert model.generate(latents).shape == (2, 8, 8, 1)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(latents, verbose=0), model(latents))


def test_weights_of_a_critic_that_was_not_built_are_clipped():
    model = WGAN(sequential_generator(), sequential_discriminator(), latent_size=5, clip=0.01)
    model.compile(run_eagerly=True)
    model.fit(images(), batch_size=2, verbose=0)
    weights = model.discriminator.get_weights()
    assert max(np.abs(w).max() for w in weights) <= 0.01 + 1e-9


def test_conditional_model_takes_subclassed_networks():
    networks = SubclassedGenerator(), SubclassedDiscriminator()
    model = ConditionalDCGAN(*networks, latent_size=5, class_names=("a", "b", "c"))
    model.compile(run_eagerly=True)
    model.fit(images(), np.arange(8) % 3, batch_size=4, verbose=0)
    assert model([np.ones([2, 5]), np.eye(3)[:2]]).shape == (2, 8, 8, 1)


def test_size_that_no_network_knows_must_be_given():
    with pytest.raises(ArgumentError, match="^`latent_size` must be given"):
        DCGAN(sequential_generator(), sequential_discriminator())
    with pytest.raises(ArgumentError, match="^`class_names` must be given"):
        ConditionalDCGAN(SubclassedGenerator(), SubclassedDiscriminator(), latent_size=5)


def functional_translator():
    pixels = keras.Input((None, None, 1))
    maps = layers.Conv2D(3, 3, padding="same", name="own.name-1")(pixels)
    return keras.Model(pixels, layers.Conv2D(1, 1, activation="tanh")(maps))


@pytest.mark.parametrize("generator", [SubclassedTranslator, functional_translator])
def test_generator_of_one_input_and_any_size_translates_pairs(generator):
    model = Pix2Pix(generator(), sequential_discriminator())
    model.compile(run_eagerly=True)
    model.fit(images(), -images(), batch_size=4, verbose=0)
    assert model.predict(images(3), verbose=0).shape == (3, 8, 8, 1)
    assert model.translate(images(2)).shape == (2, 8, 8, 1)


def test_cyclegan_takes_networks_that_are_not_built():
    networks = [SubclassedTranslator() for _ in range(2)]
    networks += [sequential_discriminator() for _ in range(2)]
    model = CycleGAN(*networks, pool_size=2)
    model.compile(run_eagerly=True)
    model.fit(images(), images(), batch_size=4, verbose=0)
    assert model.pool_a.images.shape == (2, 8, 8, 1)
    assert model.predict(images(3), verbose=0).shape == (3, 8, 8, 1)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_networks_that_were_built_under_a_mixed_policy_need_no_cast(policy):
    keras.mixed_precision.set_global_policy(policy)
    model = DCGAN(sequential_generator(), sequential_discriminator(), latent_size=5)
    model.compile(run_eagerly=True)
    history = model.fit(images(), batch_size=4, verbose=0).history
    assert np.isfinite([log[0] for log in history.values()]).all()
    assert model.generator.compute_dtype == policy.removeprefix("mixed_")
    assert model(np.ones([2, 5], np.float32)).dtype == tf.float32


def test_arrays_are_shared_among_replicas_and_logs_are_floats(two_replicas):
    with two_replicas.scope():
        model = WGAN(sequential_generator(), sequential_discriminator(), latent_size=5, n_critic=2)
        model.compile()
    # Five batches of 4, of which the last is not full; two batches make a step.
    history = model.fit(images(18), batch_size=4, epochs=2, verbose=0).history
    assert model.completed_steps == 4
    assert all(isinstance(value, float) for log in history.values() for value in log)


def test_validation_data_are_looked_at_as_training_data_are():
    model = DCGAN(sequential_generator(), sequential_discriminator(), latent_size=5)
    model.compile(run_eagerly=True)
    for wrong in (images() * 0.5 + 0.5, tf.data.Dataset.from_tensors(images() * 100)):
        with pytest.raises(DataError, match="must be in"):
            model.fit(images(), validation_data=wrong, verbose=0)
    assert model.completed_steps == 0


def test_discriminator_that_ends_in_a_sigmoid_is_warned_of():
    with pytest.warns(UserWarning, match="discriminator ends in a sigmoid"):
        DCGAN(sequential_generator(), sequential_discriminator("sigmoid"), latent_size=5)


def test_losses_of_keras_are_the_losses_of_the_papers():
    own, given = (
        DCGAN(
            sequential_generator(),
            sequential_discriminator(),
            latent_size=5,
            gan_loss=loss,
        )
        for loss in ("bce", keras.losses.BinaryCrossentropy(from_logits=True))
    )
    scores = tf.constant([[-2.0], [0.5], [3.0]])
    for part in ("discriminator_real", "discriminator_fake", "generator"):
        np.testing.assert_allclose(
            getattr(given.loss_parts, part)(scores),
            getattr(own.loss_parts, part)(scores),
            rtol=1e-6,
        )


def test_names_of_optimizers_stand_for_the_rates_of_the_paper():
    model = WGAN(sequential_generator(), sequential_discriminator(), latent_size=5)
    model.compile(g_optimizer="rmsprop")
    for optimizer in (model.g_optimizer, model.d_optimizer):
        assert isinstance(optimizer, keras.optimizers.RMSprop)
        assert float(optimizer.learning_rate) == pytest.approx(5e-5)
    model = DCGAN(sequential_generator(), sequential_discriminator(), latent_size=5)
    model.compile()
    assert model.g_optimizer.beta_1 == 0.5 and float(model.g_optimizer.learning_rate) == (
        pytest.approx(2e-4)
    )
