"""Behaviour that all networks share: shapes, ranges, seeds, initial weights and saving."""

import functools
import itertools

import keras
import numpy as np
import pytest

from kgan.networks import conditional, dcgan, maxout, mlp, patchgan, resnet, sn_resnet, unet

SQUARE = (16, 16, 2)
NETWORKS = {
    "dcgan-g": functools.partial(dcgan.generator, SQUARE, 5, 4),
    "dcgan-d": functools.partial(dcgan.discriminator, SQUARE, 4),
    "mlp-g": functools.partial(mlp.generator, (4, 4, 1), 5, (6, 6)),
    "mlp-d": functools.partial(mlp.discriminator, (4, 4, 1), (6, 6)),
    "maxout-g": functools.partial(maxout.generator, (2,), 3, (6, 6)),
    "maxout-d": functools.partial(maxout.discriminator, (2,), (6, 6)),
    "conditional-g": functools.partial(conditional.convolutional_generator, SQUARE, 3, 5, 4),
    "conditional-d": functools.partial(conditional.convolutional_discriminator, SQUARE, 3, 4),
    "dense-g": functools.partial(conditional.dense_generator, (4, 4, 1), 3, 5, 8),
    "dense-d": functools.partial(conditional.dense_discriminator, (4, 4, 1), 3, 8),
    "dcgan-spectral": functools.partial(dcgan.discriminator, SQUARE, 4, spectral_norm=True),
    "mlp-spectral": functools.partial(mlp.discriminator, (4, 4, 1), (6, 6), spectral_norm=True),
    "sn_resnet-g": functools.partial(sn_resnet.generator, SQUARE, 3, 5, 4),
    "sn_resnet-d": functools.partial(sn_resnet.discriminator, SQUARE, 3, 4),
    "unet": functools.partial(unet.generator, (32, 32, 1), 3, 2),
    "resnet": functools.partial(resnet.generator, (16, 16, 3), 3, 2, 1),
    "patchgan": functools.partial(patchgan.discriminator, [(32, 32, 1), (32, 32, 3)], 2),
}
each_network = pytest.mark.parametrize("name", NETWORKS)


def inputs(network, count=2):
    """Samples inputs in the range and of the type that a network has."""
    rng = np.random.default_rng(0)
    values = [
        rng.integers(0, 99, (count, *given.shape[1:]), np.int32)
        if given.dtype == "int32"
        else rng.uniform(-1, 1, (count, *given.shape[1:])).astype(np.float32)
        for given in network.inputs
    ]
    return values if len(values) > 1 else values[0]


@each_network
def test_saved_network_has_equal_outputs_and_they_have_their_range(name, reloaded):
    network = NETWORKS[name]()
    again, values = reloaded(network), inputs(network)
    outputs = network(values)
    np.testing.assert_array_equal(again(values), outputs)
    assert outputs.dtype == "float32" and len(outputs) == 2
    if name.endswith("-g") or name in ("unet", "resnet"):
        assert name == "maxout-g" or np.abs(outputs).max() <= 1
    elif name != "patchgan":
        assert outputs.shape == (2, 1)


@each_network
def test_weights_follow_the_seed_and_differ_between_layers(name):
    build = NETWORKS[name]
    first, again, other = (build(seed=seed).trainable_variables for seed in (0, 0, 1))
    sampled = [n for n, v in enumerate(first) if np.std(v) > 0]
    assert len(sampled) >= 2
    for variable, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(variable, same)
    for number in sampled:
        assert (np.asarray(first[number]) != np.asarray(other[number])).any()
    kernels = {np.asarray(first[number]).ravel()[:4].tobytes() for number in sampled}
    assert len(kernels) == len(sampled)


@each_network
def test_no_two_initial_variables_are_multiples_of_each_other(name):
    # As they are if one seed serves two of them, such as a kernel and its singular vector.
    sampled = [np.ravel(v) for v in NETWORKS[name]().variables if np.std(v) > 0 and np.size(v) > 3]
    starts = [v[:4] - (abs(v.mean() - 1) < 0.5) for v in sampled]  # scales vary about 1
    for one, other in itertools.combinations(starts, 2):
        assert abs(one @ other) < 0.9999 * np.linalg.norm(one) * np.linalg.norm(other)


