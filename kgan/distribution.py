"""Which devices a run is spread over."""

import tensorflow as tf

from kgan.errors import UserError


def make_strategy(name: str, logical_devices: int = 1) -> tf.distribute.Strategy:
    """Makes the distribution strategy; call it before anything else touches a device.

    Args:
        name: `none` (one device), `mirrored` (all GPUs, or all logical devices), or `auto`
            (mirrored where there are several of them).
        logical_devices: splits the first GPU, or the CPU where there is none, into so many.

    Raises:
        UserError: when the devices were in use already, or there are more than one GPU to split.
    """
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
