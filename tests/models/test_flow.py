"""Tests of the flow: the contract, its density, its inverse, and its changes of scale."""

import numpy as np
import pytest
import tensorflow as tf

from kgan.cli.models import build_model
from kgan.cli.parsing import parse_training
from kgan.data.dataset import DataSpec
from kgan.models.flow import Flow
from kgan.networks.coupling import CouplingFlow
from tests.models.contracts.latent import LikelihoodContract
from tests.models.contracts.state import values


class TestFlow(LikelihoodContract):
    name = "flow"
    flags = ("--hidden=6", "--couplings=3")
    other_settings = ("--logit_margin=0.05",)
    spec = DataSpec("images", (8, 8), 1, 1)
    independent_flags = None

    def test_first_step_of_its_own_adam_is_the_same_on_two_replicas(self, two_replicas):
        # Where the gradient is 0 but for rounding, Adam must not make a step of it.
        alone = self.build("--sync_batch_norm")
        self.train(alone, 1)
        with two_replicas.scope():
            split = self.build("--sync_batch_norm")
        self.train(split, 1)
        one, two = values(alone), values(split)
        for path, array in one.items():
            np.testing.assert_allclose(two[path], array, atol=1e-5, rtol=0, err_msg=path)
        # By hand: the gradient of the shift is the mean of what was normalised, 0, and so is the
        # step; one of rounding alone would be the learning rate, 5e-4.
        shift = np.split(one["flow/coupling_0/scale_and_shift/bias"], 2)[1]
        assert np.abs(shift).max() < 1e-5


def shaken(shape, couplings=4, by=0.3):
    """A flow whose every variable differs from its initial value."""
    flow = CouplingFlow(shape, couplings, (8, 7))
    rng = np.random.default_rng(0)
    weights = [w + rng.uniform(-by, by, w.shape).astype(np.float32) for w in flow.get_weights()]
    flow.set_weights(weights)
    return flow


def test_density_of_the_plane_integrates_to_one():
    model = Flow(shaken((2,), by=0.2))
    line = np.linspace(-25, 25, 1001, dtype=np.float32)
    places = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    log_p = model.log_densities(tf.constant(places), tf.range(len(places)))["log_likelihood_nats"]
    assert np.exp(log_p).sum() * (line[1] - line[0]) ** 2 == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("shape", [(2,), (3,), (4, 3, 2)])
def test_inverse_returns_the_input(shape):
    flow = shaken(shape, couplings=5)
    values = np.random.default_rng(1).normal(size=(20, *shape)).astype(np.float32)
    latents, _ = flow(values)
    assert latents.shape == (20, np.prod(shape))
    assert np.abs(np.asarray(latents) - values.reshape(20, -1)).max() > 0.1
    np.testing.assert_allclose(flow.inverse(latents), values, atol=1e-4)


@pytest.mark.parametrize("shape", [(2,), (5,), (3, 2, 1)])
def test_log_determinant_is_that_of_the_numerical_jacobian(shape):
    flow = shaken(shape)
    size, step = int(np.prod(shape)), 1e-3
    values = np.random.default_rng(2).normal(size=(20, *shape)).astype(np.float32)
    moves = np.concatenate([np.eye(size), -np.eye(size)]).reshape(-1, *shape) * step
    differences = []
    for value, found in zip(values, np.asarray(flow(values)[1]), strict=True):
        latents = np.asarray(flow((value + moves).astype(np.float32))[0], np.float64)
        jacobian = (latents[:size] - latents[size:]).T / (2 * step)
        differences.append(abs(np.linalg.slogdet(jacobian)[1] - found))
    # At some of the points a hidden unit has its kink within the step.
    assert np.median(differences) < 1e-3 and np.mean(differences) < 0.05


def test_log_determinant_in_training_is_that_of_the_batch_s_statistics():
    flow = CouplingFlow((2,), 1, (3,))
    values = np.float32([[0, 0], [2, 8], [4, 4]])
    # Standard deviations √(8/3) and √(32/3); the coupling is still the identity.
    expected = -0.5 * np.log(8 / 3) - 0.5 * np.log(32 / 3)
    latents, found = flow(values, training=True)
    np.testing.assert_allclose(found, [expected] * 3, atol=1e-4)
    np.testing.assert_allclose(np.asarray(latents).std(axis=0), [1, 1], atol=1e-4)


