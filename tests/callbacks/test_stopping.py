import os
import signal

import pytest

from kgan.callbacks.base import StepCallback
from kgan.callbacks.stopping import StopBySignal, TimeLimit
from tests.callbacks.fakes import FakeModel, train


def test_time_limit_ends_training_after_the_step_in_which_time_is_up(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    class Tick(StepCallback):
        def on_step(self):
            now[0] += 25.0

    model = FakeModel()
    train(model, [Tick(), TimeLimit(minutes=1)], 10)
    assert model.completed_steps == 3  # 25, 50, 75 seconds


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_training_after_the_running_step(number):
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}

    class Send(StepCallback):
        def on_step(self):
            if self.step == 2:
                os.kill(os.getpid(), number)

    model, stop = FakeModel(), StopBySignal()
    train(model, [Send(), stop], 10)
    assert model.completed_steps == 2
    assert stop.received == number
    assert {n: signal.getsignal(n) for n in before} == before


def test_second_control_c_ends_training_at_once():
    # A shell starts background jobs, such as those of a build server, with Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    stop = StopBySignal()
    train(FakeModel(), [stop], 0, end=False)
    try:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.received == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        stop.on_train_end()
        signal.signal(signal.SIGINT, before)
