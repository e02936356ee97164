"""What tests read of run folders."""

import tensorflow as tf


def pngs(run):
    return sorted(path.name for path in (run / "samples").iterdir())


def events(run):
    """Reads the TensorBoard events as (step, tag, value or bytes of an image)."""
    read = []
    for path in sorted((run / "tensorboard").iterdir()):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                content = tf.make_ndarray(value.tensor)
                image = content.dtype == object
                read.append((event.step, value.tag, content[2] if image else float(content)))
    return read
