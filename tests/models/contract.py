"""What every scheme passes; its test subclasses a contract and says how small to build it.

    class TestDCGAN(LatentContract):
        scheme = "dcgan"
        flags = ("--width=4", "--latent_size=8")
        spec = Spec("images", (16, 16), 1, 1)

`SchemeContract` asks what holds for whatever is trained, `TwoPlayerContract` what holds for any two
players, `DrawingContract` what holds for whatever draws from latents. `LatentContract`,
`LikelihoodContract` and `TranslationContract` know how a model of their base draws its answers and
does a player's step alone.
"""

import dataclasses
import inspect
import io
import json
import subprocess
import sys

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
from kgan.plots.grids import to_bytes
from kgan.runs import checkpoint
from kgan.serving.savedmodel import write_saved_model
from kgan.utils.errors import UserError

# What may keep variables; a scheme's own parts are among them by being layers or modules.
OWNERS = (
    keras.layers.Layer,
    keras.optimizers.Optimizer,
    keras.metrics.Metric,
    keras.random.SeedGenerator,
    tf.Module,
)

EXAMPLES = 10  # no multiple of a batch, so that batches lie across two passes

# Answers calls from an exported model in a process that cannot import kgan. Arrays are named
# "<signature> <count> <input or output>".
SERVER = """
import collections, sys

class NoKgan:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "kgan":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NoKgan())
try:
    import kgan
    sys.exit("kgan can be imported, so that this proves nothing")
except ModuleNotFoundError:
    pass

import numpy as np
import tensorflow as tf

folder, inputs, outputs = sys.argv[1:]
served = tf.saved_model.load(folder).signatures
calls = collections.defaultdict(dict)
given = np.load(inputs, allow_pickle=True)
for place in given.files:
    name, count, key = place.split(" ")
    calls[name, count][key] = tf.constant(given[place])
answers = {
    f"{name} {count} {key}": value.numpy()
    for (name, count), arguments in calls.items()
    for key, value in served[name](**arguments).items()
}
np.savez(outputs, **answers)
"""


@dataclasses.dataclass(frozen=True)
class NoiseSource(Source):
    """Random access to images of noise, under every key that a scheme may ask for."""

    spec: DataSpec

    def __len__(self):
        return EXAMPLES

    def read(self, index):
        rng = np.random.default_rng(index)
        target = rng.integers(0, 256, (*self.spec.size, self.spec.channels), np.uint8)
        given = rng.integers(0, 256, (*self.spec.size, self.spec.input_channels), np.uint8)
        return {"image": target, "input": given, "target": target, "label": np.int32(index % 10)}


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


def trainable(model, player):
    """Reads the trainable weights of all networks of a player, `g` or `d`."""
    networks = model.players[player]
    return [np.asarray(v) for network in networks for v in network.trainable_variables]


def differing(first, second):
    """Lists the paths at which two captured states differ in a bit."""
    assert first.keys() == second.keys()
    return [path for path in first if first[path].tobytes() != second[path].tobytes()]


def plain(model, **arguments):
    """Gives a model optimisers whose steps are as large as the gradients.

    Adam's steps look right with a gradient of any size, and wrong where one is rounding alone.
    """
    optimizers = {name: keras.optimizers.SGD(1e-3, momentum=0.5) for name in model.optimizers}
    model.compile(**optimizers, **arguments)
    return model


def moved(before, after):
    """Tells whether a training moved each layer's first weight; a last bias may stand still."""
    pairs = zip(before, after, strict=True)
    return all((old != new).any() for old, new in pairs if old.ndim > 1)


class CheckpointAfter(keras.callbacks.Callback):
    """Writes a checkpoint in the middle of a training that goes on."""

    def __init__(self, steps, path):
        super().__init__()
        self.steps = steps
        self.path = path

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 == self.steps:
            state = checkpoint.capture(self.model.state())
            checkpoint.write(self.path, state, {"step": self.model.completed_steps})


