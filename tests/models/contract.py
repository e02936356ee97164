"""Tests that every model passes; the test of a model subclasses one and states its tiny size.

    class TestLSGAN(ModelContract):
        name = "lsgan"
        flags = ("--width=4", "--latent_size=8")
        spec = DataSpec("images", (16, 16), 1, 1)

`ModelContract` is for models that only choose settings and networks of a base in
`kgan.models.base`. One model of each base, and each model with a step of its own, passes
`FullContract`, with the tests of its players (`TwoPlayerTests`) and of its generator
(`SeedTests`, `ConditionTests`, `LikelihoodTests`). Exports are compared in test_exports.py.
"""

import dataclasses
import importlib
import inspect
import io
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kgan.cli.entry import Help
from kgan.cli.models import build_model
from kgan.cli.parsing import parse_training
from kgan.data.dataset import DataSpec, Source
from kgan.data.pipeline import joint_training_batches
from kgan.layers import mixing_examples
from kgan.models.base.conditional import ConditionalModel
from kgan.models.base.latent import LatentModel
from kgan.plots.grids import to_bytes
from kgan.runs import checkpoint
from kgan.utils.errors import UserError

# Classes that may hold variables; a model's own parts are layers or modules.
OWNERS = (
    keras.layers.Layer,
    keras.optimizers.Optimizer,
    keras.metrics.Metric,
    keras.random.SeedGenerator,
    tf.Module,
)
EXAMPLES = 10  # no multiple of a batch, so that some batches span two passes


@dataclasses.dataclass(frozen=True)
class NoiseSource(Source):
    """Random access to images of noise, under every key that a model may ask for."""

    spec: DataSpec

    def __len__(self):
        return EXAMPLES

    def read(self, index):
        rng = np.random.default_rng(index)
        target = rng.integers(0, 256, (*self.spec.size, self.spec.channels), np.uint8)
        given = rng.integers(0, 256, (*self.spec.size, self.spec.input_channels), np.uint8)
        return {"image": target, "input": given, "target": target, "label": np.int32(index % 10)}


def contract_of(name: str) -> "type[ModelContract]":
    """Finds the contract test of a model in its own test file."""
    for value in vars(importlib.import_module(f"tests.models.test_{name}")).values():
        is_contract = inspect.isclass(value) and issubclass(value, ModelContract)
        if is_contract and getattr(value, "name", None) == name:
            return value
    raise LookupError(f"tests/models/test_{name}.py has no contract with name = {name!r}")


# Calls of signatures


def direction_of(model, signature):
    """Returns the direction in which a signature of a translation model translates."""
    return model.directions["BtoA" if "b_to_a" in signature else None]


def example_inputs(model, signature, count):
    """Makes inputs for a signature, for `count` images."""
    rng = np.random.default_rng(count)
    size = model.condition_size if isinstance(model, ConditionalModel) else 1
    labels = np.arange(count, dtype=np.int32) % size
    inputs = {
        "seeds": np.arange(7, 7 + count, dtype=np.int32),
        "count": np.int32(count),
        "seed": np.int32(5),
        "labels": labels,
        "conditions": np.eye(size, dtype=np.float32)[labels],
    }
    if isinstance(model, LatentModel):
        inputs["latents"] = rng.normal(size=(count, model.latent_size)).astype(np.float32)
    else:
        # 256 levels, so that a PNG holds them exactly.
        shape = (count, *direction_of(model, signature).image_shape)
        levels = rng.integers(0, 256, shape, np.uint8)
        inputs["pictures"] = levels.astype(np.float32) / 127.5 - 1
        files = [tf.io.encode_png(image).numpy() for image in levels]
        inputs["image_bytes"] = np.array(files, object)
    return {key: inputs[key] for key in model.signatures()[signature].inputs}


def expected_outputs(model, signature, inputs):
    """Computes the outputs of a signature with the model's own methods; PNG files as levels."""
    if isinstance(model, LatentModel):
        conditions = [inputs["conditions"]] if "conditions" in inputs else []
        if "labels" in inputs:
            conditions = [np.eye(model.condition_size, dtype=np.float32)[inputs["labels"]]]
        latents = inputs.get("latents")
        if latents is None:
            seeds = inputs.get("seeds", inputs.get("seed", 0) + np.arange(inputs.get("count", 0)))
            latents = model.latents_from_seeds(seeds)
        images = model.generate(latents, *conditions)
    else:
        pictures = inputs.get("pictures")
        if pictures is None:
            pictures = decoded(inputs["image_bytes"]).astype(np.float32) / 127.5 - 1
        images = direction_of(model, signature).translate(pictures, inputs.get("seed", 0))
    if "png" in signature or "files" in signature:
        return {"png_bytes": to_bytes(images)}
    return {"pictures": images}


