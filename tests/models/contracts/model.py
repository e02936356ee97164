"""Tests of any model, and those of one model of each implementation."""

import dataclasses
import importlib
import inspect
import json

import keras
import numpy as np
import pytest

from kgan.cli.models import build_model
from kgan.cli.parsing import parse_training
from kgan.data.dataset import DataSpec, Source
from kgan.data.pipeline import joint_training_batches
from kgan.layers import mixing_examples
from kgan.runs import checkpoint
from kgan.utils.errors import UserError
from tests.models.contracts.calls import outputs
from tests.models.contracts.state import (
    CheckpointAfter,
    assert_same_logs,
    assert_same_state,
    differing,
    reachable_variables,
    values,
    with_sgd,
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


def changed_model(name):
    """Builds the tiny version of a model, with weights that are not those of the start."""
    model = contract_of(name)().build()
    rng = np.random.default_rng(0)
    for network in model.networks.values():
        for variable in network.variables:
            if "float" in variable.dtype:
                variable.assign(variable + rng.uniform(-0.05, 0.05, variable.shape))
    return model


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
        graph: whether it trains in graphs; by default eagerly, since tracing a graph takes longer
            than a few steps of a tiny model.
    """

    name: str
    flags: tuple[str, ...] = ()
    other_settings: tuple[str, ...] = ()
    spec: DataSpec
    keys: tuple[str, ...] = ("image",)
    batch_size = 4
    precision_tolerance = 0.05
    graph: bool = False

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

    def train(self, model, steps, start_step=0, *, graph=None, callbacks=()):
        """Trains some steps; returns the means over them."""
        model.run_eagerly = not (self.graph if graph is None else graph)
        history = model.fit(
            self.dataset(model, start_step),
            epochs=1,
            steps_per_epoch=steps,
            verbose=0,
            shuffle=False,
            callbacks=list(callbacks),
        )
        return {name: np.asarray(log[-1]).item() for name, log in history.history.items()}

    def first_batch(self, model):
        """Takes the first batch of the first step."""
        return next(iter(self.dataset(model)))

    def test_a_step_counts_once_and_updates_the_discriminator_once_a_batch(self):
        model = self.build()
        logs = self.train(model, 2)
        assert set(logs) == {"loss", *model.logged} and np.isfinite(list(logs.values())).all()
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
        assert_same_logs(logs, self.train(split, 1))
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
        single = [self.train(model, 1, start_step=step, graph=False) for step in range(3)]
        assert set(means) == {"loss", *model.logged}
        for name in model.logged:
            by_step = [logs[name] for logs in single]
            assert len(set(by_step)) == 3
            np.testing.assert_allclose(means[name], np.mean(by_step), rtol=1e-4, atol=1e-5)

    def test_mixed_precision_takes_a_step_with_finite_losses(self):
        exact, off = self.train(self.build(), 1), self.precision_tolerance
        for precision in ("mixed_bfloat16", "mixed_float16"):
            keras.mixed_precision.set_global_policy(precision)
            model = self.build()
            for name, value in self.train(model, 1).items():
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
        other = self.build("--seed=1")
        changed = differing(first, values(other))
        assert set(other.networks) <= {path.split("/")[0] for path in changed}

    @pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
    def test_a_resumed_run_ends_with_the_same_bits(self, precision, tmp_path):
        keras.mixed_precision.set_global_policy(precision)
        path = tmp_path / "checkpoint.safetensors"
        whole, resumed = self.build(), self.build()
        self.train(whole, 4, callbacks=[CheckpointAfter(2, path)])
        arrays, header = checkpoint.read(path)
        checkpoint.restore(resumed.state(), arrays, path)
        assert not differing(arrays, values(resumed))
        resumed.keep_means()
        self.train(resumed, 2, start_step=header["step"])
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
        assert_same_logs(self.train(whole, 1), self.train(parts, 1))
        assert_same_state(whole, parts)

    def test_step_in_parts_is_refused_where_examples_are_mixed(self):
        if not any(map(mixing_examples, self.build().networks.values())):
            pytest.skip("its networks mix nothing")
        with pytest.raises(UserError, match="^--accumulate=2: `accumulate`"):
            self.build("--accumulate=2")
