"""Ways in which Keras users call a model, each a function that fails where it does not work.

`tests/models/test_keras.py` tries them in the suite, `python -m tools.keras_table` tries all of
them on all models and writes the table of docs/keras.md.
"""

import dataclasses
import functools
import inspect
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kgan.models.base.batches import DataError
from kgan.models.base.conditional import ConditionalModel
from kgan.models.base.latent import LatentModel
from kgan.models.base.translation import TranslationModel
from kgan.utils.errors import ArgumentError

BATCH, EXAMPLES = 4, 10  # the last batch is not full

WAYS: dict[str, "Way"] = {}


@dataclasses.dataclass(frozen=True)
class Way:
    """One way to call a model.

    Args:
        group: heading in the table.
        about: as a user would write it.
        function: takes a `Case`; raises where the way does not work.
        fits: tells of a `Case` whether the way has a meaning for its model.
    """

    group: str
    about: str
    function: Callable
    fits: Callable


def way(group, about, fits=lambda case: True):
    """Registers a function as a way."""

    def register(function):
        WAYS[function.__name__] = Way(group, about, function, fits)
        return function

    return register


class Case:
    """A tiny model with data for it.

    Args:
        make: builds the model, compiled as its command line does.
    """

    def __init__(self, make: Callable[[], keras.Model]):
        self.make = make
        self.model = make()

    @functools.cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """Examples by field; images float32 in [-1, 1], labels int32."""
        rng = np.random.default_rng(0)
        found = {}
        for name in self.model.fields:
            if name == "label":
                found[name] = (np.arange(EXAMPLES) % self.model.condition_size).astype(np.int32)
            else:
                shape = (EXAMPLES, *self.model.example_shapes[name])
                found[name] = rng.uniform(-1, 1, shape).astype(np.float32)
        return found

    @property
    def values(self) -> tuple[np.ndarray, ...]:
        return tuple(self.arrays.values())

    @property
    def dataset(self) -> tf.data.Dataset:
        """Batches as a model with these fields takes them."""
        values = self.values if len(self.values) > 1 else self.values[0]
        return tf.data.Dataset.from_tensor_slices(values).batch(BATCH)

    def compiled(self, **options) -> keras.Model:
        """Compiles the model anew; eagerly, since tracing takes longer than a few tiny steps."""
        self.model.compile(**{"run_eagerly": True, **options})
        return self.model

    def fitted(self, x, y=None, **options) -> keras.callbacks.History:
        """Fits a model and checks what came of it."""
        compile_options = options.pop("compile", {})
        model = self.compiled(**compile_options)
        before = model.completed_steps
        history = model.fit(x, y, verbose=0, **options)
        assert model.completed_steps > before, "no step was done"
        assert set(model.logged) <= set(history.history)
        for name, log in history.history.items():
            assert all(isinstance(value, float) for value in log), f"{name}: {log}"
            assert np.isfinite(log).all(), f"{name}: {log}"
        return history

    @property
    def inputs(self):
        """What `predict` takes."""
        model = self.model
        if isinstance(model, TranslationModel):
            return self.values[0][:3]
        latents = np.random.default_rng(1).normal(size=(3, model.latent_size)).astype(np.float32)
        if isinstance(model, ConditionalModel):
            return [latents, np.eye(model.condition_size, dtype=np.float32)[[0, 1, 2]]]
        return latents


def has_two_images(case):
    return len(case.model.fields) == 2 and not isinstance(case.model, ConditionalModel)


def has_labels(case):
    return isinstance(case.model, ConditionalModel)


def has_one_field(case):
    return len(case.model.fields) == 1


def has_free_loss(case):
    return "d" in case.model.player_names and "gan_loss" not in type(case.model).fixed


def updates_d_often(case):
    return "d_updates" in {flag.name for flag in type(case.model).open_arguments()} or (
        "n_critic" in {flag.name for flag in type(case.model).open_arguments()}
    )