def decoded(files):
    """Decodes PNG files as uint8 [B, H, W, C]."""
    images = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])
    return images if images.ndim == 4 else images[..., np.newaxis]


def outputs(model):
    """Generates or translates two images, from fixed inputs."""
    inputs = example_inputs(model, "serving_default", 2)
    return expected_outputs(model, "serving_default", inputs)["pictures"]


# State


def values(model, *owners):
    """Reads the state as arrays by path, of some owners or of all."""
    state = checkpoint.capture(model.state())
    return {k: v for k, v in state.items() if not owners or k.split("/")[0] in owners}


def reachable_variables(model):
    """Lists every variable that can be reached from a model, however it is kept there."""
    found, seen, open_ends = [], set(), [model]
    while open_ends:
        thing = open_ends.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, (keras.Variable, tf.Variable)):
            found.append(thing)
        elif isinstance(thing, dict):
            open_ends += thing.values()
        elif isinstance(thing, (list, tuple, set)):
            open_ends += thing
        elif isinstance(thing, OWNERS):
            open_ends += vars(thing).values()
    return found


def kernels(network):
    """Lists the shapes of a network's kernels by the name of their layer."""
    variables = [v for v in network.trainable_variables if len(v.shape) > 1]
    return {v.path.split("/")[0]: v.shape for v in variables}


def trainable(model, player):
    """Reads the trainable weights of all networks of a player, `g` or `d`."""
    networks = model.players[player]
    return [np.asarray(v) for network in networks for v in network.trainable_variables]


def differing(first, second):
    """Lists the paths at which two captured states differ in a bit."""
    assert first.keys() == second.keys()
    return [path for path in first if first[path].tobytes() != second[path].tobytes()]


def assert_same_state(first, second):
    """Compares the states of two models up to rounding."""
    one, two = values(first), values(second)
    assert one.keys() == two.keys()
    for path, array in one.items():
        # Relative to the array's largest number, so that small gradients count, too. Down to
        # rounding, where a bias ahead of a normalisation has no gradient.
        largest = np.abs(array).max()
        is_mean = path.startswith("logged/")
        tolerance = 1e-5 * largest if is_mean else max(1e-8, min(1e-5, 5e-5 * largest))
        np.testing.assert_allclose(two[path], array, atol=tolerance, rtol=0, err_msg=path)


def assert_same_logs(first, second):
    """Compares the logs of two trainings up to rounding."""
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_allclose(second[name], value, atol=1e-5, rtol=1e-5, err_msg=name)


def with_sgd(model, learning_rate=1e-3, momentum=0.5, **arguments):
    """Compiles a model with optimizers whose steps are as large as the gradients.

    Adam's steps hide the size of a gradient, and are wrong where it is rounding alone.
    """
    for player in model.player_names:
        arguments[f"{player}_optimizer"] = keras.optimizers.SGD(learning_rate, momentum)
    model.compile(**arguments)
    return model


def moved(before, after):
    """Returns whether a training changed each kernel; a last bias may stay as it is."""
    pairs = zip(before, after, strict=True)
    return all((old != new).any() for old, new in pairs if old.ndim > 1)


class CheckpointAfter(keras.callbacks.Callback):
    """Writes a checkpoint in the middle of a training that continues."""

    def __init__(self, steps, path):
        super().__init__()
        self.steps = steps
        self.path = path

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 == self.steps:
            state = checkpoint.capture(self.model.state())
            checkpoint.write(self.path, state, {"step": self.model.completed_steps})