class SchemeContract:
    """Tests of any scheme.

    Class attributes that a subclass sets:
        scheme: the name of its file in `kgan.models`.
        flags: what makes it tiny.
        other_settings: flags that give every argument of its constructor another value.
        spec: of the data it is built for.
        keys: which fields of an example it takes.
        batch_size: global, even.
        independent_flags: flags with which no layer of a network lets examples of a batch depend on
            each other, so that `--accumulate` works; None where there are none such.
        mixed: how far losses may be off in mixed precision, absolutely and relatively.
        train_flags: what its tiny training from the command line needs besides, see
            `tests/faults/kills.py`.
    """

    scheme: str
    flags: tuple[str, ...] = ()
    other_settings: tuple[str, ...] = ()
    spec: DataSpec
    keys: tuple[str, ...] = ("image",)
    batch_size = 4
    independent_flags: tuple[str, ...] | None = None
    mixed = 0.05
    train_flags: tuple[str, ...] = ()

    def build(self, *flags):
        """Builds the scheme from its command line, as a training does."""
        resolved = parse_training([f"--model={self.scheme}", *self.flags, *flags])
        return build_model(resolved, self.spec)

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

        Tracing a graph takes longer than a few steps of a tiny model without one, so only the
        tests that are about what a real training does ask for it.
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

    def answers(self, model, name, inputs):
        """Computes what a signature has to answer with the model's own methods."""
        raise NotImplementedError

    def inputs(self, model, name, count):
        """Makes inputs for a signature, for `count` answers."""
        raise NotImplementedError

    def outputs(self, model):
        """Draws images from the model for fixed inputs."""
        name = "serving_default"
        return self.answers(model, name, self.inputs(model, name, 2))["pictures"]

    # What one step does.

    def test_a_step_counts_once(self):
        model = self.build()
        self.train(model, 2)
        assert model.completed_steps == 2
        assert int(model.g_optimizer.iterations) == 2

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
            np.testing.assert_allclose(value, exact[name], rtol=self.mixed, atol=self.mixed)
        images = self.outputs(model)
        assert images.dtype == np.float32
        assert np.isfinite(images).all()
        assert all(array.dtype != np.float16 for array in values(model).values())

    # What is kept.

    def test_state_has_every_variable_under_a_path_that_stays(self):
        model, again = self.build(), self.build()
        assert list(model.state()) == list(again.state())
        owners = [*model.networks.values(), *model.optimizers.values()]
        own = {"step", "attempt", "first_non_finite", "logged/totals", "logged/count"}
        assert own <= set(model.state())
        variables = [owner.variables for owner in owners] + list(model.extra_state().values())
        assert len(model.state()) == len(own) + sum(map(len, variables))

    def test_training_changes_no_variable_that_a_checkpoint_does_not_hold(self):
        model = self.build()
        held = {id(variable) for variable in model.state().values()}
        others = [variable for variable in reachable_variables(model) if id(variable) not in held]
        before = [np.array(variable) for variable in others]
        self.train(model, 2)
        changed = [
            variable.path
            for variable, old in zip(others, before, strict=True)
            if not np.array_equal(np.array(variable), old)
        ]
        assert changed == []
        made = [
            v.path for v in reachable_variables(model) if id(v) not in held | set(map(id, others))
        ]
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

    def test_restored_means_survive_one_reset_and_no_more(self):
        model = self.build()
        model.totals.assign(4.0 * np.ones(len(model.logged)))
        model.count.assign(2.0)
        model.keep_means()
        model.reset_metrics()
        assert model.means() == dict.fromkeys(model.logged, 2.0)
        model.reset_metrics()
        assert np.isnan(list(model.means().values())).all()

    def test_config_makes_the_model_again(self):
        model = self.build("--seed=5", *self.other_settings)
        config = model.get_config()
        again = type(model).from_config(json.loads(json.dumps(config)))
        # As JSON, which knows no tuples.
        assert json.dumps(again.get_config()) == json.dumps(config)
        assert again.seed == 5
        for name in inspect.signature(type(model)).parameters:
            if isinstance(getattr(model, name, None), (int, float, str)):
                assert getattr(again, name) == getattr(model, name), name
        again.compile(**dict.fromkeys(model.optimizers, "adam"))
        np.testing.assert_array_equal(self.outputs(again), self.outputs(model))

    @pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
    def test_saved_model_loads_with_its_optimizers_and_trains_on(self, precision, tmp_path):
        keras.mixed_precision.set_global_policy(precision)
        model = self.build()
        self.train(model, 1)
        model.save(tmp_path / "model.keras")
        again = keras.models.load_model(tmp_path / "model.keras")
        assert type(again) is type(model)
        np.testing.assert_array_equal(self.outputs(again), self.outputs(model))
        kept = ("step", *model.networks, *model.optimizers)
        assert not differing(values(model, *kept), values(again, *kept))
        if precision == "float32":
            for one in (model, again):
                self.train(one, 1, start_step=1)
            assert not differing(values(model, *kept), values(again, *kept))

    # Replicas.

    def test_two_replicas_match_one(self, two_replicas):
        alone = plain(self.build("--sync_batch_norm"))
        logs = self.train(alone, 1, graph=True)
        with two_replicas.scope():
            split = plain(self.build("--sync_batch_norm"))
        split_logs = self.train(split, 1, graph=True)
        for name, value in logs.items():
            np.testing.assert_allclose(split_logs[name], value, atol=1e-5, rtol=1e-5, err_msg=name)
        one, two = values(alone), values(split)
        assert one.keys() == two.keys()
        for path, array in one.items():
            # Beside the array's largest number, so that small gradients count, too.
            # Down to rounding, where a bias ahead of a normalisation has no gradient.
            tolerance = max(1e-8, min(1e-5, 5e-5 * np.abs(array).max()))
            if path.startswith("logged/"):
                tolerance = 1e-5 * np.abs(array).max()
            np.testing.assert_allclose(two[path], array, atol=tolerance, rtol=0, err_msg=path)

    # Accumulation.

    def test_step_in_parts_matches_a_whole_one_where_examples_are_independent(self):
        if self.independent_flags is None:
            pytest.skip("all its networks mix the examples of a batch")
        whole = plain(self.build(*self.independent_flags))
        parts = plain(self.build(*self.independent_flags, "--accumulate=2"), accumulate=2)
        logs, part_logs = self.train(whole, 1, graph=True), self.train(parts, 1, graph=True)
        for name, value in logs.items():
            np.testing.assert_allclose(part_logs[name], value, atol=1e-5, rtol=1e-5, err_msg=name)
        one, two = values(whole), values(parts)
        for path, array in one.items():
            tolerance = max(1e-8, min(1e-5, 5e-5 * np.abs(array).max()))
            np.testing.assert_allclose(two[path], array, atol=tolerance, rtol=0, err_msg=path)

    def test_step_in_parts_is_refused_where_examples_are_mixed(self):
        if not any(map(mixing_examples, self.build().networks.values())):
            pytest.skip("its networks mix nothing")
        with pytest.raises(UserError, match="^--accumulate=2: `accumulate`"):
            self.build("--accumulate=2")

    # Export.

    def test_export_matches_model_without_kgan(self, tmp_path):
        model = self.build()
        self.train(model, 1)
        signatures = model.signatures()
        assert "serving_default" in signatures
        version = write_saved_model(model.networks, signatures, tmp_path / "exported")
        calls = [(name, count) for name in signatures for count in (1, 3)]
        given = {
            f"{name} {count} {key}": value
            for name, count in calls
            for key, value in self.inputs(model, name, count).items()
        }
        np.savez(tmp_path / "inputs.npz", **given)
        subprocess.run(
            [sys.executable, "-c", SERVER, version, tmp_path / "inputs.npz", tmp_path / "out.npz"],
            check=True,
            cwd=tmp_path,
        )
        served = np.load(tmp_path / "out.npz", allow_pickle=True)
        for name, count in calls:
            answers = self.answers(model, name, self.inputs(model, name, count))
            found = {key for key in served.files if key.startswith(f"{name} {count} ")}
            assert found == {f"{name} {count} {key}" for key in answers}
            for key, answer in answers.items():
                output = served[f"{name} {count} {key}"]
                if key.endswith("_bytes"):
                    # One level of 255, where rounding falls on either side.
                    output, tolerance = decoded(output).astype(int), 1
                else:
                    tolerance = 1e-5
                assert len(output) == count
                np.testing.assert_allclose(output, answer, atol=tolerance, err_msg=name)


