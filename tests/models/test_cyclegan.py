"""Tests of CycleGAN: the contract, its weighted losses, its pool, and both ways of translating."""

import numpy as np
import pytest
import tensorflow as tf

from kgan import randomness
from kgan.cli.models import build_model
from kgan.cli.parsing import parse_training
from kgan.data.dataset import DataSpec
from kgan.metrics import digit_network
from kgan.models.cyclegan import POOL_A, POOL_B, CycleGAN
from kgan.networks import patchgan, resnet
from kgan.runs import checkpoint
from tests.models.contracts.latent import TwoPlayerTests
from tests.models.contracts.model import FullContract, NoiseSource
from tests.models.contracts.state import values, with_sgd

SHAPE = (16, 16, 1)


class TestCycleGAN(TwoPlayerTests, FullContract):
    name = "cyclegan"
    # So small a pool is full, and exchanges, within a batch.
    flags = ("--width=2", "--blocks=1", "--patch_layers=1", "--pool_size=3")
    other_settings = (
        "--gan_loss=bce",
        "--cycle_weight_a=7",
        "--cycle_weight_b=8",
        "--identity_weight=0.25",
        "--pool_size=2",
        "--semantic_weight=2",
    )
    spec = DataSpec("unpaired", (16, 16), 3, 3)
    independent_flags = ()

    def sources(self):
        return [NoiseSource(self.spec), NoiseSource(self.spec)]

    def player_step(self, model, player):
        a, b = self.first_batch(model)
        model.discriminator_step(a, b, b, a) if player == "d" else model.generator_step(a, b)

    def test_both_directions_are_exported(self):
        names = {"serving_default", "b_to_a", "from_files", "from_files_b_to_a"}
        names |= {"deterministic", "deterministic_b_to_a"}
        assert set(self.build().signatures()) == names

    def test_pools_are_saved_and_two_replicas_share_them(self, two_replicas):
        alone = self.build()
        with two_replicas.scope():
            split = self.build()
        for model in (alone, split):
            self.train(model, 2)
        for name in ("pool_a", "pool_b"):
            held = values(alone, name)
            assert set(held) == {f"{name}/images", f"{name}/count"}
            assert held[f"{name}/count"] == 3
            assert np.abs(held[f"{name}/images"]).max() > 0
            copies = two_replicas.experimental_local_results(getattr(split, name).images.value)
            assert len(copies) == 2
            for copy in copies:
                np.testing.assert_allclose(copy, held[f"{name}/images"], atol=1e-5)

    def test_pools_of_a_resumed_run_return_the_same_images(self, tmp_path):
        path = tmp_path / "checkpoint.safetensors"
        whole, resumed = self.build(), self.build()
        self.train(whole, 3)
        state = checkpoint.capture(whole.state())
        checkpoint.write(path, state, {"step": 3})
        checkpoint.restore(resumed.state(), checkpoint.read(path)[0], path)
        # Among zeros the stored images come out one after the other.
        new = tf.zeros([4, 16, 16, 3])
        shown = [
            tf.concat([m.pool_b.exchange(new, randomness.fold(0, n)) for n in range(4)], 0)
            for m in (whole, resumed)
        ]
        np.testing.assert_array_equal(*shown)
        assert np.abs(shown[0]).max() > 0


def small_model(learning_rate=0.0, scales=1, channels=1, **arguments):
    """Gradient descent of step 1 moves a weight by minus its gradient; of step 0, not at all."""
    shape_b = (16, 16, channels)
    model = CycleGAN(
        resnet.generator(SHAPE, channels, 2, 1, seed=1),
        resnet.generator(shape_b, 1, 2, 1, seed=2),
        patchgan.discriminator([SHAPE], 2, 1, norm="instance", scales=scales, seed=1),
        patchgan.discriminator([shape_b], 2, 1, norm="instance", scales=scales, seed=2),
        **arguments,
    )
    return with_sgd(model, learning_rate, momentum=0.0)


def images(channels=1, count=2):
    rng = np.random.default_rng(0)
    return tuple(
        tf.constant(rng.uniform(-1, 1, (count, 16, 16, c)), tf.float32) for c in (1, channels)
    )


def logs_of_a_step(model, data):
    return {name: float(value) for name, value in model.train_step(data).items()}


def mean_distance(first, second):
    return np.abs(np.asarray(first) - np.asarray(second)).mean()


