"""Evaluation `critic`: a critic's estimate of the Wasserstein distance and the exact distance."""

from kgan.data import pipeline
from kgan.data.dataset import Dataset
from kgan.evaluation.generated import generate
from kgan.evaluation.task import Request, Result, Task, sample_name
from kgan.metrics import wasserstein
from kgan.models.base.adversarial import AdversarialModel
from kgan.models.base.conditional import ConditionalModel

NAME = "critic"
MATCHED = 1000  # examples for the exact distance
PAIRS = 5000  # of examples, between which slopes of the critic are measured
SEED = 0
# The estimate is not listed: it depends on the critic's slope, which differs between runs.
LOWER_IS_BETTER = {"wasserstein": True}


def make_task(model, dataset: Dataset, request: Request) -> Task | None:
    """Returns the task for an unconditional model with a critic of single examples."""
    source = dataset.parts.get(request.part)
    if not isinstance(model, AdversarialModel) or model.gan_loss != "wasserstein":
        return None
    if source is None or model.packing > 1 or isinstance(model, ConditionalModel):
        return None
    count = min(MATCHED, len(source))
    sample = sample_name(count, len(source))

    def measure(names):
        real = pipeline.examples(source, ("image",), count)["image"]
        generated = generate(model, count)
        slopes = wasserstein.lipschitz_estimate(model.discriminator, real, generated, PAIRS, SEED)
        estimate = wasserstein.critic_estimate(model.discriminator, real, generated)
        largest = max(slopes.largest_gradient, slopes.largest_quotient)
        values = {
            f"critic_estimate_{sample}": estimate,
            f"critic_largest_slope_{PAIRS}": largest,
            f"critic_mean_slope_{PAIRS}": slopes.mean_gradient,
            # A lower bound of the exact distance.
            f"critic_estimate_over_slope_{sample}": estimate / largest,
            # Close to the exact distance if the critic's slope is about the same everywhere.
            f"critic_estimate_over_mean_slope_{sample}": estimate / slopes.mean_gradient,
            f"wasserstein_{sample}": wasserstein.exact(real, generated),
        }
        title = (
            f"the critic's estimate on {count:,} real and {count:,} generated examples, and the "
            "exact distance between them"
        )
        return Result(title, values)

    # Within one run a lower estimate means a better generator.
    return Task(NAME, {"critic_estimate": True}, measure)