def decoded(files):
    """Decodes PNG files as uint8 [B, H, W, C]."""
    images = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])
    return images if images.ndim == 4 else images[..., np.newaxis]


class TwoPlayerContract(SchemeContract):
    """Tests of any scheme with two players."""

    def discriminator_step(self, model):
        """Does one update of the discriminator alone."""
        raise NotImplementedError

    def generator_step(self, model):
        """Does one update of the generator alone."""
        raise NotImplementedError

    def test_discriminator_step_leaves_generator_unchanged(self):
        model = self.build()
        generator, before = trainable(model, "g"), values(model, "g_optimizer")
        discriminator = trainable(model, "d")
        self.discriminator_step(model)
        np.testing.assert_equal(trainable(model, "g"), generator)
        assert not differing(before, values(model, "g_optimizer"))
        assert moved(discriminator, trainable(model, "d"))

    def test_generator_step_leaves_discriminator_unchanged(self):
        model = self.build()
        discriminator, before = trainable(model, "d"), values(model, "d_optimizer")
        generator = trainable(model, "g")
        self.generator_step(model)
        np.testing.assert_equal(trainable(model, "d"), discriminator)
        assert not differing(before, values(model, "d_optimizer"))
        assert moved(generator, trainable(model, "g"))

    def test_each_batch_of_a_step_updates_the_discriminator(self):
        model = self.build()
        self.train(model, 2)
        assert int(model.d_optimizer.iterations) == 2 * model.batches_per_step

    def test_one_optimizer_object_for_both_players_is_refused(self):
        model = self.build()
        optimizer = keras.optimizers.Adam()
        with pytest.raises(ValueError, match="`g_optimizer` and `d_optimizer` must be two"):
            model.compile(g_optimizer=optimizer, d_optimizer=optimizer)

    def test_optimizer_names_make_two_optimizers(self):
        model = self.build()
        model.compile(g_optimizer="adam", d_optimizer="adam")
        assert model.g_optimizer is not model.d_optimizer