def test_generator_loss_is_the_weighted_sum_of_scores_cycles_and_identities():
    model = small_model(cycle_weight_a=3.0, cycle_weight_b=5.0, identity_weight=0.25)
    a, b = images()
    fake_b, fake_a = model.generator_ab(a), model.generator_ba(b)
    expected = {
        "g_loss_adv_ab": ((np.asarray(model.discriminator_b(fake_b)) - 1) ** 2).mean(),
        "g_loss_adv_ba": ((np.asarray(model.discriminator_a(fake_a)) - 1) ** 2).mean(),
        "g_loss_cycle_a": mean_distance(model.generator_ba(fake_b), a),
        "g_loss_cycle_b": mean_distance(model.generator_ab(fake_a), b),
        "g_loss_identity_a": mean_distance(model.generator_ba(a), a),
        "g_loss_identity_b": mean_distance(model.generator_ab(b), b),
    }
    assert len({round(float(value), 6) for value in expected.values()}) == 6
    logs = logs_of_a_step(model, (a, b))
    for name, value in expected.items():
        np.testing.assert_allclose(logs[name], value, rtol=1e-4, err_msg=name)
    adv_ab, adv_ba, cycle_a, cycle_b, identity_a, identity_b = expected.values()
    # 0.25 · 3 and 0.25 · 5.
    total = adv_ab + adv_ba + 3 * cycle_a + 5 * cycle_b + 0.75 * identity_a + 1.25 * identity_b
    np.testing.assert_allclose(logs["g_loss"], total, rtol=1e-4)


