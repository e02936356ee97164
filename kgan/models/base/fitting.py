"""What Keras' own methods (`fit`, `evaluate`, `predict`, `export`, callbacks) need of a model."""

import contextlib
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence

import keras
import tensorflow as tf

from kgan.models.base import batches, shapes
from kgan.models.base.execution import Executions
from kgan.utils.errors import ArgumentError


class FittedModel(Executions):
    """A model that Keras' methods and callbacks can be used on, whatever it is trained on.

    Class attributes, beside those of `Executions`:
        fields: names of what a batch consists of; a tuple has them in this order.

    Example:
        >>> from kgan.models.dcgan import DCGAN
        >>> from kgan.networks import mlp
        >>> networks = mlp.generator((2, 2, 1), 3, [4]), mlp.discriminator((2, 2, 1), [4])
        >>> model = DCGAN(*networks)
        >>> model.compile()
        >>> images = keras.random.uniform((8, 2, 2, 1), -1, 1, seed=0)
        >>> sorted(model.fit(images, batch_size=4, verbose=0).history)[:2]
        ['d_loss', 'd_loss_fake']
        >>> model.predict(keras.random.normal((5, 3), seed=0), verbose=0).shape
        (5, 2, 2, 1)
    """

    fields: tuple[str, ...] = ("image",)
    # Read while a step is traced: whether networks are called as in training.
    networks_train = True
    batches_per_step = 1
    rescaling: keras.layers.Layer | None = None
    is_complete = False
    found_shapes: Mapping[str, tuple[int, ...]] | None = None

    # Networks that are not built yet

    @property
    def example_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        """Shapes of images by field, without the batch, as the networks take them.

        A field that is not here is given to `train_step` as it is.
        """
        return {}

    def can_complete(self) -> bool:
        """Returns whether all networks can be built without data."""
        return all(map(shapes.has_own_shapes, self.networks.values()))

    def complete(self, found: Mapping[str, tuple[int, ...]] | None = None) -> None:
        """Builds the networks that came without weights, and what depends on their shapes.

        Args:
            found: shapes of images by field; None where the networks know theirs.
        """
        self.found_shapes = found
        self.is_complete = True

    def get_build_config(self):
        return {"found": self.found_shapes}

    def build_from_config(self, config):
        if not self.is_complete and config.get("found"):
            self.complete({name: tuple(shape) for name, shape in config["found"].items()})

    def _complete_for(self, parts):
        """Completes the model for a batch, where it is not complete."""
        if not self.is_complete:
            named = zip(self.fields, parts, strict=True)
            self.complete({name: tuple(values.shape[1:]) for name, values in named})
            self._build_optimizers()

    def _build_optimizers(self):
        raise NotImplementedError

    # Batches

    @property
    def divisor(self) -> int:
        """What the size of a global batch must be divisible by."""
        return tf.distribute.get_strategy().num_replicas_in_sync

    def batch(self, data) -> tuple:
        """Returns the parts of a batch by `fields`, images as float32.

        Args:
            data: as `fit` takes it: a tensor, a tuple or a dict.

        Raises:
            DataError: when a part is missing or has a wrong type or shape.
        """
        parts = list(batches.by_field(data, self.fields))
        for place, name in enumerate(self.fields):
            if name in self.example_shapes:
                if self.rescaling is not None:
                    parts[place] = self.rescaling(tf.cast(parts[place], tf.float32))
                shape = self.example_shapes[name]
                parts[place] = batches.checked_images(parts[place], shape, name)
        return tuple(parts)

    def _look_at(self, found: Iterator) -> None:
        """Checks the first batches of what a user gives, and completes the model for them."""

        def checked():
            for number, data in enumerate(found):
                parts = batches.by_field(data, self.fields)
                if number == 0:
                    self._complete_for(parts)
                    self.batch(data)  # refuses a wrong type or shape
                rescaled = zip(self.fields, parts, strict=True)
                yield tuple(
                    self.rescaling(tf.cast(values, tf.float32))
                    if self.rescaling is not None and name != "label"
                    else values
                    for name, values in rescaled
                )

        batches.check_range(checked(), self.fields)

    def _grouped(self, data, batch_size, shuffle):
        """Returns data of which each element is what one training step takes."""
        count, divisor = self.batches_per_step, self.divisor
        if isinstance(data, keras.utils.PyDataset):
            return batches.GroupedSequence(data, count) if count > 1 else data
        if isinstance(data, Iterator):
            return batches.grouped_generator(data, count)
        if not isinstance(data, tf.data.Dataset):
            if isinstance(data, tf.distribute.DistributedDataset) or count * divisor == 1:
                return data
            data = batches.dataset_of_arrays(data, batch_size, shuffle, self.seed)
        if count == 1:
            return batches.whole_batches(data, divisor, None)
        first = next(iter(data))
        size = len(keras.tree.flatten(first)[0])
        if size % divisor:
            raise batches.DataError(
                f"batches have {size} examples, but a step needs a multiple of {divisor}"
            )
        return batches.grouped_dataset(data, count, size)

    # Keras' methods

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        **kwargs,
    ) -> keras.callbacks.History:
        """Trains as `keras.Model.fit` does.

        Args:
            x: images float32 [B, H, W, C] in [-1, 1], as a `tf.data.Dataset` of batches, arrays,
                a `keras.utils.PyDataset` or a generator; for a model with several `fields`
                tuples or dicts of them. An unconditional model leaves labels out.
            y: the second field, of arrays: labels or targets.
            **kwargs: `initial_epoch`, `steps_per_epoch`, `validation_steps`,
                `validation_batch_size` and `validation_freq` of `keras.Model.fit`; an epoch has as
                many steps as there are `batches_per_step` in it, and a batch that cannot be
                divided among replicas, parts and packs is left out.

        Raises:
            DataError: when the data have a wrong structure, type, shape or range.
        """
        _refuse_weights(class_weight, sample_weight)
        if validation_split and validation_data is None:
            (x, y), validation_data = _split((x, y), validation_split)
        data = batches.unwrapped((x, y))
        if isinstance(data, Iterator):
            first = next(data)
            data = _chain(first, data)
            self._look_at(iter([first]))
        else:
            self._look_at(batches.first_batches(data, batch_size))
        data = self._grouped(data, batch_size, shuffle)
        if isinstance(data, (tf.data.Dataset, keras.utils.PyDataset, Iterator)):
            x, y, batch_size = data, None, None
        if validation_data is not None:
            self._look_at(batches.first_batches(batches.unwrapped(validation_data), batch_size))
        return self.fit_batches(
            x,
            y=y,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            shuffle=shuffle,
            **kwargs,
        )

    def fit_batches(self, x, shuffle=True, **kwargs) -> keras.callbacks.History:
        """Trains on data that are grouped by step and known to be right, see `fit`."""
        self.check_epoch(kwargs.get("steps_per_epoch"))
        if isinstance(x, (tf.data.Dataset, tf.distribute.DistributedDataset)):
            shuffle = False  # Keras cannot shuffle these, and warns of it
        return super().fit(x, shuffle=shuffle, **kwargs)

    def evaluate(self, x=None, y=None, batch_size=None, sample_weight=None, **kwargs):
        """Computes what a training step logs, without an update, as `keras.Model.evaluate` does.

        Networks are called as at inference, and random numbers are the same in each call. For
        scores of generated images see `python -m kgan.evaluate`.
        """
        _refuse_weights(None, sample_weight)
        if x is not None and "_use_cached_eval_dataset" not in kwargs:
            self._look_at(batches.first_batches(batches.unwrapped((x, y)), batch_size))
        return super().evaluate(x, y, batch_size=batch_size, **kwargs)

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """Does one step on one batch, which serves all updates of the step."""
        _refuse_weights(class_weight, sample_weight)
        data = batches.unwrapped((x, y))
        self._look_at(iter([data]))
        if self.batches_per_step > 1:
            x, y = (data,) * self.batches_per_step, None
        return super().train_on_batch(x, y, return_dict=return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Computes what a step on one batch would log, see `evaluate`."""
        _refuse_weights(None, sample_weight)
        self._look_at(iter([batches.unwrapped((x, y))]))
        return super().test_on_batch(x, y, return_dict=return_dict)

    def input_signature(self) -> list:
        """Returns the specification of the argument of `call`, in a list."""
        raise NotImplementedError

    def export(self, filepath, format="tf_saved_model", input_signature=None, **kwargs):
        """Exports `call`, as `keras.Model.export` does; `signatures` has what kgan exports."""
        signature = self.input_signature() if input_signature is None else input_signature
        return super().export(filepath, format, input_signature=signature, **kwargs)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras would take a batch to build the networks from, which are built, and fails on one
        # that is a tuple or a dict spread over several workers.
        pass

    # Evaluation

    @contextlib.contextmanager
    def networks_at_rest(self):
        """Calls networks as at inference, in what is traced within the block."""
        self.networks_train = False
        try:
            yield
        finally:
            self.networks_train = True

    def test_losses(self, *parts) -> Sequence[Mapping[str, tf.Tensor]]:
        """Computes what a step logs for a batch, without an update.

        Args:
            parts: of the batch, by `fields`.
        """
        raise NotImplementedError

    def real_and_generated(self, *parts) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns what compiled metrics compare: real and generated images, as many of each."""
        raise NotImplementedError

    @property
    def metrics(self):
        # Keras' own mean of a single loss would stay 0; the means of all losses are in `results`.
        return [metric for metric in super().metrics if metric.name != "loss"]

    def _compiled_metrics(self, parts) -> dict[str, tf.Tensor]:
        """Updates the metrics of `compile`, and returns their values."""
        if not self.metrics:
            return {}
        return self.compute_metrics(None, *self.real_and_generated(*parts))


def warn_of_sigmoid(name: str, network: keras.Model) -> None:
    """Warns of a discriminator that ends in a sigmoid, where logits or scores are needed."""
    last = network.layers[-1] if network.layers else network
    if getattr(last, "activation", None) is keras.activations.sigmoid:
        warnings.warn(
            f"{name} ends in a sigmoid, but the losses of kgan take logits: remove it, so that the "
            "sigmoid is not applied twice",
            stacklevel=4,
        )


def _refuse_weights(class_weight, sample_weight):
    given = {"class_weight": class_weight, "sample_weight": sample_weight}
    for name, value in given.items():
        if value is not None:
            raise ArgumentError(name, "is not possible: adversarial losses have no weights")


def _split(arrays, share):
    """Splits arrays as Keras does: the last share of the examples is for validation."""
    flat = [array for array in keras.tree.flatten(arrays) if array is not None]
    if not flat or not all(
        hasattr(array, "__getitem__") and hasattr(array, "shape") for array in flat
    ):
        raise ArgumentError("validation_split", "needs arrays; give `validation_data` instead")
    at = math.floor(len(flat[0]) * (1.0 - share))
    if not 0 < at < len(flat[0]):
        raise ArgumentError("validation_split", f"leaves no example of {len(flat[0])}")
    take = keras.tree.map_structure
    training = take(lambda array: None if array is None else array[:at], arrays)
    return training, batches.unwrapped(
        take(lambda array: None if array is None else array[at:], arrays)
    )


def _chain(first, rest):
    yield first
    yield from rest
