"""Every way in which Keras users call a model works with the models that it fits.

One model of each base here, with the ways that need no graph; all of them, on all models, are run
by `python -m tools.keras_table` and by `-m slow`.
"""

import pytest

from kgan.cli.models import model_names
from tests.models.contracts.model import contract_of
from tests.models.keras_ways import WAYS, Case

ONE_OF_EACH_BASE = ("wgan", "cdcgan", "vae", "pix2pix", "cyclegan")
# They trace graphs or start a process.
LONG = ("jit", "eager_and_graph", "steps_per_execution", "load_elsewhere", "export", "backup")
# What Keras' callbacks see is made in one place for all models.
CALLBACKS = tuple(name for name, way in WAYS.items() if way.group == "callbacks")


def build_of(model):
    """Returns the function that builds a tiny model of a name."""
    return contract_of(model)().build


def case_of(model):
    return Case(build_of(model))


@pytest.mark.parametrize("way", [n for n in WAYS if n not in LONG + CALLBACKS])
@pytest.mark.parametrize("model", ONE_OF_EACH_BASE)
def test_way_of_a_keras_user_works(model, way):
    case = case_of(model)
    if not WAYS[way].fits(case):
        pytest.skip("has no meaning for this model")
    WAYS[way].function(case)


@pytest.mark.parametrize("way", [*LONG, *CALLBACKS])
def test_way_that_takes_longer_or_concerns_all_models_alike_works(way):
    WAYS[way].function(case_of("wgan"))


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", model_names())
def test_every_way_works_with_every_model(model, way):
    case = case_of(model)
    if not WAYS[way].fits(case):
        pytest.skip("has no meaning for this model")
    WAYS[way].function(case)