class ModelContract:
    """Tests of any model.

    Class attributes that a subclass sets:
        name: the name of its file in `kgan.models`.
        flags: make it tiny.
        other_settings: flags that give every argument of its constructor another value.
        spec: of the data it is built for.
        keys: the fields of an example that it takes.
        batch_size: global, even.
        precision_tolerance: of losses in mixed precision, absolute and relative.
        train_flags: flags that its tiny training from the command line needs in addition, see
            `tests/faults/kills.py`.
    """

    name: str
    flags: tuple[str, ...] = ()
    other_settings: tuple[str, ...] = ()
    spec: DataSpec
    keys: tuple[str, ...] = ("image",)
    batch_size = 4
    precision_tolerance = 0.05
    train_flags: tuple[str, ...] = ()

    def build(self, *flags):
        """Builds the model from its command line, as a training does."""
        return build_model(parse_training([f"--model={self.name}", *self.flags, *flags]), self.spec)

    def sources(self):
        """The parts that a batch is made of."""
        return [NoiseSource(self.spec)]

    def dataset(self, model, start_step=0):
        """Makes the batches of a training from a step on."""
        return joint_training_batches(
            self.sources(),
            self.keys,
            batch_size=self.batch_size,
            seed=model.seed,
            start_batch=start_step * model.batches_per_step,
        )

    def train(self, model, steps, start_step=0, *, graph=False, callbacks=()):
        """Trains some steps; returns the means over them.

        Tracing a graph takes longer than a few eager steps of a tiny model, so only the tests that
        are about a real training ask for it.
        """
        model.run_eagerly = not graph
        history = model.fit(
            self.dataset(model, start_step),
            epochs=1,
            steps_per_epoch=steps,
            verbose=0,
            shuffle=False,
            callbacks=list(callbacks),
        )
        return {name: np.asarray(log[-1]).item() for name, log in history.history.items()}

    def step_data(self, model):
        """Takes the first step's data as `train_step` gets it."""
        count = model.batches_per_step
        batches = tuple(self.dataset(model).take(count))
        return batches if count > 1 else batches[0]

    def first_batch(self, model):
        """Takes the first batch of the first step."""
        return next(iter(self.dataset(model)))

    def test_a_step_counts_once_and_updates_the_discriminator_once_a_batch(self):
        model = self.build()
        logs = self.train(model, 2)
        assert set(logs) == set(model.logged) and np.isfinite(list(logs.values())).all()
        assert model.completed_steps == 2
        updates = {"g_optimizer": 2, "d_optimizer": 2 * model.batches_per_step}
        for name, optimizer in model.optimizers.items():
            assert int(optimizer.iterations) == updates[name], name

    def test_state_has_every_variable_under_a_stable_path(self):
        model, again = self.build(), self.build()
        assert list(model.state()) == list(again.state())
        owners = [*model.networks.values(), *model.optimizers.values()]
        own = {"step", "attempt", "first_non_finite", "logged/totals", "logged/count"}
        assert own <= set(model.state())
        variables = [owner.variables for owner in owners] + list(model.extra_state().values())
        assert len(model.state()) == len(own) + sum(map(len, variables))

    def test_config_makes_an_equal_model(self):
        model = self.build("--seed=5", *self.other_settings)
        config = model.get_config()
        again = type(model).from_config(json.loads(json.dumps(config)))
        # As JSON, which has no tuples.
        assert json.dumps(again.get_config()) == json.dumps(config)
        assert again.seed == 5
        for name in inspect.signature(type(model)).parameters:
            if isinstance(getattr(model, name, None), (int, float, str)):
                assert getattr(again, name) == getattr(model, name), name
        again.compile(**dict.fromkeys(model.optimizers, "adam"))
        np.testing.assert_array_equal(outputs(again), outputs(model))

    def test_two_replicas_match_one(self, two_replicas):
        alone = with_sgd(self.build("--sync_batch_norm"))
        logs = self.train(alone, 1)
        with two_replicas.scope():
            split = with_sgd(self.build("--sync_batch_norm"))
        assert_same_logs(logs, self.train(split, 1, graph=True))
        assert_same_state(alone, split)