@pytest.mark.parametrize(
    ("gan_loss", "real_loss", "fake_loss"),
    [
        ("bce", lambda s: np.log1p(np.exp(-s)), lambda s: np.log1p(np.exp(s))),
        ("least_squares", lambda s: (s - 1) ** 2, lambda s: s**2),
    ],
)
@pytest.mark.parametrize("scales", [1, 2])
def test_discriminator_loss_is_half_the_mean_over_patches_and_scales(
    gan_loss, real_loss, fake_loss, scales
):
    # Kernels of a deviation of 0.02 give scores near 0, where the losses can hardly be told apart.
    model = small_model(gan_loss=gan_loss, scales=scales)
    for network in (model.discriminator_a, model.discriminator_b):
        network.set_weights([20 * weight for weight in network.get_weights()])
    a, b = images()
    fakes = {"a": model.generator_ba(b), "b": model.generator_ab(a)}
    logs = logs_of_a_step(model, (a, b))
    total = 0
    for domain, real, way in (("a", a, "ba"), ("b", b, "ab")):
        network = model.networks[f"discriminator_{domain}"]
        real_scores, fake_scores = (
            [np.asarray(scores) for scores in tf.nest.flatten(network(p))]
            for p in (real, fakes[domain])
        )
        assert [s.shape[1] for s in real_scores] == [6, 2][:scales]
        loss = np.mean([real_loss(s).mean() for s in real_scores])
        loss += np.mean([fake_loss(s).mean() for s in fake_scores])
        expected = {
            f"d_loss_{way}": loss,
            f"d_score_real_{domain}": np.mean([s.mean() for s in real_scores]),
            f"d_score_fake_{domain}": np.mean([s.mean() for s in fake_scores]),
        }
        for name, value in expected.items():
            np.testing.assert_allclose(logs[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
        total += loss / 2
    np.testing.assert_allclose(logs["d_loss"], total, rtol=1e-4)


def test_both_players_descend_what_they_log_from_where_the_step_began():
    model, twin = small_model(1.0, pool_size=0), small_model(1.0, pool_size=0)
    a, b = images()
    with tf.GradientTape(persistent=True) as tape:
        fake_b, fake_a = twin.generator_ab(a), twin.generator_ba(b)
        paid = sum(
            tf.reduce_mean((d(fake) - 1) ** 2)
            for d, fake in ((twin.discriminator_a, fake_a), (twin.discriminator_b, fake_b))
        )
        for g, back, own, other in (
            (twin.generator_ab, twin.generator_ba, a, b),
            (twin.generator_ba, twin.generator_ab, b, a),
        ):
            paid += 10 * tf.reduce_mean(abs(back(g(own)) - own))
            paid += 5 * tf.reduce_mean(abs(g(other) - other))
        judged = 0.5 * sum(
            tf.reduce_mean((d(real) - 1) ** 2) + tf.reduce_mean(d(tf.stop_gradient(fake)) ** 2)
            for d, real, fake in (
                (twin.discriminator_a, a, fake_a),
                (twin.discriminator_b, b, fake_b),
            )
        )
    wanted = {}
    for player, loss in (("g", paid), ("d", judged)):
        for number, network in enumerate(twin.players[player]):
            variables = [v.value for v in network.trainable_variables]
            gradients = tape.gradient(loss, variables)
            wanted[player, number] = [v - g for v, g in zip(variables, gradients, strict=True)]
    model.train_step((a, b))
    for (player, number), moved in wanted.items():
        variables = model.players[player][number].trainable_variables
        for variable, value in zip(variables, moved, strict=True):
            np.testing.assert_allclose(variable, value, atol=5e-5, err_msg=variable.path)


def test_discriminators_get_the_images_of_the_pools():
    model = small_model(pool_size=2)
    a, b = images(count=4)
    fake_a, fake_b = model.generator_ba(b), model.generator_ab(a)
    twin = small_model(pool_size=2)
    seed = randomness.fold(model.random_seed(), 0)
    shown = {
        "a": twin.pool_a.exchange(fake_a, randomness.fold(seed, POOL_A)),
        "b": twin.pool_b.exchange(fake_b, randomness.fold(seed, POOL_B)),
    }
    logs = logs_of_a_step(model, (a, b))
    changed = 0
    for domain, fakes in (("a", fake_a), ("b", fake_b)):
        scores = np.asarray(model.networks[f"discriminator_{domain}"](shown[domain])).mean()
        np.testing.assert_allclose(logs[f"d_score_fake_{domain}"], scores, rtol=1e-4)
        changed += (np.asarray(shown[domain]) != np.asarray(fakes)).any()
    assert changed > 0


def test_domains_of_other_channels_have_no_identity_terms():
    model = small_model(channels=3)
    a, b = images(channels=3)
    logs = logs_of_a_step(model, (a, b))
    assert (logs["g_loss_identity_a"], logs["g_loss_identity_b"]) == (0, 0)
    parts = logs["g_loss_adv_ab"] + logs["g_loss_adv_ba"]
    parts += 10 * (logs["g_loss_cycle_a"] + logs["g_loss_cycle_b"])
    np.testing.assert_allclose(logs["g_loss"], parts, rtol=1e-5)
    shown = model.preview({"image_a": a, "image_b": b})
    assert shown.shape == (2, 6, 16, 16, 3)


def test_preview_shows_images_translations_and_reconstructions():
    model = small_model()
    a, b = images()
    shown = model.preview({"image_a": a, "image_b": b})
    fake_b, fake_a = model.generator_ab(a), model.generator_ba(b)
    columns = [a, fake_b, model.generator_ba(fake_b), b, fake_a, model.generator_ab(fake_a)]
    assert len(model.preview_columns) == len(columns)
    for place, column in enumerate(columns):
        np.testing.assert_allclose(shown[:, place], column, atol=1e-6)


def test_recommended_settings_are_the_paper_s():
    values = parse_training(["--model=cyclegan"]).values
    paper = {"g_lr": 2e-4, "d_lr": 2e-4, "beta_1": 0.5, "batch_size": 1, "pool_size": 50}
    paper |= {"width": 64, "cycle_weight_a": 10.0, "cycle_weight_b": 10.0, "identity_weight": 0.5}
    paper |= {"gan_loss": "least_squares", "lr_schedule": "linear", "lr_decay_from": 0.5}
    assert paper.items() <= values.items()
    constant = parse_training(["--model=cyclegan", "--lr_schedule=constant"])
    assert constant.run.lr_schedule == "constant"


def test_semantic_loss_is_the_cross_entropy_of_the_class_before_translation():
    flags = ["--model=cyclegan", "--width=2", "--blocks=1", "--patch_layers=1"]
    spec = DataSpec("unpaired", (16, 16), 1, 1)
    without = build_model(parse_training(flags), spec)
    model = build_model(parse_training([*flags, "--semantic_weight=3"]), spec)
    images_a, images_b = (
        tf.constant(np.random.default_rng(seed).uniform(-1, 1, (2, 16, 16, 1)), tf.float32)
        for seed in (0, 1)
    )
    total, log = model.generator_loss(images_a, images_b)

    def lost(images, translated):
        seen, probabilities = (
            digit_network.predict(np.asarray(batch))[1] for batch in (images, translated)
        )
        return -np.log(probabilities[[0, 1], seen.argmax(axis=1)])

    expected_ab, expected_ba = lost(images_a, log["fake_b"]), lost(images_b, log["fake_a"])
    np.testing.assert_allclose(log["g_loss_semantic_ab"], expected_ab, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(log["g_loss_semantic_ba"], expected_ba, rtol=1e-3, atol=1e-5)
    assert expected_ab.max() > 0.05
    other, other_log = without.generator_loss(images_a, images_b)
    np.testing.assert_allclose(
        total, other.numpy() + 3 * (expected_ab + expected_ba), rtol=1e-4, atol=1e-4
    )
    assert "g_loss_semantic_ab" not in other_log and "g_loss_semantic_ab" not in without.logged
    assert "g_loss_semantic_ab" in model.logged