# fit with data of each kind


@way("`fit` with", "a `tf.data.Dataset` of what the model takes")
def tf_data(case):
    case.fitted(case.dataset)


@way("`fit` with", "(image, label), of which the label is not used", has_one_field)
def image_and_label(case):
    labels = np.zeros(EXAMPLES, np.int32)
    case.fitted(tf.data.Dataset.from_tensor_slices((*case.values, labels)).batch(BATCH))


@way("`fit` with", "dicts")
def dicts(case):
    case.fitted(tf.data.Dataset.from_tensor_slices(case.arrays).batch(BATCH))


@way("`fit` with", "arrays, `fit(x, y)`")
def arrays(case):
    case.fitted(*case.values, batch_size=BATCH)


@way("`fit` with", "arrays, `fit(x=…, y=…)`")
def arrays_by_name(case):
    model = case.compiled()
    named = dict(zip(("x", "y"), case.values, strict=False))
    model.fit(**named, batch_size=BATCH, verbose=0)
    assert model.completed_steps >= 1


@way("`fit` with", "arrays x and labels y that are not used", has_one_field)
def arrays_with_unused_labels(case):
    case.fitted(*case.values, np.zeros(EXAMPLES), batch_size=BATCH)


class Batches(keras.utils.PyDataset):
    """Batches of arrays."""

    def __init__(self, values):
        super().__init__()
        self.values = values

    def __len__(self):
        return math.ceil(len(self.values[0]) / BATCH)

    def __getitem__(self, index):
        part = tuple(v[index * BATCH : (index + 1) * BATCH] for v in self.values)
        return part if len(part) > 1 else part[0]


@way("`fit` with", "a `keras.utils.PyDataset`")
def py_dataset(case):
    case.fitted(Batches(case.values))


@way("`fit` with", "a generator")
def generator(case):
    batches = Batches(case.values)
    count = 2 * case.model.batches_per_step
    case.fitted((batches[n % 2] for n in range(count)), steps_per_epoch=2)


def _image_folder(case):
    folder = pathlib.Path(tempfile.mkdtemp())
    height, width, channels = case.model.image_shape
    names = getattr(case.model, "class_names", ("0", "1"))
    for number in range(max(EXAMPLES, len(names))):
        place = folder / f"{number % len(names):02d}"
        place.mkdir(exist_ok=True)
        levels = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(levels).save(place / f"{number}.png")
    return folder, "grayscale" if channels == 1 else "rgb"


def is_of_images(case):
    return isinstance(case.model, LatentModel) and len(case.model.image_shape) == 3


def of_folder(case):
    folder, mode = _image_folder(case)
    size = case.model.image_shape[:2]
    return keras.utils.image_dataset_from_directory(
        folder, image_size=size, color_mode=mode, batch_size=BATCH, verbose=False
    )


@way("`fit` with", "`image_dataset_from_directory`, scaled by `map`", is_of_images)
def folder_scaled(case):
    scale = keras.layers.Rescaling(1 / 127.5, offset=-1)
    case.fitted(of_folder(case).map(lambda images, labels: (scale(images), labels)))


@way("`fit` with", "the same in [0, 255], with `compile(rescaling=…)`", is_of_images)
def folder_rescaled(case):
    rescaling = keras.layers.Rescaling(1 / 127.5, offset=-1)
    case.fitted(of_folder(case), compile={"rescaling": rescaling})


@way("`fit` with", "fewer batches than a step takes (`n_critic`, `d_updates`)", updates_d_often)
def fewer_batches(case):
    case.model = case.model.__class__.from_config(
        {**case.model.get_config(), _updates(case.model): 5}
    )
    case.fitted(case.dataset)
    assert case.model.completed_steps == 1


@way("`fit` with", "arrays and several updates of D in a step", updates_d_often)
def several_updates(case):
    case.model = case.model.__class__.from_config(
        {**case.model.get_config(), _updates(case.model): 2}
    )
    case.fitted(*case.values, batch_size=BATCH)
    assert int(case.model.d_optimizer.iterations) == 2 * case.model.completed_steps