class DrawingContract(SchemeContract):
    """Tests of a scheme that draws images from latents."""

    def inputs(self, model, name, count):
        match name:
            case "serving_default":
                rng = np.random.default_rng(count)
                latents = rng.normal(size=(count, model.latent_size)).astype(np.float32)
                return {"latents": latents}
            case "from_count":
                return {"count": np.int32(count), "seed": np.int32(5)}
            case "from_seeds" | "png_from_seeds":
                return {"seeds": np.arange(7, 7 + count, dtype=np.int32)}

    def answers(self, model, name, inputs):
        match name:
            case "serving_default":
                return {"pictures": model.generate(inputs["latents"])}
            case "from_count":
                seeds = np.arange(5, 5 + inputs["count"])
            case "from_seeds" | "png_from_seeds":
                seeds = inputs["seeds"]
        images = model.generate(model.latents_from_seeds(seeds))
        if name == "png_from_seeds":
            return {"png_bytes": to_bytes(images)}
        return {"pictures": images}

    def test_a_seed_gives_its_image_whatever_stands_beside_it(self):
        model = self.build()
        batch = np.asarray(model.latents_from_seeds([3, 4, 5]))
        np.testing.assert_array_equal(model.latents_from_seeds([4]), batch[[1]])
        np.testing.assert_array_equal(model.latents_from_seeds([5, 3]), batch[[2, 0]])
        alone, together = model.generate(batch[[1]]), model.generate(batch)[[1]]
        np.testing.assert_allclose(alone, together, atol=1e-6)

    def test_preview_draws_the_same_64_latents_each_time(self):
        model = self.build()
        preview = model.preview()
        assert preview.shape == (8, 8, *self.spec.size, self.spec.channels)
        drawn = model.generate(model.latents_from_seeds(np.arange(64)))
        np.testing.assert_array_equal(preview.reshape(drawn.shape), drawn)


