"""When the generator is updated: every step, or more rarely, as the authors of the WGAN do."""

# Updates of the critic before one of the generator, and when, in the code of the WGAN paper.
CRITIC_UPDATES, FIRST, EVERY = 100, 25, 500


def updates_generator(step: int, d_updates: int) -> bool:
    """Returns whether a step of the authors' schedule updates the generator.

    The updates number 0 to 24 and 500, 1000, … of the generator come after 100 updates of the
    critic, that is after 100 / `d_updates` steps; all others after one step.

    Args:
        step: counts from 0.
        d_updates: updates of the critic in a step.

    Example:
        >>> [step for step in range(60) if updates_generator(step, d_updates=5)]
        [19, 39, 59]
    """
    long = CRITIC_UPDATES // d_updates  # steps before such an update of the generator
    if step < FIRST * long:
        return step % long == long - 1
    # As if the first rounds were whole ones: of every 500 updates the first one takes long.
    rounds = EVERY - 1 + long
    place = (step - FIRST * long + (FIRST - 1) + long) % rounds
    return place >= long - 1