def _updates(model):
    return "n_critic" if "n_critic" in inspect.signature(type(model)).parameters else "d_updates"


@way("`fit` with", "labels [B, 1]", has_labels)
def label_column(case):
    case.fitted(case.values[0], case.values[1][:, np.newaxis], batch_size=BATCH)


@way("`fit` with", "one-hot labels", has_labels)
def one_hot(case):
    rows = np.eye(case.model.condition_size, dtype=np.float32)[case.values[1]]
    case.fitted(case.values[0], rows, batch_size=BATCH)


def refused(case, values, *words):
    model = case.compiled()
    before = model.get_weights()
    with pytest.raises(DataError) as caught:
        model.fit(*values, verbose=0)
    for word in words:
        assert word in str(caught.value), caught.value
    assert "\n" not in str(caught.value)
    np.testing.assert_equal(model.get_weights(), before)


def _changed(case, change):
    return [v if n == "label" else change(v) for n, v in case.arrays.items()]


def is_of_pixels(case):
    return all(len(shape) == 3 for shape in case.model.example_shapes.values())


@way("refused in one sentence", "images in uint8", is_of_pixels)
def refused_uint8(case):
    changed = _changed(case, lambda v: ((v + 1) * 127.5).astype(np.uint8))
    refused(case, changed, "uint8", "Rescaling(1/127.5, offset=-1)")


@way("refused in one sentence", "images in [0, 255]", is_of_pixels)
def refused_255(case):
    changed = _changed(case, lambda v: (v + 1) * 127.5)
    refused(case, changed, "must be in [-1, 1]", "Rescaling(1/127.5, offset=-1)")


@way("refused in one sentence", "images in [0, 1]", is_of_pixels)
def refused_unit(case):
    changed = _changed(case, lambda v: (v + 1) / 2)
    refused(case, changed, "must be in [-1, 1]", "Rescaling(2, offset=-1)")


@way("refused in one sentence", "images of another size", is_of_pixels)
def refused_size(case):
    refused(case, _changed(case, lambda v: v[:, ::2, ::2]), "the networks take")


@way("refused in one sentence", "sample weights")
def refused_weights(case):
    with pytest.raises(ArgumentError, match="sample_weight"):
        case.compiled().fit(*case.values, sample_weight=np.ones(EXAMPLES), verbose=0)


# Keras' other methods


@way("methods", "`validation_data`")
def validation_data(case):
    values = case.values if len(case.values) > 1 else case.values[0]
    history = case.fitted(case.dataset, validation_data=values).history
    assert {f"val_{name}" for name in case.model.logged} <= set(history)


@way("methods", "`validation_split`")
def validation_split(case):
    history = case.fitted(*case.values, batch_size=BATCH, validation_split=0.3).history
    assert {f"val_{name}" for name in case.model.logged} <= set(history)


@way("methods", "`evaluate`, twice with the same result and no update")
def evaluate(case):
    model = case.compiled()
    before = [network.get_weights() for network in model.networks.values()]
    one, two = (model.evaluate(case.dataset, verbose=0, return_dict=True) for _ in range(2))
    assert one == two and set(model.logged) <= set(one)
    assert model.completed_steps == 0
    after = [network.get_weights() for network in model.networks.values()]
    np.testing.assert_equal(after, before)


@way("methods", "`predict`")
def predict(case):
    inputs = case.inputs
    images = case.compiled().predict(inputs, verbose=0)
    assert images.dtype == np.float32 and images.shape[0] == 3
    if isinstance(case.model, LatentModel):
        assert images.shape[1:] == tuple(case.model.image_shape)
    np.testing.assert_allclose(images, case.model(inputs), atol=1e-5)


