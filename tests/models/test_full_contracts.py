"""The full contract of every model, with every training in graphs: `pytest -m slow tests/models`.

The suite runs it eagerly, and of models that only choose settings of a base a part of it.
"""

import pytest

from kgan.cli.models import model_names
from tests.models.contracts.latent import AdversarialContract, ConditionalContract
from tests.models.contracts.model import FullContract, contract_of

pytestmark = pytest.mark.slow

# What to add for those that pass a part of it, and flags with which no layer mixes examples.
ADDED = {
    "cgan": (ConditionalContract, None),
    "gan": (AdversarialContract, ()),
    "lsgan": (AdversarialContract, None),
    "sngan": (ConditionalContract, None),
    "wgan_gp": (AdversarialContract, None),
}

for _name in model_names():
    _contract = contract_of(_name)
    _attributes = {"graph": True, "__module__": __name__}
    if _name in ADDED:
        _family, _attributes["independent_flags"] = ADDED[_name]
        globals()[f"Test_{_name}"] = type(_name, (_contract, _family), _attributes)
    else:
        globals()[f"Test_{_name}"] = type(_name, (_contract,), _attributes)


def test_every_model_has_its_full_contract():
    for name in model_names():
        assert issubclass(globals()[f"Test_{name}"], FullContract), name
