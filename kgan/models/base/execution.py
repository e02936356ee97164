"""Training steps in Keras' `train_function`: of two kinds, and several in one call."""

import itertools

import tensorflow as tf

from kgan.models.base.arguments import ConfigurableModel
from kgan.utils.errors import ArgumentError


class Executions(ConfigurableModel):
    """A model that calls its training steps, of which there may be two kinds.

    No optimizer may update inside a `tf.cond` under a strategy. Kinds of step are therefore
    compiled one by one, and which one is called is chosen in Python. Of several steps in one call
    (`steps_per_execution`), those of one kind are one loop in a graph; those of several kinds, and
    those on several replicas, on which Keras' loop fails, are called one after the other.

    Class attributes, beside those of `ConfigurableModel`:
        has_kinds: whether there are two kinds of step.
        kind: that of the step that is traced; `train_step` reads it.

    Example:
        >>> from kgan.models.wgan import WGAN
        >>> from kgan.networks import mlp
        >>> networks = mlp.generator((2, 2, 1), 3, [4]), mlp.discriminator((2, 2, 1), [4])
        >>> model = WGAN(*networks, clip=0.1, critic_warmup=2)
        >>> [model.step_kind(step) for step in range(4)]
        [False, False, True, True]
    """

    has_kinds = False
    kind = True

    def step_kind(self, step: int) -> bool:
        """Returns the kind of a step, which counts from 0 over all calls of `fit`."""
        return True

    def check_epoch(self, steps_per_epoch: int | None) -> None:
        """Checks that an epoch has a whole number of executions.

        Raises:
            ArgumentError: when it has not. Keras would take more steps than were asked for.
        """
        if (steps_per_epoch or 0) % self.steps_per_execution:
            message = f"must be a multiple of steps_per_execution={self.steps_per_execution}"
            raise ArgumentError("steps_per_epoch", message)

    def make_train_function(self, force=False):
        if self.train_function is not None and not force:
            return self.train_function
        count, functions = self.steps_per_execution, {}
        in_turn = self.distribute_strategy.num_replicas_in_sync > 1

        def call(kind, length, iterator):
            # Keras reads the length, and `train_step` the kind, when the function is traced.
            self.kind, self.steps_per_execution = kind, length
            try:
                if (kind, length) not in functions:
                    super(Executions, self).make_train_function(force=True)
                    functions[kind, length] = self.train_function
                return functions[kind, length](iterator)
            finally:
                self.steps_per_execution, self.train_function = count, train_function

        def train_function(iterator):
            kinds = [True] * count
            if self.has_kinds:
                # Only here: to read the step, a GPU would have to end the one before.
                first = self.completed_steps
                kinds = [self.step_kind(step) for step in range(first, first + count)]
            if count == 1 or (len(set(kinds)) == 1 and not in_turn):
                return call(kinds[0], count, iterator)
            logs = None
            for kind, part in zip(kinds, _one_by_one(iterator), strict=False):
                try:
                    logs = call(kind, 1, part)
                except (StopIteration, tf.errors.OutOfRangeError):
                    # The data end in the middle of an execution, as Keras allows, too.
                    if logs is None:
                        raise
                    break
            return logs

        self.train_function = train_function
        return train_function

    def _make_function(self, step_function):
        def step(data):
            # Without data a graph fails, but not before what needs none: counters of steps.
            tensors = [value for value in tf.nest.flatten(data) if tf.is_tensor(value)]
            with tf.control_dependencies(tensors):
                return step_function(data)

        return super()._make_function(step)


def _one_by_one(iterator):
    """Yields iterators over a batch each."""
    if isinstance(iterator, (tf.data.Iterator, tf.distribute.DistributedIterator)):
        return itertools.repeat(iterator)
    return ([batch] for batch in iterator)
