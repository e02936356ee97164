"""A history of generated images, from which a discriminator is shown older ones, too.

Reference: Shrivastava et al. 2017, section 2.3; Zhu et al. 2017, section 4 (a pool of 50).
"""

import keras
import tensorflow as tf

from kgan import randomness


class ImagePool(keras.layers.Layer):
    """Keeps generated images; gives for each new one itself or, half the time, an older one.

    While the pool is not full each image is stored and given back. Afterwards, with
    probability ½, an image takes the place of a stored one, drawn evenly, which is given instead.

    The pool is one for the whole global batch: each replica sees the images of all, makes the
    same moves, and keeps its own rows. N replicas therefore do what one does.

    Args:
        size: how many images are kept; 0 gives every image back as it is.
        shape: (height, width, channels) of an image.

    Example:
        >>> pool = ImagePool(2, (1, 1, 1))
        >>> given = pool.exchange(tf.ones([1, 1, 1, 1]), tf.constant([0, 1]))
        >>> float(given[0, 0, 0, 0]), int(pool.count)
        (1.0, 1)
    """

    def __init__(self, size: int, shape: tuple[int, int, int], **kwargs):
        super().__init__(trainable=False, dtype="float32", **kwargs)
        self.size = size
        self.kept: list[keras.Variable] = []
        if size:
            # All replicas assign the same, so that one's value stands for all.
            fixed = {"trainable": False, "aggregation": "only_first_replica"}
            self.images = self.add_weight((size, *shape), "zeros", name="images", **fixed)
            self.count = self.add_weight((), "zeros", "int32", name="count", **fixed)
            self.kept = [self.images, self.count]
        self.built = True

    def exchange(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Takes this replica's new images; gives as many, new or older.

        Args:
            images: float32 [B, H, W, C].
            seed: int32 [2], another one each step, the same on all replicas.

        Returns:
            float32 [B, H, W, C], without a gradient.
        """
        images = tf.stop_gradient(images)
        if not self.size:
            return images
        everyone = _of_all_replicas(images)
        slots, given = self._moves(tf.shape(everyone)[0], seed)
        candidates = tf.concat([tf.convert_to_tensor(self.images), everyone], 0)
        count = tf.convert_to_tensor(self.count)
        self.images.assign(tf.gather(candidates, slots))
        self.count.assign(tf.minimum(count + tf.shape(everyone)[0], self.size))
        answers = tf.gather(candidates, given)
        return randomness.replica_rows(lambda _: answers, tf.shape(images)[0])

    def _moves(self, number, seed):
        """Plays the exchange of `number` images, in order, on their numbers alone.

        The images themselves are moved once, at the end. Numbers below the pool's size are
        those stored before, the next ones the new images.

        Returns:
            int32 [size], what the pool holds afterwards; int32 [number], what is given.
        """
        count = tf.convert_to_tensor(self.count)
        swaps = randomness.uniform([number], randomness.fold(seed, 0)) < 0.5
        drawn = randomness.integers([number], randomness.fold(seed, 1), self.size)
        places = tf.range(self.size)

        def move(before, new):
            slots, _ = before
            order, swap, drawn_place = new
            own = self.size + order
            fills = count + order < self.size
            place = tf.where(fills, count + order, drawn_place)
            given = tf.where(swap & ~fills, tf.gather(slots, place), own)
            return tf.where((places == place) & (swap | fills), own, slots), given

        steps = tf.scan(move, (tf.range(number), swaps, drawn), (places, 0))
        return steps[0][-1], steps[1]


def _of_all_replicas(images):
    """Joins the rows of all replicas, in their order; float32 [replicas · B, ...]."""
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    if replicas == 1:
        return images
    # Each puts its rows in their place among zeros: sums, unlike gathered rows, have an order
    # that no collective chooses.
    mine = tf.one_hot(context.replica_id_in_sync_group, replicas, dtype=images.dtype)
    spread = tf.tensordot(mine, images, axes=0)
    shape = tf.concat([[replicas * tf.shape(images)[0]], tf.shape(images)[1:]], 0)
    return context.all_reduce("sum", tf.reshape(spread, shape))
