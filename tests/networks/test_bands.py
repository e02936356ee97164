"""Networks in bands of rows: the same answers as the networks themselves."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.networks import bands, resnet, unet
from kgan.networks.bands import Bands
from kgan.utils.errors import UserError


def shaken(network):
    """Gives a network weights as large as trained ones."""
    rng = np.random.default_rng(0)
    network.set_weights([w + rng.normal(0, 0.2, w.shape) for w in network.get_weights()])
    return network


def image(height, width, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (height, width, channels)).astype(np.float32)


SEED = (3, 0)


def whole(network, picture):
    """The answer of a network whose size is that of the image."""
    given = [tf.constant(picture[np.newaxis]), tf.constant([SEED])][: len(network.inputs)]
    return np.asarray(network(given if len(given) > 1 else given[0], training=False))[0]


def residual(height, width):
    return shaken(resnet.generator((height, width, 3), 1, 2, 2))


def u_net(height, width, how="transpose"):
    return shaken(unet.generator((height, width, 3), 2, 2, upsample=how))


@pytest.mark.parametrize(
    ("build", "trained", "size"),
    [
        (residual, (16, 16), (40, 28)),
        (u_net, (32, 32), (64, 32)),
        (lambda h, w: u_net(h, w, "resize"), (32, 64), (64, 128)),
    ],
    ids=["residual", "u-net", "u-net that resizes"],
)
def test_answer_is_that_of_the_network_at_every_size_and_number_of_bands(
    build, trained, size, monkeypatch
):
    network = build(*trained)
    picture = image(*trained)
    np.testing.assert_allclose(Bands(network)(picture, SEED), whole(network, picture), atol=2e-5)
    # At another size, where that network has no answer: one of this size with its weights has.
    other = build(*size)
    if [w.shape for w in other.get_weights()] != [w.shape for w in network.get_weights()]:
        other = keras.models.clone_model(
            network,
            input_tensors=[keras.Input((*size, 3)), keras.Input((2,), dtype="int32")],
        )
    other.set_weights(network.get_weights())
    picture = image(*size)
    expected = whole(other, picture)
    assert expected.std() > 0.1
    for band in (10**9, 4000, 300):
        found = Bands(network, band)(picture, SEED)
        np.testing.assert_allclose(found, expected, atol=2e-5)
    # In files.
    monkeypatch.setattr(bands, "IN_MEMORY", 0)
    np.testing.assert_allclose(Bands(network, 4000)(picture, SEED), expected, atol=2e-5)


def test_sides_have_to_be_multiples_of_the_strides():
    assert Bands(residual(16, 16)).multiple == 4
    assert Bands(u_net(32, 32)).multiple == 32


def test_layer_that_mixes_the_whole_image_is_refused_by_name():
    given = keras.Input((8, 8, 1))
    mixed = keras.layers.GlobalAveragePooling2D(keepdims=True, name="mean")(given)
    network = keras.Model(given, keras.layers.Multiply()([given, mixed]))
    with pytest.raises(UserError, match="layer mean "):
        Bands(network)


def test_masks_depend_on_the_seed():
    network, picture = u_net(32, 32), image(64, 64)
    answers = [Bands(network)(picture, seed) for seed in (SEED, SEED, (4, 0))]
    assert np.array_equal(answers[0], answers[1]) and np.abs(answers[2] - answers[0]).max() > 1e-3
