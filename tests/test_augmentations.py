"""Augmentations, worked out by hand on images of a few pixels."""

import numpy as np
import pytest
import tensorflow as tf

from kgan import augmentations


def ramp(side=8):
    """An image whose pixels all differ: float32 [1, side, side, 1]."""
    return tf.reshape(tf.range(1.0, side * side + 1), [1, side, side, 1])


def test_noise_of_one_half_leaves_colours_unchanged():
    images = tf.random.uniform([2, 4, 4, 3], seed=1)
    found = augmentations.brightness_saturation_contrast(images, tf.fill([2, 3], 0.5))
    np.testing.assert_allclose(found, images, atol=1e-6)


def test_brightness_shifts_saturation_greys_contrast_scales():
    image = tf.constant([[[[0.0, 0.6]], [[0.4, 1.0]]]])  # greys 0.3 and 0.7, mean 0.5

    def augmented(*noise):
        return augmentations.brightness_saturation_contrast(image, tf.constant([noise]))

    np.testing.assert_allclose(augmented(1.0, 0.5, 0.5), image + 0.5, atol=1e-6)
    grey = [[[[0.3, 0.3]], [[0.7, 0.7]]]]
    np.testing.assert_allclose(augmented(0.5, 0.0, 0.5), grey, atol=1e-6)
    np.testing.assert_allclose(augmented(0.5, 0.5, 0.0), 0.5 + (image - 0.5) / 2, atol=1e-6)


@pytest.mark.parametrize(("noise", "shift"), [(0.0, -1), (0.5, 0), (0.99, 1)])
def test_translation_shifts_by_whole_pixels_and_pads_with_zeros(noise, shift):
    # An eighth of 8 pixels is 1.
    moved = augmentations.translation(ramp(), tf.constant([[noise, 0.5]]))[0, :, :, 0].numpy()
    expected = np.zeros((8, 8))
    whole = ramp()[0, :, :, 0].numpy()
    expected[max(0, shift) : 8 + min(0, shift)] = whole[max(0, -shift) : 8 - max(0, shift)]
    np.testing.assert_array_equal(moved, expected)
    turned = augmentations.translation(
        tf.transpose(ramp(), [0, 2, 1, 3]), tf.constant([[0.5, noise]])
    )
    np.testing.assert_array_equal(turned[0, :, :, 0].numpy().T, expected)


@pytest.mark.parametrize(("noise", "rows"), [(0.5, (2, 6)), (0.0, (0, 2)), (0.99, (6, 8))])
def test_cutout_is_a_hole_of_half_the_sides_that_may_hang_over_the_edge(noise, rows):
    # 9 positions for the centre of a hole of 4 in 8 pixels.
    cut = augmentations.cutout(ramp(), tf.constant([[noise, 0.5]]))[0, :, :, 0].numpy()
    expected = ramp()[0, :, :, 0].numpy().copy()
    expected[rows[0] : rows[1], 2:6] = 0
    np.testing.assert_array_equal(cut, expected)


def test_each_example_has_its_own_noise():
    images = tf.concat([ramp(), ramp()], 0)
    moved = augmentations.translation(images, tf.constant([[0.5, 0.5], [0.0, 0.5]]))
    np.testing.assert_array_equal(moved[0], ramp()[0])
    assert (moved[1] != ramp()[0]).numpy().any()


def test_gradients_pass_through_all_of_them():
    names = augmentations.parse("color,translation,cutout")
    assert augmentations.noise_size(names) == 7
    images, noise = tf.ones([2, 8, 8, 3]), tf.fill([2, 7], 0.4)
    with tf.GradientTape() as tape:
        tape.watch(images)
        seen = augmentations.augment(images, names, noise)
    assert seen.shape == images.shape
    assert (tape.gradient(seen, images).numpy() != 0).any(axis=(1, 2, 3)).all()


def test_unknown_name_is_refused():
    assert augmentations.parse("") == ()
    with pytest.raises(ValueError, match="^`augment` must be some of color, translation, cutout"):
        augmentations.parse("color,noise")
