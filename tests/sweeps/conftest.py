import pytest

from tests.sweeps.fakes import make_sweep


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of a sweep whose runs are all complete; tests only read it."""
    out = tmp_path_factory.mktemp("finished")
    assert make_sweep(out, parallel=1).run() == 0
    return out
