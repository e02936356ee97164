"""Builders of generators and discriminators.

Arguments that many of them have:

    shape          (height, width, channels) of the image, or (D,) of a point
    latent_size    length of the latent vector
    synchronized   batch statistics over all replicas
    seed           of the initial weights
    name           of the model

They raise `ArgumentError` on values that do not fit each other, such as a size of the image that
the architecture does not have. Every layer has a name, since checkpoints use the names.
"""
