"""Devices that a run is distributed over, and the exchange of values between its processes."""

import contextlib
import json
import os

import tensorflow as tf

from kgan.data.pipeline import Shard
from kgan.distributed import cluster
from kgan.utils.errors import UserError

LOST = 75  # exit status for "try again": the same command resumes the run


class LostWorkerError(Exception):
    """Another process of the run has ended; the others cannot continue without it."""


class Workers:
    """The processes that train together; often only this one.

    All of them must call the same methods in the same order, or they wait forever.

    Args:
        strategy: distributes a step over all replicas.
        index: of this process; 0 is the chief, the only one that writes.
        count: number of processes.

    Example:
        >>> workers = join("none")
        >>> workers.is_chief, workers.gather(7)
        (True, [7])
    """

    def __init__(self, strategy: tf.distribute.Strategy, index: int = 0, count: int = 1):
        self.strategy = strategy
        self.index = index
        self.count = count

    @property
    def is_chief(self) -> bool:
        """Whether this is the process that writes."""
        return self.index == 0

    @property
    def replicas(self) -> int:
        """The number of replicas in all processes together."""
        return self.strategy.num_replicas_in_sync

    def gather(self, number: int) -> list[int]:
        """Returns the numbers of all processes, in their order, to each of them."""
        if self.count == 1:
            return [number]
        row = [0] * self.count
        row[self.index] = number
        return self.sum(row).numpy().tolist()

    def from_chief(self, value):
        """Returns the chief's value, of a type that JSON supports, to all processes."""
        if self.count == 1:
            return value
        written = list(json.dumps(value).encode()) if self.is_chief else []
        length = self.gather(len(written))[0]
        content = self.sum(written if self.is_chief else [0] * length)
        return json.loads(bytes(content.numpy().tolist()))

    def distribute(self, make_batches, batches_per_step: int):
        """Creates the dataset of a `fit` over several processes, each with its own shard.

        Args:
            make_batches: function from a `kgan.data.pipeline.Shard` to a dataset.
            batches_per_step: number of batches that a step takes.
        """
        local = self.replicas // self.count
        shard = Shard(self.replicas, self.index * local, local, batches_per_step)
        return self.strategy.distribute_datasets_from_function(lambda context: make_batches(shard))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def sum(self, values):
        """Sums vectors over the processes; the first replica of each provides its vector."""
        local = self.replicas // self.count

        def summed(values):
            context = tf.distribute.get_replica_context()
            is_first = tf.cast(context.replica_id_in_sync_group % local == 0, tf.int32)
            return context.all_reduce("sum", values * is_first)

        replies = self.strategy.run(summed, args=(values,))
        return self.strategy.experimental_local_results(replies)[0]

    @contextlib.contextmanager
    def watched(self):
        """Converts TensorFlow's errors about a lost process.

        Raises:
            LostWorkerError: another process has ended.
        """
        gone = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)
        try:
            yield
        except gone as error:
            if self.count == 1:
                raise
            # The first lines describe the graph, the last one the cause.
            lines = [line for line in str(error).splitlines() if line.strip()]
            raise LostWorkerError(lines[-1]) from error


def join(name: str, logical_devices: int = 1) -> Workers:
    """Creates the strategy and joins the other processes; call it before any device is used.

    Args:
        name: `none` (one device), `mirrored` (all GPUs, or all logical devices), `auto` (mirrored
            if there are several of them) or `multi_worker` (the GPUs, or CPUs, of all processes
            that TF_CONFIG or Slurm names).
        logical_devices: number of parts into which the first GPU, or the CPU without one, is split.

    Raises:
        UserError: devices are in use already, or the environment names no processes.
    """
    if name != "multi_worker":
        return Workers(_local_strategy(name, logical_devices))
    if logical_devices > 1:
        raise UserError("--logical_devices: needs --strategy=mirrored; workers use all GPUs")
    found = cluster.from_environment(os.environ)
    os.environ["TF_CONFIG"] = found.tf_config()
    # Raises RuntimeError if a device has been used before.
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
