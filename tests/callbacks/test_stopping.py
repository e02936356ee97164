import os
import signal

import pytest

from kgan.callbacks.base import StepCallback
from kgan.callbacks.stopping import StopBySignal, TimeLimit
from kgan.utils.signals import STOP_SIGNALS
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_training_after_the_running_step(number):
    before = {n: signal.getsignal(n) for n in STOP_SIGNALS}

    class Send(StepCallback):
        def on_step(self):
            if self.step == 2:
                os.kill(os.getpid(), number)

    model, stop = FakeModel(), StopBySignal()
    train(model, [Send(), stop], 10)
    assert model.completed_steps == 2
    assert stop.received == number
    assert {n: signal.getsignal(n) for n in before} == before


def test_second_control_c_still_waits_for_the_checkpoint():
    class Press(StepCallback):
        def on_step(self):
            os.kill(os.getpid(), signal.SIGINT)

        def on_train_end(self, logs=None):
            os.kill(os.getpid(), signal.SIGINT)
            saved.append(self.step)

    model, saved = FakeModel(), []
    train(model, [Press(), StopBySignal()], 10)
    assert (model.completed_steps, saved) == (1, [1])


def test_signal_of_another_worker_ends_this_one_with_its_number():
    model, stop = FakeModel(), StopBySignal(lambda number: [number, 1 + signal.SIGHUP])
    train(model, [stop], 10)
    assert (model.completed_steps, stop.received) == (1, signal.SIGHUP)