@way("methods", "`model(inputs)`")
def call(case):
    images = np.asarray(case.model(case.inputs))
    assert images.dtype == np.float32 and np.isfinite(images).all()


@way("methods", "`summary`")
def summary(case):
    lines = []
    case.model.summary(print_fn=lambda line, **_: lines.append(line))
    assert "Total params" in "\n".join(lines)


@way("methods", "`train_on_batch`, `test_on_batch`")
def on_batch(case):
    model = case.compiled()
    values = [value[:BATCH] for value in case.values]
    logs = model.train_on_batch(*values, return_dict=True)
    assert model.completed_steps == 1 and np.isfinite(list(logs.values())).all()
    assert isinstance(model.test_on_batch(*values), (list, float))
    assert model.completed_steps == 1


class Means(keras.metrics.Metric):
    """Keeps the shapes and the ranges that it is called with."""

    def __init__(self):
        super().__init__(name="means")
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        assert y_true.shape == y_pred.shape and y_true.dtype == y_pred.dtype == tf.float32
        self.total.assign_add(tf.reduce_mean(tf.cast(y_true, tf.float32)))

    def result(self):
        return self.total


@way("methods", "`compile(metrics=[…])`, called with real and generated images")
def metrics(case):
    history = case.fitted(
        case.dataset,
        validation_data=case.dataset,
        compile={"metrics": [Means(), keras.metrics.MeanAbsoluteError(name="mae")]},
    ).history
    assert {"means", "mae", "val_means", "val_mae"} <= set(history)
    assert history["mae"][0] > 0


def same_step(case, options, tolerance):
    """Compares a step of a model compiled with options with the same step in a plain graph."""
    logs = []
    for chosen in (options, {"run_eagerly": False}):
        case.model = case.make()
        values = [value[:BATCH] for value in case.values]
        logs.append(case.compiled(**chosen).train_on_batch(*values, return_dict=True))
    for name, value in logs[0].items():
        close = {"rtol": tolerance, "atol": tolerance / 10}
        np.testing.assert_allclose(value, logs[1][name], **close, err_msg=name)


@way("methods", "`run_eagerly` and a graph: the same step")
def eager_and_graph(case):
    same_step(case, {"run_eagerly": True}, 1e-3)


@way("methods", "`jit_compile=True`: the same step")
def jit(case):
    same_step(case, {"run_eagerly": False, "jit_compile": True}, 1e-2)


@way("methods", "`steps_per_execution`: the same steps")
def steps_per_execution(case):
    ends = []
    for steps in (1, 2):
        case.model = case.make()
        case.fitted(
            case.dataset.repeat(),
            steps_per_epoch=4,
            compile={"steps_per_execution": steps, "run_eagerly": False},
        )
        assert case.model.completed_steps == 4
        ends.append([w for n in case.model.networks.values() for w in n.get_weights()])
    for one, two in zip(*ends, strict=True):
        np.testing.assert_allclose(one, two, atol=2e-3)


@way("methods", "`save`, `load_model`")
def save_and_load(case):
    case.fitted(case.dataset)
    with tempfile.TemporaryDirectory() as folder:
        case.model.save(f"{folder}/model.keras")
        again = keras.models.load_model(f"{folder}/model.keras")
    np.testing.assert_allclose(again(case.inputs), case.model(case.inputs), atol=1e-6)
    again.fit(case.dataset, verbose=0)
    assert again.completed_steps > case.model.completed_steps