class LatentContract(DrawingContract, TwoPlayerContract):
    """Tests of a scheme that draws images from latents, against a discriminator."""

    def first_batch(self, model):
        data = self.step_data(model)
        return data[0] if model.batches_per_step > 1 else data

    def discriminator_step(self, model):
        model.discriminator_step(self.first_batch(model))

    def generator_step(self, model):
        model.generator_step(self.first_batch(model))

    def test_latents_are_standard_normal_and_new_for_each_step_and_use(self):
        model = self.build()
        first = np.asarray(model.latents(1000, 0))
        assert abs(first.mean()) < 0.05
        assert abs(first.std() - 1) < 0.05
        np.testing.assert_array_equal(first, model.latents(1000, 0))
        assert (first != np.asarray(model.latents(1000, 1))).all()
        model.step.assign_add(1)
        assert (first != np.asarray(model.latents(1000, 0))).all()


class LikelihoodContract(DrawingContract):
    """Tests of a scheme that is trained by likelihood."""

    def some_images(self, count, seed=0):
        rng = np.random.default_rng(seed)
        levels = rng.integers(0, 256, (count, *self.spec.shape))
        return (levels / 127.5 - 1).astype(np.float32)

    def test_flags_of_a_second_player_are_refused(self):
        for flag in ("d_lr=0.1", "d_optimizer=adam", "d_options=epsilon=1"):
            with pytest.raises(UserError, match=f"--{flag.partition('=')[0]}: no such flag"):
                parse_training([f"--model={self.scheme}", f"--{flag}"])
        with pytest.raises(Help) as asked:
            parse_training([f"--model={self.scheme}", "--help"])
        text = str(asked.value)
        assert "--d_lr" not in text and "--g_lr" in text

    def test_a_step_descends_the_mean_of_the_losses(self):
        model = self.build()
        model.compile(g_optimizer=keras.optimizers.SGD(1.0))
        images = self.some_images(4)
        draws = model.step_noise(images)
        variables = [v for n in model.players["g"] for v in n.trainable_variables]
        with tf.GradientTape() as tape:
            losses, log = model.losses(images, draws)
            loss = tf.reduce_mean(losses)
        assert losses.shape == (4,) and set(log) == set(model.logged)
        gradients = tape.gradient(loss, [v.value for v in variables])
        before = [np.array(v) for v in variables]
        model.train_step(images)
        for variable, old, gradient in zip(variables, before, gradients, strict=True):
            scale = max(1.0, np.abs(gradient).max())
            np.testing.assert_allclose(np.array(variable) - old, -gradient, atol=1e-5 * scale)

    def test_draws_of_a_step_are_new_in_the_next_and_those_for_measuring_stay(self):
        model = self.build()
        images = self.some_images(6)
        first = model.step_noise(images)
        again, fixed = model.step_noise(images), model.fixed_noise(tf.range(6))
        model.step.assign_add(1)
        later = model.step_noise(images)
        other = self.build("--seed=3").fixed_noise(tf.constant([4, 2]))
        for name, values in first.items():
            np.testing.assert_array_equal(values, again[name])
            assert (np.asarray(values) != np.asarray(later[name])).all()
            # Of the example's number alone: of no seed, of no batch-mate.
            np.testing.assert_array_equal(other[name], np.asarray(fixed[name])[[4, 2]])

    def test_validation_is_the_mean_over_images_not_batches(self):
        model = self.build()
        images = self.some_images(5)
        whole = model.validate([(images,)])
        parts = model.validate([(images[:4],), (images[4:],)])
        assert model.validation_measure in whole
        assert whole.keys() == parts.keys() == {f"val_{name}" for name in model.logged}
        for name, value in whole.items():
            np.testing.assert_allclose(parts[name], value, rtol=1e-5)

    def test_averaged_weights_are_measured_and_draw(self):
        model = self.build("--ema_half_life=8", "--batch_size=4")
        images = self.some_images(5)
        self.train(model, 3)
        measured, drawn = model.validate([(images,)]), self.outputs(model)
        # The weights themselves, in the place of their averages.
        own = self.build()
        for name, network in own.networks.items():
            network.set_weights(model.networks[name].get_weights())
        assert own.validate([(images,)])["val_loss"] != measured["val_loss"]
        assert (self.outputs(own) != drawn).any()


