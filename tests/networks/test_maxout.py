"""Networks for points."""

import numpy as np

from kgan.networks import maxout


def test_sizes_are_those_of_the_paper():
    # 2·400 + 3·400² weights, 4 x 4 numbers of normalisation per unit, 400·2 + 2 of the output.
    assert maxout.generator((2,)).count_params() == 2 * 400 + 3 * 400**2 + 4 * 4 * 400 + 802
    # 200 units of 5 pieces, each with a bias.
    expected = (2 + 1) * 1000 + 2 * (200 + 1) * 1000 + 201
    assert maxout.discriminator((2,)).count_params() == expected


def test_discriminator_takes_the_largest_piece_of_each_unit():
    network = maxout.discriminator((2,), (3,))
    kernel, bias, last, last_bias = (np.asarray(v) for v in network.trainable_variables)
    bias = np.linspace(-1, 1, 15).astype(np.float32)
    network.set_weights([kernel, bias, last, last_bias])
    points = np.float32([[0.5, -2.0], [1.0, 3.0]])
    pieces = (points @ kernel + bias).reshape(2, 3, 5)
    np.testing.assert_allclose(network(points), pieces.max(-1) @ last + last_bias, rtol=1e-5)


def test_points_are_not_bounded():
    network = maxout.generator((2,), 2, (4,))
    network.set_weights([1000 * weights for weights in network.get_weights()])
    assert np.abs(network(np.float32([[5.0, -3.0], [-4.0, 2.0]]))).max() > 10