class FullContract(ModelContract):
    """All that holds for a model, for one model of each implementation.

    Class attributes that a subclass sets:
        independent_flags: flags with which no layer of a network lets examples of a batch depend on
            each other, so that `--accumulate` works; None where there are none such.
    """

    independent_flags: tuple[str, ...] | None = None

    def test_logs_are_means_over_the_steps(self):
        means = self.train(self.build(), 3, graph=True)
        model = self.build()
        single = [self.train(model, 1, start_step=step) for step in range(3)]
        assert set(means) == set(model.logged)
        for name in model.logged:
            by_step = [logs[name] for logs in single]
            assert len(set(by_step)) == 3
            np.testing.assert_allclose(means[name], np.mean(by_step), rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
    def test_mixed_precision_takes_a_step_with_finite_losses(self, precision):
        exact = self.train(self.build(), 1)
        keras.mixed_precision.set_global_policy(precision)
        model = self.build()
        logs = self.train(model, 1)
        for name, value in logs.items():
            off = self.precision_tolerance
            np.testing.assert_allclose(value, exact[name], rtol=off, atol=off, err_msg=name)
        images = outputs(model)
        assert images.dtype == np.float32
        assert np.isfinite(images).all()
        assert all(array.dtype != np.float16 for array in values(model).values())

    def test_training_changes_no_variable_that_a_checkpoint_does_not_hold(self):
        model = self.build()
        held = {id(variable) for variable in model.state().values()}
        others = [variable for variable in reachable_variables(model) if id(variable) not in held]
        before = [np.array(variable) for variable in others]
        self.train(model, 2)
        for variable, old in zip(others, before, strict=True):
            np.testing.assert_array_equal(variable, old, err_msg=variable.path)
        known = held | set(map(id, others))
        made = [v.path for v in reachable_variables(model) if id(v) not in known]
        assert made == [], "made by the training, so that no checkpoint holds them"

    def test_state_is_the_same_for_the_same_seed_and_another_for_another(self):
        first = values(self.build())
        assert not differing(first, values(self.build()))
        changed = differing(first, values(self.build("--seed=1")))
        assert set(self.build().networks) <= {path.split("/")[0] for path in changed}

    @pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
    def test_a_resumed_run_ends_with_the_same_bits(self, precision, tmp_path):
        keras.mixed_precision.set_global_policy(precision)
        graph = precision == "float32"
        path = tmp_path / "checkpoint.safetensors"
        whole, resumed = self.build(), self.build()
        self.train(whole, 4, graph=graph, callbacks=[CheckpointAfter(2, path)])
        arrays, header = checkpoint.read(path)
        checkpoint.restore(resumed.state(), arrays, path)
        assert not differing(arrays, values(resumed))
        resumed.keep_means()
        self.train(resumed, 2, start_step=header["step"], graph=graph)
        assert not differing(values(whole), values(resumed))

    @pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
    def test_saved_model_loads_with_its_optimizers_and_trains_on(self, precision, tmp_path):
        keras.mixed_precision.set_global_policy(precision)
        model = self.build()
        self.train(model, 1)
        model.save(tmp_path / "model.keras")
        again = keras.models.load_model(tmp_path / "model.keras")
        assert type(again) is type(model)
        np.testing.assert_array_equal(outputs(again), outputs(model))
        kept = ("step", *model.networks, *model.optimizers)
        assert not differing(values(model, *kept), values(again, *kept))
        if precision == "float32":
            for one in (model, again):
                self.train(one, 1, start_step=1)
            assert not differing(values(model, *kept), values(again, *kept))

    def test_step_in_parts_matches_a_whole_one_where_examples_are_independent(self):
        if self.independent_flags is None:
            pytest.skip("all its networks mix the examples of a batch")
        whole = with_sgd(self.build(*self.independent_flags))
        parts = with_sgd(self.build(*self.independent_flags, "--accumulate=2"), accumulate=2)
        assert_same_logs(self.train(whole, 1), self.train(parts, 1, graph=True))
        assert_same_state(whole, parts)

    def test_step_in_parts_is_refused_where_examples_are_mixed(self):
        if not any(map(mixing_examples, self.build().networks.values())):
            pytest.skip("its networks mix nothing")
        with pytest.raises(UserError, match="^--accumulate=2: `accumulate`"):
            self.build("--accumulate=2")


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

    def test_image_of_a_seed_does_not_depend_on_the_others(self):
        model = self.build()
        batch = np.asarray(model.latents_from_seeds([3, 4, 5]))
        np.testing.assert_array_equal(model.latents_from_seeds([4]), batch[[1]])
        np.testing.assert_array_equal(model.latents_from_seeds([5, 3]), batch[[2, 0]])
        alone, together = model.generate(batch[[1]]), model.generate(batch)[[1]]
        np.testing.assert_allclose(alone, together, atol=1e-6)

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


class LikelihoodTests(SeedTests):
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
        for name, values in first.items():
            np.testing.assert_array_equal(values, again[name])
            assert (np.asarray(values) != np.asarray(later[name])).all()
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

    def test_image_of_a_seed_does_not_depend_on_the_others(self):
        model = self.build()
        rows = np.eye(model.condition_size, dtype=np.float32)[[2, 0, 1]]
        batch = np.asarray(model.latents_from_seeds([3, 4, 5]))
        alone, together = model.generate(batch[[1]], rows[[1]]), model.generate(batch, rows)[[1]]
        np.testing.assert_allclose(alone, together, atol=1e-6)

    def test_preview_shows_fixed_seeds(self):
        # A row for each condition, of the same eight seeds.
        model = self.build()
        preview = model.preview()
        rows = min(10, model.condition_size)
        assert preview.shape == (rows, 8, *self.spec.size, self.spec.channels)
        condition = np.eye(model.condition_size, dtype=np.float32)[[2] * 8]
        generated = model.generate(model.latents_from_seeds(np.arange(8)), condition)
        np.testing.assert_allclose(preview[2], generated, atol=1e-6)