def test_log_scales_are_bounded():
    flow = shaken((2,), couplings=1)
    norm, coupling = flow.blocks
    coupling.last.set_weights([w * 1000 for w in coupling.last.get_weights()])
    _, found = coupling(np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32))
    assert np.abs(found).max() <= np.abs(np.asarray(coupling.bound)).sum() + 1e-5


def test_neighbours_in_an_image_are_in_different_halves():
    flow = CouplingFlow((4, 4, 2), 2, (3,))
    half = np.zeros(32, bool)
    half[flow.order[:16]] = True
    half = half.reshape(4, 4, 2)
    assert (half[:, 1:] != half[:, :-1]).all() and (half[1:] != half[:-1]).all()
    assert (half[..., 0] == half[..., 1]).all()
    assert [coupling.moves_first for coupling in flow.blocks[1::2]] == [False, True]


def test_standard_normal_points_have_their_own_density_under_the_identity():
    flow = CouplingFlow((2,), 0, ())
    model = Flow(flow)
    found = model.log_densities(tf.constant([[0.0, 0.0], [1.0, -2.0]]), tf.range(2))
    # −ln 2π, and that less ½ (1 + 4).
    np.testing.assert_allclose(
        found["log_likelihood_nats"], [-1.8378770664, -4.3378770664], rtol=1e-6
    )


def test_loss_parts_are_those_of_the_change_of_variables():
    model = Flow(shaken((2,)))
    losses, log = model.losses(tf.constant([[0.5, -1.0]]), {}, training=False)
    latents, determinant = model.flow(tf.constant([[0.5, -1.0]]))
    prior = 0.5 * np.sum(np.square(latents)) + np.log(2 * np.pi)
    np.testing.assert_allclose(log["loss_prior"], [prior], rtol=1e-5)
    np.testing.assert_allclose(losses, [prior - determinant[0]], rtol=1e-5)


def test_bits_follow_from_nats_by_the_logit_s_slope():
    model = Flow(CouplingFlow((1, 2, 1), 0, ()), logit_margin=0.05)
    images = np.float32([-1.0, 1.0]).reshape(1, 1, 2, 1)
    found = model.log_densities(tf.constant(images), tf.constant([3]))
    noise = np.asarray(model.fixed_noise(tf.constant([3]))["dequantisation"], np.float64).ravel()
    unit = (np.array([0, 255]) + noise) / 256
    squeezed = 0.05 + 0.9 * unit
    logits = np.log(squeezed / (1 - squeezed))
    nats = -0.5 * np.sum(logits**2) - np.log(2 * np.pi)
    np.testing.assert_allclose(found["log_likelihood_logit_nats"], [nats], rtol=1e-5)
    in_unit = nats + np.sum(np.log(0.9 / (squeezed * (1 - squeezed))))
    bits = (2 * np.log(256) - in_unit) / (2 * np.log(2))
    np.testing.assert_allclose(found["bits_per_dimension"], [bits], rtol=1e-5)


@pytest.mark.parametrize("margin", [1e-6, 0.05])
def test_generating_inverts_what_training_does_to_images(margin):
    model = Flow(CouplingFlow((16, 16, 1), 0, ()), logit_margin=margin)
    levels = np.arange(256, dtype=np.float32).reshape(1, 16, 16, 1)
    noise = np.full(levels.shape, 0.5, np.float32)
    unit = model.dequantised(levels / 127.5 - 1, {"dequantisation": noise})
    flat = tf.gather(tf.reshape(model.to_logits(unit), [1, -1]), model.flow.order, axis=1)
    np.testing.assert_allclose(model.generate(flat), levels / 127.5 - 1, atol=1e-3)


def test_points_train_and_are_generated():
    resolved = parse_training(["--model=flow", "--dataset=ring", "--hidden=5", "--couplings=2"])
    model = build_model(resolved, DataSpec("points", (1, 1), 2, 2))
    points = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    losses = [float(model.train_step(tf.constant(points))["loss"]) for _ in range(3)]
    assert np.isfinite(losses).all() and losses[2] < losses[0]
    assert model.generate(model.latents_from_seeds([1, 2, 3])).shape == (3, 2)
    assert model.score_map(points).shape == (20,)


def test_a_single_number_is_refused():
    with pytest.raises(ValueError, match="two numbers or more"):
        CouplingFlow((1,))