@way("methods", "`load_model` in a process that does nothing but `import kgan`")
def load_elsewhere(case):
    code = (
        "import sys, json; import kgan; import keras; import numpy as np\n"
        "m = keras.models.load_model(sys.argv[1])\n"
        "i = np.load(sys.argv[2]); i = [i[k] for k in sorted(i)]\n"
        "print(json.dumps(np.asarray(m(i if len(i) > 1 else i[0])).tolist()))\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        case.model.save(f"{folder}/model.keras")
        inputs = case.inputs if isinstance(case.inputs, list) else [case.inputs]
        np.savez(f"{folder}/inputs.npz", *inputs)
        out = subprocess.run(
            [sys.executable, "-c", code, f"{folder}/model.keras", f"{folder}/inputs.npz"],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    assert out.returncode == 0, out.stderr[-500:]
    loaded = np.array(json.loads(out.stdout.splitlines()[-1]), np.float32)
    np.testing.assert_allclose(loaded, case.model(case.inputs), atol=1e-5)


@way("methods", "`from_config`, `clone_model`")
def configurations(case):
    for again in (
        type(case.model).from_config(case.model.get_config()),
        keras.models.clone_model(case.model),
    ):
        assert type(again) is type(case.model)
        counts = [sum(n.count_params() for n in m.networks.values()) for m in (again, case.model)]
        assert counts[0] == counts[1] > 0


@way("methods", "`model.export`")
def export(case):
    with tempfile.TemporaryDirectory() as folder:
        case.model.export(folder, verbose=False)
        served = tf.saved_model.load(folder)
        inputs = case.inputs
        given = [tf.constant(v) for v in inputs] if isinstance(inputs, list) else inputs
        found = served.serve(given)
    np.testing.assert_allclose(found, case.model(inputs), atol=1e-5)


# Callbacks


@way("callbacks", "`ModelCheckpoint`, best only, `{g_loss:.3f}` in the name")
def model_checkpoint(case):
    name = case.model.logged[0]
    with tempfile.TemporaryDirectory() as folder:
        saver = keras.callbacks.ModelCheckpoint(
            f"{folder}/{{epoch}}-{{{name}:.3f}}.keras",
            monitor=name,
            save_best_only=True,
            mode="min",
        )
        history = case.fitted(case.dataset, epochs=2, callbacks=[saver]).history
        files = sorted(os.listdir(folder))
        assert files[0] == f"1-{history[name][0]:.3f}.keras"
        assert len(files) == 1 + (history[name][1] < history[name][0])
        keras.models.load_model(f"{folder}/{files[0]}")


@way("callbacks", "`EarlyStopping(restore_best_weights=True)`")
def early_stopping(case):
    stop = keras.callbacks.EarlyStopping(
        f"val_{case.model.logged[0]}",
        patience=0,
        min_delta=1e9,
        mode="min",
        restore_best_weights=True,
    )
    case.fitted(case.dataset, epochs=4, validation_data=case.dataset, callbacks=[stop])
    assert stop.stopped_epoch == 1


@way("callbacks", "`TensorBoard`")
def tensorboard(case):
    with tempfile.TemporaryDirectory() as folder:
        board = keras.callbacks.TensorBoard(folder, update_freq="batch", write_graph=False)
        case.fitted(case.dataset, validation_data=case.dataset, callbacks=[board])
        tags = set()
        for file in pathlib.Path(folder).rglob("events*"):
            for record in tf.compat.v1.train.summary_iterator(str(file)):
                tags |= {value.tag for value in record.summary.value}
    assert f"epoch_{case.model.logged[0]}" in tags, tags
    assert any("learning_rate" in tag for tag in tags), tags


@way("callbacks", "`CSVLogger`")
def csv_logger(case):
    with tempfile.TemporaryDirectory() as folder:
        callback = keras.callbacks.CSVLogger(f"{folder}/log.csv")
        case.fitted(case.dataset, epochs=2, callbacks=[callback])
        head, *rows = pathlib.Path(f"{folder}/log.csv").read_text().splitlines()
    assert len(rows) == 2 and set(case.model.logged) <= set(head.split(","))
    # Keras itself adds columns val_… of NA where nothing is validated.
    assert np.isfinite([float(value) for value in rows[0].split(",") if value != "NA"]).all()


class Interrupt(keras.callbacks.Callback):
    """Ends the second epoch by an exception."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


@way("callbacks", "`BackupAndRestore`")
def backup(case):
    with tempfile.TemporaryDirectory() as folder:

        def callback():
            return keras.callbacks.BackupAndRestore(folder, delete_checkpoint=False)

        model = case.compiled()
        with pytest.raises(KeyboardInterrupt):
            model.fit(case.dataset, epochs=2, verbose=0, callbacks=[callback(), Interrupt()])
        saved = model.completed_steps
        case.model = case.make()
        case.compiled()
        case.model.fit(case.dataset, epochs=2, verbose=0, callbacks=[callback()])
        assert case.model.completed_steps == 2 * saved


@way("callbacks", "`LearningRateScheduler`, of all players")
def lr_scheduler(case):
    callback = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.25)
    case.fitted(case.dataset, callbacks=[callback])
    for optimizer in case.model.optimizers.values():
        assert float(optimizer.learning_rate) == 0.25


@way("callbacks", "`ReduceLROnPlateau`")
def reduce_lr(case):
    before = [float(o.learning_rate) for o in case.compiled().optimizers.values()]
    callback = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
    case.model.fit(case.dataset, epochs=2, verbose=0, callbacks=[callback])
    after = [float(o.learning_rate) for o in case.model.optimizers.values()]
    np.testing.assert_allclose(after, np.array(before) / 2, rtol=1e-6)


@way("callbacks", "`SwapEMAWeights`")
def swap_ema(case):
    optimizer = keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.5)
    model = case.compiled(g_optimizer=optimizer)
    callback = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    model.fit(case.dataset, epochs=2, verbose=0, callbacks=[callback])
    averages = [v for v in optimizer.variables if v.name.endswith("_average")]
    trained = [v for network in model.players["g"] for v in network.trainable_variables]
    assert len(averages) == len(trained)


@way("callbacks", "`TerminateOnNaN`")
def terminate_on_nan(case):
    model = case.compiled()
    first = next(iter(model.networks.values()))
    first.set_weights([np.full_like(w, np.nan) for w in first.get_weights()])
    callback = keras.callbacks.TerminateOnNaN()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(case.dataset, epochs=3, verbose=0, callbacks=[callback])
    assert model.completed_steps <= 1


# Optimizers, losses and precision


@way("options", "no optimizer, or its name: the rates of the paper")
def named_optimizers(case):
    model = case.compiled()
    for player in model.player_names:
        rate = model.defaults.get(f"{player}_lr", 2e-4)
        for given in ({}, {f"{player}_optimizer": "adam"}, {f"{player}_optimizer": "nadam"}):
            model.compile(**given)
            found = float(model.optimizers[f"{player}_optimizer"].learning_rate)
            np.testing.assert_allclose(found, rate, rtol=1e-6)


@way("options", "a Keras loss or a function for `gan_loss`", has_free_loss)
def custom_loss(case):
    for loss in (keras.losses.BinaryCrossentropy(from_logits=True), squares):
        config = {**case.model.get_config(), "gan_loss": loss}
        case.model = type(case.model)(**_networks(case, config))
        case.fitted(case.dataset)
    with pytest.raises(ArgumentError, match="gan_loss.*must be one of .*bce"):
        type(case.model)(**_networks(case, {**case.model.get_config(), "gan_loss": "bec"}))


def squares(labels, logits):
    """A loss of a user: (label − logit)²."""
    return (labels - logits) ** 2


def _networks(case, config):
    networks = case.make().networks
    shown = {case.model.renamed.get(name, name): network for name, network in networks.items()}
    return {**config, **shown}


@way("options", "a global policy `mixed_float16` or `mixed_bfloat16`")
def global_policy(case):
    for policy in ("mixed_float16", "mixed_bfloat16"):
        keras.mixed_precision.set_global_policy(policy)
        try:
            case.model = case.make()
            case.fitted(case.dataset)
            assert np.asarray(case.model(case.inputs)).dtype == np.float32
        finally:
            keras.mixed_precision.set_global_policy("float32")
