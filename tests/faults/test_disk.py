"""Full disks, for real: each size fills in another writer. The short forms are in test_files.py."""

import pytest

from tests.faults import disks


@pytest.mark.slow
@pytest.mark.skipif(not disks.possible(), reason="no file system can be mounted here")
def test_full_disk_ends_the_run_in_one_line_and_loses_no_checkpoint():
    outcomes = disks.full_disk()
    for outcome in outcomes:
        assert not outcome.traceback, outcome
        assert outcome.damaged == () and outcome.strays == (), outcome
        if outcome.status == 0:
            continue
        assert outcome.status == 2, outcome
        assert "cannot be written (No space left on device); " in outcome.error, outcome
        assert outcome.refused, outcome
        if outcome.whole:
            assert outcome.resumed == 0, outcome
            assert outcome.resumed_from == max(outcome.whole), outcome
            assert 0 <= outcome.lost_steps <= 4, outcome  # checkpoints are 4 steps apart
    refused = {outcome.refused for outcome in outcomes}
    assert {"--runs_dir", "checkpoints", "samples", "tensorboard", "--export_dir"} <= refused
