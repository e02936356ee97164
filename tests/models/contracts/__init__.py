"""Tests that every model passes; the test of a model subclasses one and states its tiny size.

    class TestLSGAN(ModelContract):
        name = "lsgan"
        flags = ("--width=4", "--latent_size=8")
        spec = DataSpec("images", (16, 16), 1, 1)

`ModelContract` (in `model`) is for models that only choose settings and networks of a base in
`kgan.models.base`. One model of each base, and each model with a step of its own, passes
`FullContract`, with the tests of its players and of its generator (in `latent`). The others pass
it in test_full_contracts.py, which is slow. Exports are compared in test_exports.py.
"""