class ConditionalContract(LatentContract):
    """Tests of a scheme that draws images of what it is asked for."""

    keys = ("image", "label")

    def inputs(self, model, name, count):
        size = model.condition_size
        labels = np.arange(count, dtype=np.int32) % size
        given = super().inputs(model, "from_seeds", count)
        match name:
            case "serving_default":
                latents = super().inputs(model, "serving_default", count)
                return {**latents, "conditions": np.eye(size, dtype=np.float32)[labels]}
            case "from_seeds":
                return {**given, "conditions": np.eye(size, dtype=np.float32)[labels]}
            case "from_labels" | "png_from_labels":
                return {**given, "labels": labels}

    def answers(self, model, name, inputs):
        conditions = inputs.get("conditions")
        if conditions is None:
            conditions = np.eye(model.condition_size, dtype=np.float32)[inputs["labels"]]
        latents = inputs.get("latents")
        if latents is None:
            latents = model.latents_from_seeds(inputs["seeds"])
        images = model.generate(latents, conditions)
        return {"png_bytes": to_bytes(images)} if "png" in name else {"pictures": images}

    def test_a_seed_gives_its_image_whatever_stands_beside_it(self):
        model = self.build()
        rows = np.eye(model.condition_size, dtype=np.float32)[[2, 0, 1]]
        batch = np.asarray(model.latents_from_seeds([3, 4, 5]))
        alone, together = model.generate(batch[[1]], rows[[1]]), model.generate(batch, rows)[[1]]
        np.testing.assert_allclose(alone, together, atol=1e-6)

    def test_preview_draws_the_same_64_latents_each_time(self):
        """Replaced by rows: one a condition, the same eight seeds in each."""
        model = self.build()
        preview = model.preview()
        rows = min(10, model.condition_size)
        assert preview.shape == (rows, 8, *self.spec.size, self.spec.channels)
        condition = np.eye(model.condition_size, dtype=np.float32)[[2] * 8]
        drawn = model.generate(model.latents_from_seeds(np.arange(8)), condition)
        np.testing.assert_allclose(preview[2], drawn, atol=1e-6)

    def test_both_players_heed_the_condition(self):
        model = self.build()
        self.train(model, 3)  # some begin with the same weights for all conditions
        images, _ = self.first_batch(model)
        latents = model.latents(self.batch_size, 0)
        # Not one label for all, which batch normalisation would take away again.
        labels = np.arange(self.batch_size, dtype=np.int32)
        one, two = ((model.condition(order),) for order in (labels, labels[::-1]))
        drawn = [np.asarray(model.generated(latents, y)) for y in (one, two)]
        assert (drawn[0] != drawn[1]).any()
        scores = [np.asarray(model.discriminate(images, y)) for y in (one, two)]
        assert (scores[0] != scores[1]).any()

    def test_discriminator_that_is_not_told_gives_the_same_score_for_each_condition(self):
        model = self.build("--nocondition_discriminator")
        assert not model.conditions_discriminator
        images, _ = self.first_batch(model)
        scores = []
        for label in (1, 2):
            # Anew for each: a call in training moves statistics.
            model = self.build("--nocondition_discriminator")
            told = model.condition(np.full(self.batch_size, label, np.int32))
            scores.append(np.asarray(model.scores(images, (told,))))
        np.testing.assert_array_equal(*scores)
        self.train(model, 1)


