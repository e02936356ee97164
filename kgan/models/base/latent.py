"""Base of models that generate images from a latent vector."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from kgan import randomness
from kgan.data.preparation import Preparation
from kgan.models.base import shapes
from kgan.models.base.model import Model
from kgan.optimizers import averaged_weights
from kgan.serving import refusals
from kgan.serving.signatures import NUMBER, NUMBERS, PORTABLE, Signature, vectors
from kgan.utils.errors import ArgumentError
from kgan.utils.precision import precision

PREVIEW_IMAGES = 64
DISTRIBUTIONS = ("normal", "uniform")
# Folded into the seed of the latents of images that the metrics of `compile` see.
COMPARED = 600_000


class _Copies:
    """Keeps networks from Keras' tracking: they are made of others and no part of the state."""

    def __init__(self):
        self.networks: dict[str, keras.Model] = {}


class LatentModel(Model):
    """Generates images from latents, and latents from seeds.

    A model whose network returns something other than images, or takes something other than
    latents float32 [B, N], overrides `images_of`, `latent_size` or `image_shape`.

    Args:
        preparation: how the files of images like its own became arrays for the training, as
            `Preparation.as_dict` returns it; None: unknown, files of its images have 8 bits.

    Class attributes:
        generating_network: the name of the network that generates; it is one of player `g`.
        latent_distribution: `normal` N(0, I) or `uniform` U(-1, 1).
        score_map_label: what `score_map` computes.

    Example:
        >>> from kgan.models.wgan import WGAN
        >>> from kgan.networks import mlp
        >>> networks = mlp.generator((2, 2, 1), 3, [4]), mlp.discriminator((2, 2, 1), [4])
        >>> model = WGAN(*networks, clip=0.1)
        >>> model.generate(model.latents_from_seeds([7, 8])).shape
        (2, 2, 2, 1)
    """

    data_arguments = {"preparation": None}
    generating_network = "generator"
    latent_distribution = "normal"
    score_map_label = ""
    given_latent_size: int | None = None

    def __init__(self, *networks, **arguments):
        super().__init__(*networks, **arguments)
        self._copies = _Copies()

    @classmethod
    def from_data(cls, spec):
        known = spec.preparations
        return {"preparation": None if known is None else known[-1].as_dict()}

    @property
    def writing(self) -> Preparation | None:
        """How images like its own were read for training; None: unknown."""
        if self.preparation is None or self.generates_points:
            return None
        return Preparation.from_dict(self.preparation).of_size(tuple(self.image_shape[:2]))

    @property
    def latent_size(self) -> int:
        """Length of the latent vector, with all noise that is in it."""
        known = shapes.input_shapes(self.networks[self.generating_network])
        if known is None and self.given_latent_size is None:
            raise ArgumentError(
                "latent_size",
                f"must be given: the {self.generating_network} does not begin with keras.Input",
            )
        return self.given_latent_size if known is None else known[0][-1]

    @property
    def condition_shapes(self) -> list[tuple[int]]:
        """Shapes of what the networks take beside latents and images; of conditional models."""
        return []

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(height, width, channels), or (D,) of points."""
        network = self.networks[self.generating_network]
        return shapes.output_shape(network, (self.latent_size,), *self.condition_shapes)

    @property
    def example_shapes(self):
        return {"image": self.image_shape}

    def can_complete(self):
        return True

    def input_signature(self):
        specs = [
            tf.TensorSpec([None, *shape], tf.float32)
            for shape in ((self.latent_size,), *self.condition_shapes)
        ]
        return [specs if len(specs) > 1 else specs[0]]

    def call(self, inputs, training=False):
        """Generates images: latents float32 [B, N] → float32 [B, H, W, C] in [-1, 1].

        Args:
            inputs: latents; a list of latents and conditions for a conditional model.
            training: whether batch statistics are those of the batch.
        """
        latents, *conditions = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        return self.images_of(
            self.networks[self.generating_network], latents, *conditions, training=training
        )

    def real_and_generated(self, images, *others):
        seed = self.random_seed(self.step, COMPARED)
        latents = randomness.replica_rows(
            lambda count: self.sample_latents([count, self.latent_size], seed), tf.shape(images)[0]
        )
        network = self.networks[self.generating_network]
        return images, self.images_of(network, latents, *self.conditions_of(*others))

    def conditions_of(self, *others) -> tuple[tf.Tensor, ...]:
        """Returns what the networks take beside latents, from the other parts of a batch."""
        return ()

    @property
    def generates_points(self) -> bool:
        """Whether points [D] are generated and not images."""
        return len(self.image_shape) != 3

    def images_of(self, network: keras.Model, latents, *conditions, training=False) -> tf.Tensor:
        """Generates, usually with frozen batch statistics: float32 [B, H, W, C] in [-1, 1].

        Args:
            network: the generating network, or its copy with averaged weights.
            latents: float32 [B, N].
            conditions: float32 [B, K] each, of a conditional model.
            training: whether batch statistics are those of the batch.
        """
        given = [latents, *conditions] if conditions else latents
        return tf.cast(network(given, training=training), tf.float32)

    def averaged(self, name: str) -> keras.Model:
        """Returns a network of player `g` with averaged weights, where averages are kept.

        Before the first update the average is of the weights alone. Statistics of batch
        normalisation are those of the network as it is now.
        """
        network = self.networks[name]
        averages = averaged_weights(self.g_optimizer) if self.compiled else None
        if averages is None:
            return network
        if name not in self._copies.networks:
            with precision(network.dtype_policy.name):
                self._copies.networks[name] = keras.models.clone_model(network)
        copy = self._copies.networks[name]
        trained = [v for owner in self.players["g"] for v in owner.trainable_variables]
        # Keras' averages are 0 until the first update, with which they begin.
        if not keras.ops.convert_to_numpy(self.g_optimizer.iterations):
            averages = trained
        average_of = {id(v): average for v, average in zip(trained, averages, strict=True)}
        for variable, other in zip(copy.variables, network.variables, strict=True):
            variable.assign(keras.ops.convert_to_numpy(average_of.get(id(other), other)))
        return copy

    @property
    def sampler(self) -> keras.Model:
        """The network that generates images, see `averaged`."""
        return self.averaged(self.generating_network)

    @property
    def served_networks(self):
        return [self.generating_network]

    def sample_latents(self, shape, seed) -> tf.Tensor:
        """Samples from the prior of the latents, statelessly; float32 of a shape."""
        if self.latent_distribution == "uniform":
            return randomness.uniform(shape, seed, -1.0, 1.0)
        return self.sample_noise("normal", shape, seed)

    def sample_noise(self, distribution: str, shape, seed) -> tf.Tensor:
        """Samples noise, `normal` N(0, 1) or `uniform` in [0, 1), statelessly; float32."""
        if distribution == "uniform":
            return randomness.uniform(shape, seed)
        return randomness.normal(shape, seed, xla=self.compiled and self.jit_compile)

    def latents_from_seeds(self, numbers) -> tf.Tensor:
        """Samples one latent for each number, whatever the others are; int [B] → float32 [B, N]."""
        return self._latents(randomness.seeds_from_numbers(numbers))

    # Row by row: in a graph, which takes a hundredth of the time that it takes without.
    @tf.function(reduce_retracing=True)
    def _latents(self, seeds):
        return randomness.rows_from_seeds(
            lambda seed: self.sample_latents([self.latent_size], seed), seeds
        )

    def generate(self, latents, *conditions) -> np.ndarray:
        """Generates from latents, with frozen batch statistics; float32 [B, H, W, C]."""
        given = [tf.cast(values, tf.float32) for values in (latents, *conditions)]
        return np.asarray(self.images_of(self.sampler, *given))

    def preview(self, examples=None) -> np.ndarray:
        """Generates from the same 64 latents each time, as 8 rows of 8: [8, 8, H, W, C]."""
        return self.preview_images().reshape(8, 8, *self.image_shape)

    def preview_images(self) -> np.ndarray:
        """Generates 64 images, always from the same seeds."""
        return self.generate(self.latents_from_seeds(np.arange(PREVIEW_IMAGES)))

    def score_map(self, points) -> np.ndarray:
        """Computes the model's scores of points of the plane: float32 [B, 2] → [B]."""
        raise NotImplementedError

    def example_inputs(self, count, examples=None) -> dict[str, np.ndarray]:
        """Makes the inputs of `serving_default` from the first seeds, float32 [count, ...]."""
        return {"latents": np.asarray(self.latents_from_seeds(range(count)))}

    def signatures(self):
        network = self.sampler

        def from_latents(latents):
            return {"pictures": self.images_of(network, latents)}

        def images_from(seeds):
            return self.images_of(network, self.latents_from_seeds(seeds))

        def from_seeds(seeds):
            return refusals.answers(images_from(seeds), refusals.seed_errors(seeds))

        def png_from_seeds(seeds):
            errors = refusals.seed_errors(seeds)
            return refusals.png_answers(images_from(seeds), errors, self.writing)

        def from_count(count, seed):
            return from_seeds(seed + tf.range(refusals.positive(count)))

        prior = "N(0, I)" if self.latent_distribution == "normal" else "U(-1, 1)"
        shape = "x".join(map(str, self.image_shape))
        frozen = "Batch statistics are frozen; there is no dropout."
        signatures = {
            "serving_default": Signature(
                from_latents,
                {"latents": vectors(self.latent_size)},
                f"latents float32 [B, {self.latent_size}], sampled from {prior} -> "
                f"pictures float32 [B, {shape}] in [-1, 1]. {frozen}",
            ),
            "from_count": Signature(
                from_count,
                {"count": NUMBER, "seed": NUMBER},
                "count and seed, int32 scalars -> images of the seeds seed, seed + 1, ...: "
                f"pictures float32 [count, {shape}] in [-1, 1]. {frozen}",
            ),
            "from_seeds": Signature(
                from_seeds,
                {"seeds": NUMBERS},
                f"seeds int32 [B], one for each image -> pictures float32 [B, {shape}] in [-1, 1]; "
                f"a seed gives its image whatever the other seeds are; {refusals.ABOUT} {frozen}",
            ),
        }
        default = signatures["serving_default"]
        signatures["deterministic"] = dataclasses.replace(
            default, about=f"{default.about} {PORTABLE}", portable=self.example_inputs
        )
        if not self.generates_points:
            about = f"seeds int32 [B] -> png_bytes string [B], PNG files; {refusals.ABOUT} {frozen}"
            signatures["png_from_seeds"] = Signature(
                png_from_seeds, {"seeds": NUMBERS}, about, writing=self.writing
            )
        return signatures