@pytest.mark.parametrize("family", [dcgan, mlp, maxout])
def test_players_of_one_seed_have_different_weights(family):
    # Hidden layers of equal shapes.
    shape = {dcgan: SQUARE, mlp: (1, 4, 1), maxout: (4,)}[family]
    generator = family.generator(shape, 4) if family is dcgan else family.generator(shape, 4, (4,))
    networks = generator, family.discriminator(shape)
    first, second = (np.ravel(n.trainable_variables[0])[:20] for n in networks)
    size = min(len(first), len(second))
    assert (first[:size] != second[:size]).all()


@pytest.mark.parametrize(
    "build",
    [
        functools.partial(dcgan.generator, (32, 32, 3)),
        functools.partial(dcgan.discriminator, (32, 32, 3)),
        functools.partial(patchgan.discriminator, [(64, 64, 3)], 16),
        functools.partial(resnet.generator, (32, 32, 3), 3, 16),
        functools.partial(unet.generator, (32, 32, 3), 3, 16),
        functools.partial(conditional.convolutional_generator, (32, 32, 3), 10),
        functools.partial(conditional.convolutional_discriminator, (32, 32, 3), 10),
    ],
)
def test_initial_weights_are_normal_with_deviation_0_02(build):
    variables = build().trainable_variables
    kernels = np.concatenate([np.ravel(v) for v in variables if v.path.endswith("kernel")])
    assert abs(kernels.mean()) < 1e-3
    np.testing.assert_allclose(kernels.std(), 0.02, rtol=0.02)
    gammas = [np.ravel(v) for v in variables if v.path.endswith("gamma") and np.std(v) > 0]
    if gammas:
        gammas = np.concatenate(gammas)
        np.testing.assert_allclose(gammas.mean(), 1.0, atol=0.01)
        np.testing.assert_allclose(gammas.std(), 0.02, rtol=0.2)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        *(
            (functools.partial(build, shape), "`shape` must be square, of 16, 32, 64, 128 pixels")
            for build in (dcgan.generator, dcgan.discriminator)
            for shape in ((8, 8, 1), (28, 28, 1), (32, 64, 1), (256, 256, 3), (48, 48, 3))
        ),
        *(
            (
                functools.partial(build, (128, 128, 3), 3),
                "`shape` must be square, of 16, 32, 64 pix",
            )
            for build in (sn_resnet.generator, conditional.convolutional_discriminator)
        ),
        *(
            (functools.partial(unet.generator, shape, 3), "multiples of 32 up to 512")
            for shape in ((16, 16, 3), (48, 48, 3), (1024, 1024, 3), (32, 100, 3))
        ),
        *(
            (
                functools.partial(resnet.generator, shape, 3),
                "`shape` must have sides that are multiples of 4",
            )
            for shape in ((30, 32, 3), (32, 33, 3), (4, 32, 3))
        ),
        *(
            (functools.partial(build, (4, 4, 1)), "`network`")
            for build in (maxout.generator, maxout.discriminator)
        ),
    ],
)
def test_other_sizes_are_refused(build, message):
    height, width = build.args[0][:2]
    with pytest.raises(ValueError, match=message) as caught:
        build()
    assert f"{height}x{width}" in str(caught.value) or str(build.args[0]) in str(caught.value)


@pytest.mark.parametrize("synchronized", [False, True])
def test_batch_norm_adapts_as_fast_as_in_the_references(synchronized):
    networks = dcgan.generator(SQUARE, synchronized=synchronized), dcgan.discriminator(SQUARE)
    norms = [n.get_layer("norm_0") for n in networks]
    assert all((norm.momentum, norm.epsilon) == (0.9, 1e-5) for norm in norms)
    assert isinstance(norms[0], keras.layers.BatchNormalization)
    assert norms[0].synchronized is synchronized