class TranslationContract(TwoPlayerContract):
    """Tests of a scheme that turns one image into another."""

    keys = ("input", "target")

    def given(self, model, count):
        """Images to translate, of 256 levels so that a PNG holds them exactly."""
        levels = np.random.default_rng(count).integers(
            0, 256, (count, *model.directions[None].image_shape)
        )
        return levels.astype(np.uint8)

    def inputs(self, model, name, count):
        levels = self.given(model, count)
        images = levels.astype(np.float32) / 127.5 - 1
        match name:
            case "serving_default":
                return {"pictures": images}
            case "with_seed":
                return {"pictures": images, "seed": np.int32(9)}
            case "from_files":
                files = [tf.io.encode_png(image).numpy() for image in levels]
                return {"image_bytes": np.array(files, object)}

    def answers(self, model, name, inputs):
        match name:
            case "serving_default":
                return {"pictures": model.translate(inputs["pictures"])}
            case "with_seed":
                return {"pictures": model.translate(inputs["pictures"], inputs["seed"])}
            case "from_files":
                levels = self.given(model, len(inputs["image_bytes"]))
                answers = model.translate(levels.astype(np.float32) / 127.5 - 1)
                return {"png_bytes": to_bytes(answers)}

    def test_a_translation_does_not_depend_on_its_batch_mates(self):
        model = self.build()
        self.train(model, 1)
        images = self.inputs(model, "serving_default", 3)["pictures"]
        together = model.translate(images, [7, 8, 9])
        np.testing.assert_allclose(model.translate(images[1:2], 8), together[1:2], atol=1e-6)
        np.testing.assert_allclose(
            model.translate(images[[2, 0]], [9, 7]), together[[2, 0]], atol=1e-6
        )

    def test_same_seed_gives_the_same_answer_and_another_seed_another(self):
        model = self.build()
        images = self.inputs(model, "serving_default", 2)["pictures"]
        first = model.translate(images, 3)
        np.testing.assert_array_equal(model.translate(images, 3), first)
        np.testing.assert_array_equal(model.translate(images, [3, 3]), first)
        assert np.abs(model.translate(images, 4) - first).max() > 1e-3

    def test_validation_is_the_mean_l1_over_images_not_batches(self):
        model = self.build()
        rng = np.random.default_rng(0)
        shape = (3, *self.spec.size)
        inputs = rng.uniform(-1, 1, (*shape, self.spec.input_channels)).astype(np.float32)
        targets = rng.uniform(-1, 1, (*shape, self.spec.channels)).astype(np.float32)
        errors = [
            np.abs(model.translate(inputs[i : i + 1])[0] - targets[i]).mean() for i in range(3)
        ]
        batches = [(inputs[:2], targets[:2]), (inputs[2:], targets[2:])]
        measured = model.validate(batches)[model.validation_measure]
        np.testing.assert_allclose(measured, np.mean(errors), atol=1e-6)

    def test_preview_shows_input_output_and_target(self):
        model = self.build()
        examples = {
            "input": self.inputs(model, "serving_default", 2)["pictures"],
            "target": np.zeros((2, *self.spec.size, self.spec.channels), np.float32),
        }
        preview = model.preview(examples)
        assert preview.shape[:4] == (2, len(model.preview_columns), *self.spec.size)
        channels = max(self.spec.channels, self.spec.input_channels)
        assert preview.shape[4] == channels
        answers = np.broadcast_to(model.translate(examples["input"]), preview[:, 1].shape)
        np.testing.assert_allclose(preview[:, 0], np.broadcast_to(examples["input"], answers.shape))
        np.testing.assert_allclose(preview[:, 1], answers, atol=1e-6)
        assert (preview[:, 2] == 0).all()
