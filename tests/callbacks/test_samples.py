import pytest
from PIL import Image

from kgan.callbacks.samples import SampleImages
from tests.callbacks.fakes import FakeLog, FakeModel, steps, train


@pytest.fixture
def sampled(tmp_path):
    """A log, and a callback that writes a sheet every 3 steps."""
    log = FakeLog()
    return log, SampleImages(log, tmp_path, steps(3), lambda model: Image.new("RGB", (50, 20)))


@pytest.mark.parametrize(
    ("start", "count", "written"),
    [(0, 7, [0, 3, 6, 7]), (0, 6, [0, 3, 6]), (4, 3, [6, 7])],
    ids=["start, intervals and end", "end that is due anyway", "resumed run"],
)
def test_sheets_are_written_once_at_the_steps_that_are_due(
    start, count, written, sampled, tmp_path
):
    log, hook = sampled
    train(FakeModel(step=start), [hook], count)
    assert log.images == [("samples", step) for step in written]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"step-{step:08d}.png" for step in written]
    assert Image.open(tmp_path / names[0]).size == (50, 20)


def test_run_resumed_from_its_first_checkpoint_does_not_write_its_start_again(sampled):
    log, hook = sampled
    train(FakeModel(), [hook], 0, end=False)
    resumed = SampleImages(log, hook.folder, steps(3), hook.make_sheet)
    resumed.restore(hook.state())
    train(FakeModel(), [resumed], 3)
    assert [step for _, step in log.images] == [0, 3]


def test_run_that_was_rolled_back_gets_the_sheet_of_its_end_again(sampled):
    model, (log, hook) = FakeModel(), sampled
    train(model, [hook], 3, end=False)
    state = hook.state()
    train(model, [hook], 1)
    model.completed_steps = 3
    hook.restore(state)
    train(model, [hook], 1)
    assert [step for _, step in log.images] == [0, 3, 4, 4]
