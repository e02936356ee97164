"""A training samples the same random numbers with XLA and without."""

import pytest

from tests.models.contracts.model import contract_of
from tests.models.contracts.state import assert_same_logs, assert_same_state, with_sgd

# One model of each way to sample: latents, labels, dropout, pools, bits and dequantisation.
SETTINGS = {
    "dcgan": ("--augment=color,translation,cutout", "--penalty=dragan", "--flip_labels=0.3"),
    "cdcgan": ("--latent_distribution=uniform",),
    "pix2pix": ("--dropout=0.5",),
    "cyclegan": ("--pool_size=2",),
    "vae": (),
    "flow": (),
}


SLOW = ("cdcgan", "cyclegan", "flow", "vae")  # 6 seconds to half a minute of compilation


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in SETTINGS],
)
def test_a_step_is_the_same_with_xla(name):
    contract = contract_of(name)()
    plain, compiled = (
        with_sgd(contract.build(*SETTINGS[name]), jit_compile=xla) for xla in (False, True)
    )
    assert_same_logs(*(contract.train(model, 2, graph=True) for model in (plain, compiled)))
    assert_same_state(plain, compiled)
