"""Tests of cdcgan: the contract, and its networks."""

import numpy as np
import pytest
import tensorflow as tf

from kgan.cli.models import build_model
from kgan.cli.parsing import parse_training
from kgan.data.dataset import DataSpec
from kgan.utils.errors import UserError
from tests.models.contracts.latent import ConditionalContract
from tests.models.contracts.state import kernels


class TestCDCGAN(ConditionalContract):
    name = "cdcgan"
    flags = ("--g_width=4", "--d_width=4", "--latent_size=8")
    other_settings = ("--real_label=0.9", "--gan_loss=hinge")
    spec = DataSpec("labelled", (16, 16), 1, 1, tuple("abcdefghij"))


def test_networks_are_those_of_the_course():
    resolved = parse_training(["--model=cdcgan"])
    model = build_model(resolved, DataSpec("labelled", (32, 32), 1, 1, tuple("0123456789")))
    # Transposed kernels are (4, 4, out, in).
    assert kernels(model.generator) == {
        "latent_branch": (4, 4, 256, 100),
        "condition_branch": (4, 4, 256, 10),
        "upsample_0": (4, 4, 256, 512),
        "upsample_1": (4, 4, 128, 256),
        "to_picture": (4, 4, 1, 128),
    }
    assert kernels(model.discriminator) == {
        "picture_branch": (4, 4, 1, 64),
        "condition_branch": (4, 4, 10, 64),
        "downsample_0": (4, 4, 128, 256),
        "downsample_1": (4, 4, 256, 512),
        "to_logit": (4, 4, 512, 1),
    }
    for network, biased in (
        (model.discriminator, {"picture_branch", "condition_branch", "to_logit"}),
        (model.generator, {"to_picture"}),
    ):
        paths = [v.path.split("/") for v in network.trainable_variables]
        assert {layer for layer, *_, kind in paths if kind == "bias"} == biased


def test_condition_may_have_several_attributes():
    resolved = parse_training(["--model=cdcgan", "--g_width=4", "--d_width=4", "--latent_size=8"])
    names = ("glasses", "beard", "hat")
    model = build_model(resolved, DataSpec("attributes", (16, 16), 3, 3, names))
    np.testing.assert_array_equal(model.condition_of(["hat", "glasses"]), [1, 0, 1])
    np.testing.assert_array_equal(model.condition_of(["none"]), [0, 0, 0])
    assert model.preview().shape == (4, 8, 16, 16, 3)  # none, and each alone
    images = tf.zeros([4, 16, 16, 3])
    attributes = tf.constant([[1.0, 1.0, 0.0]] * 4)
    model.run_eagerly = True
    model.train_step((images, attributes))
    with pytest.raises(UserError, match="--label=moustache: must be one of glasses, beard"):
        model.condition_of(["moustache"])


def test_class_is_given_by_name_or_number_and_alone():
    model = TestCDCGAN().build()
    for name in ("c", "2"):
        np.testing.assert_array_equal(model.condition_of([name]), np.eye(10)[2])
    for names in ([], ["1", "2"], ["none"], ["10"]):
        with pytest.raises(UserError, match="^--label"):
            model.condition_of(names)
