"""What a critic takes for the Wasserstein distance, beside the exact one of the same points."""

from kgan.data import pipeline
from kgan.data.dataset import Dataset
from kgan.evaluation.generated import generate
from kgan.evaluation.task import Request, Result, Task
from kgan.metrics import wasserstein

NAME = "critic"
MATCHED = 1000
PAIRS = 5000
SEED = 0
# Between runs neither way is better for what a critic says, which depends on its slope; in one run
# a falling estimate is a better generator.
DIRECTIONS = {"wasserstein": True}


def fitting(model, collection: Dataset, request: Request) -> Task | None:
    """Fits a critic with the Wasserstein loss that looks at one example at a time."""
    source = collection.parts.get(request.part)
    is_critic = getattr(model, "gan_loss", None) == "wasserstein"
    if not is_critic or source is None or not hasattr(model, "latents_from_seeds"):
        return None
    if model.packing > 1 or hasattr(model, "condition_size"):
        return None

    def measure(names):
        count = min(MATCHED, len(source))
        real = pipeline.examples(source, ("image",), count)["image"]
        generated = generate(model, count)
        slopes = wasserstein.lipschitz_estimate(model.discriminator, real, generated, PAIRS, SEED)
        estimate = wasserstein.critic_estimate(model.discriminator, real, generated)
        largest = max(slopes.largest_gradient, slopes.largest_quotient)
        values = {
            f"critic_estimate_{count}": estimate,
            f"critic_largest_slope_{PAIRS}": largest,
            f"critic_mean_slope_{PAIRS}": slopes.mean_gradient,
            # A lower bound of the distance of these points, and what is nearest to it for a critic
            # whose slope is about the same everywhere.
            f"critic_estimate_over_slope_{count}": estimate / largest,
            f"critic_estimate_over_mean_slope_{count}": estimate / slopes.mean_gradient,
            f"wasserstein_{count}": wasserstein.exact(real, generated),
        }
        title = (
            f"the critic on {count:,} real and {count:,} drawn examples, beside the exact "
            "distance of the same ones"
        )
        return Result(title, values)

    return Task(NAME, {"critic_estimate": True}, measure)
