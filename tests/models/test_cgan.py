"""Tests of cgan: the contract, and its networks."""

from kgan.cli.models import build_model
from kgan.cli.parsing import parse_training
from kgan.data.dataset import DataSpec
from tests.models.contracts.latent import ConditionTests
from tests.models.contracts.model import ModelContract
from tests.models.contracts.state import kernels


class TestCGAN(ConditionTests, ModelContract):
    name = "cgan"
    flags = ("--g_width=6", "--d_width=8", "--latent_size=8")
    other_settings = ("--packing=2", "--latent_distribution=uniform")
    spec = DataSpec("labelled", (16, 16), 1, 1, tuple("abcdefghij"))


def test_networks_are_those_of_the_course():
    resolved = parse_training(["--model=cgan"])
    model = build_model(resolved, DataSpec("labelled", (32, 32), 1, 1, tuple("0123456789")))
    assert kernels(model.generator) == {
        "latent_branch": (100, 256),
        "condition_branch": (10, 256),
        "hidden_0": (512, 512),
        "hidden_1": (512, 1024),
        "to_picture": (1024, 1024),
    }
    assert kernels(model.discriminator) == {
        "picture_branch": (1024, 1024),
        "condition_branch": (10, 1024),
        "hidden_0": (2048, 1024),
        "hidden_1": (1024, 512),
        "logit": (512, 1),
    }
