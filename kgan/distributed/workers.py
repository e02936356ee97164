"""Which devices a run is spread over, and how several processes agree on what they do."""

import contextlib
import json
import os

import tensorflow as tf

from kgan.data.pipeline import Shard
from kgan.distributed import cluster
from kgan.utils.errors import UserError

LOST = 75  # exit status, "try again" to a system: the same command goes on


class LostWorkerError(Exception):
    """Another process of the run is gone; the rest cannot go on without it."""


class Workers:
    """The processes that train together: most often this one alone.

    All of them call the same methods in the same order, or they wait for each other for ever.

    Args:
        strategy: spreads a step over all replicas.
        index: which of the processes this is; 0 is the chief, which alone writes.
        count: how many there are.
    """

    def __init__(self, strategy: tf.distribute.Strategy, index: int = 0, count: int = 1):
        self.strategy = strategy
        self.index = index
        self.count = count

    @property
    def is_chief(self) -> bool:
        return self.index == 0

    @property
    def replicas(self) -> int:
        """Replicas in all processes together."""
        return self.strategy.num_replicas_in_sync

    def gather(self, number: int) -> list[int]:
        """Tells everybody everybody's number, in the order of the processes."""
        if self.count == 1:
            return [number]
        row = [0] * self.count
        row[self.index] = number
        return self._sum(row).numpy().tolist()

    def from_chief(self, value):
        """Gives everybody what the chief has: anything that JSON can hold; others' is ignored."""
        if self.count == 1:
            return value
        written = list(json.dumps(value).encode()) if self.is_chief else []
        length = self.gather(len(written))[0]
        content = self._sum(written if self.is_chief else [0] * length)
        return json.loads(bytes(content.numpy().tolist()))

    def distribute(self, make_batches, batches_per_step: int):
        """Makes the data set of a `fit` over several processes, each making its own shard.

        Args:
            make_batches: function from a `kgan.data.pipeline.Shard` to a data set.
            batches_per_step: how many batches a step takes.
        """
        local = self.replicas // self.count
        shard = Shard(self.replicas, self.index * local, local, batches_per_step)
        return self.strategy.distribute_datasets_from_function(lambda context: make_batches(shard))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def _sum(self, values):
        """Sums vectors over the processes; each one's first replica speaks for it."""
        local = self.replicas // self.count

        def summed(values):
            context = tf.distribute.get_replica_context()
            speaks = tf.cast(context.replica_id_in_sync_group % local == 0, tf.int32)
            return context.all_reduce("sum", values * speaks)

        replies = self.strategy.run(summed, args=(values,))
        return self.strategy.experimental_local_results(replies)[0]

    @contextlib.contextmanager
    def watched(self):
        """Turns TensorFlow's errors about a lost process into one of kgan's.

        Raises:
            LostWorkerError: when another process died or left.
        """
        gone = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)
        try:
            yield
        except gone as error:
            if self.count == 1:
                raise
            # The first lines tell of the graph, the one that says what happened comes last.
            lines = [line for line in str(error).splitlines() if line.strip()]
            raise LostWorkerError(lines[-1]) from error


def join(name: str, logical_devices: int = 1) -> Workers:
    """Makes the strategy and joins the other processes; call it before any device is touched.

    Args:
        name: `none` (one device), `mirrored` (all GPUs, or all logical devices), `auto` (mirrored
            where there are several of them) or `multi_worker` (all GPUs of all processes that
            TF_CONFIG or Slurm names, or their CPUs).
        logical_devices: splits the first GPU, or the CPU where there is none, into so many.

    Raises:
        UserError: when devices were in use already, or the environment names no processes.
    """
    if name != "multi_worker":
        return Workers(_local_strategy(name, logical_devices))
    if logical_devices > 1:
        raise UserError("--logical_devices: goes with --strategy=mirrored; workers take all GPUs")
    found = cluster.from_environment(os.environ)
    os.environ["TF_CONFIG"] = found.tf_config()
    # Python knows nothing of TensorFlow's devices yet, or this would raise RuntimeError.
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    return Workers(strategy, found.index, len(found.addresses))


def _local_strategy(name, logical_devices):
    gpus = tf.config.list_physical_devices("GPU")
    kind = "GPU" if gpus else "CPU"
    if logical_devices > 1:
        device = (gpus or tf.config.list_physical_devices("CPU"))[0]
        part = tf.config.LogicalDeviceConfiguration(memory_limit=2048 if gpus else None)
        try:
            tf.config.set_logical_device_configuration(device, [part] * logical_devices)
        except RuntimeError as error:
            raise UserError(f"--logical_devices={logical_devices}: devices are in use") from error
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    if name == "none" or (name == "auto" and len(devices) == 1):
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy(devices)
