"""Flags of the training of a generator against a discriminator, and defaults of the DCGAN kind."""

from kgan import losses
from kgan.losses import ADVERSARIAL_LOSSES
from kgan.models.base import schedule
from kgan.models.base.arguments import both_players
from kgan.models.base.flags import Flag, choice, integer, number, share, switch, weight
from kgan.models.base.latent import DISTRIBUTIONS

TRAINING_FLAGS = (
    choice(
        "gan_loss",
        "bce",
        tuple(ADVERSARIAL_LOSSES),
        "Adversarial loss. bce: cross-entropy with the non-saturating generator loss; minimax: "
        "the generator minimises log(1 - D(G(z))), which saturates.",
    ),
    integer("d_updates", 1, (1, 1000), "Discriminator updates in a step, each on a new batch."),
    integer("g_updates", 1, (1, 1000), "Generator updates in a step, each on new latents."),
    integer(
        "g_batch_factor",
        1,
        (1, 64),
        "Images that a generator update generates, in multiples of the batch that a discriminator "
        "update takes. A conditional model repeats the conditions of the batch.",
        earlier=1,
    ),
    switch(
        "simultaneous",
        False,
        "Compute the gradients of both players before either is updated, in place of one after "
        "the other.",
    ),
    number(
        "real_label",
        1.0,
        (1e-6, 1),
        "Target of the discriminator for real images; 0.7 to 0.99 is one-sided label smoothing.",
    ),
    share("flip_labels", 0.0, "Share of examples with flipped labels."),
    integer(
        "packing",
        1,
        (1, 64),
        "Images that the discriminator classifies together (PacGAN), from one replica; raise it "
        "against mode collapse.",
    ),
    choice(
        "penalty",
        "none",
        tuple(losses.PENALTY_WEIGHTS),
        "Gradient penalty of the discriminator. unit_slope: as in WGAN-GP; r1: at real images; "
        "dragan: around real images.",
    ),
    weight("penalty_weight", None, "Weight of --penalty; default 10, as in the papers."),
    Flag(
        "augment",
        tuple,
        (),
        "Differentiable augmentations of the images that the discriminator receives, "
        "comma-separated: color,translation,cutout. For small data sets.",
    ),
    choice(
        "latent_distribution",
        "normal",
        DISTRIBUTIONS,
        "Distribution of the latents. normal: N(0, I); uniform: U(-1, 1).",
    ),
    integer(
        "critic_warmup", 0, (0, 10**9), "First steps, in which only the discriminator is updated."
    ),
    switch(
        "critic_schedule",
        False,
        f"Do {schedule.CRITIC_UPDATES} discriminator updates before each of the first "
        f"{schedule.FIRST} generator updates and before every {schedule.EVERY}th, as the WGAN "
        "authors do.",
    ),
)

DCGAN_DEFAULTS = {
    "dataset": "digits",
    "image_size": "32",
    "batch_size": 128,
    "epochs": 150,
    **both_players("adam", 2e-4),
}
