"""Each kind of evaluation on models whose answers are known."""

import dataclasses

import keras
import numpy as np
import pytest

from kgan.data.builtin.mixtures import MIXTURES
from kgan.data.builtin.points import PointSource
from kgan.data.dataset import Dataset, Source
from kgan.evaluation import critic, cycles, generated, likelihood, points
from kgan.evaluation.selection import lower_is_better, select
from kgan.evaluation.task import Request
from kgan.metrics import features
from kgan.metrics.features import Extractor, Seen
from kgan.utils.errors import UserError


@dataclasses.dataclass(frozen=True)
class ImageFormat(Source):
    """Prepared images, uint8 [N, H, W, C], and labels."""

    levels: np.ndarray
    labels: tuple[int, ...] = ()

    def __len__(self):
        return len(self.levels)

    def read(self, index):
        label = {"label": np.int32(self.labels[index])} if self.labels else {}
        return {"image": self.levels[index], **label}


class Drawing:
    """A model whose image of seed n is the n-th of prepared ones, float32 in [-1, 1]."""

    gan_loss = "bce"
    packing = 1

    def __init__(self, answers):
        self.answers = np.asarray(answers, np.float32)
        self.told = []

    def latents_from_seeds(self, numbers):
        return np.asarray(numbers)

    def generate(self, latents, *told):
        self.told += [row for rows in told for row in rows]
        return self.answers[latents]


class Translating:
    """Adds 0.1 on the way from A to B, and takes 0.3 away on the way back."""

    @dataclasses.dataclass(frozen=True)
    class Way:
        added: float

        def translate(self, images, seed=0):
            return (images + self.added).astype(np.float32)

    ways = {"AtoB": Way(0.1), "BtoA": Way(-0.3)}


def levels(count, seed=0, shape=(4, 4, 1)):
    return np.random.default_rng(seed).integers(60, 200, (count, *shape)).astype(np.uint8)


def as_domain(images):
    return images.astype(np.float32) / 127.5 - 1


@pytest.fixture(autouse=True)
def mean_and_first(monkeypatch):
    """Features that can be worked out: the mean of an image and its first pixel; 2 classes."""

    def look(images):
        flat = images.reshape(len(images), -1)
        bright = (flat.mean(axis=1) > 0).astype(np.float32)
        return Seen(np.stack([flat.mean(axis=1), flat[:, 0]], 1), np.stack([1 - bright, bright], 1))

    known = Extractor("plain", "1", look)
    found = features.find
    monkeypatch.setattr(features, "find", lambda n: known if n == "plain" else found(n))


def measured(task, *names):
    return task.measure(names or tuple(task.metrics))


def test_a_perfect_generator_is_told_apart_from_nothing():
    real = levels(400)
    collection = Dataset("made", "images", {"test": ImageFormat(real)}, "made", features="plain")
    task = generated.make_task(Drawing(as_domain(real)), collection, Request())
    result = measured(task)
    values = result.values
    assert values["fid_plain_400"] == pytest.approx(0, abs=1e-9)
    assert values["precision_plain_400"] == values["recall_plain_400"] == 1
    assert values["coverage_plain_400"] == 1
    assert values["sliced_wasserstein_plain_400"] == pytest.approx(0, abs=1e-6)
    assert values["class_divergence_plain_400"] == values["class_divergence_of_real_plain_400"]
    assert result.unavailable == {} and "400 generated" in result.title and "plain" in result.title


def test_a_brighter_generator_is_as_far_away_as_it_is_brighter():
    real = levels(300)
    collection = Dataset("made", "images", {"test": ImageFormat(real)}, "made", features="plain")
    task = generated.make_task(Drawing(as_domain(real) + 0.5), collection, Request())
    values = measured(task, "fid", "sliced_wasserstein", "modes").values
    # Both features are 0.5 higher, with the same covariance: 0.5² + 0.5².
    assert values["fid_plain_300"] == pytest.approx(0.5, rel=1e-4)
    assert set(values) == {
        "fid_plain_300",
        "fid_plain_300_standard_error",
        "sliced_wasserstein_plain_300",
        "modes_plain_300",
    }


def test_no_more_images_are_drawn_than_asked_for_and_than_there_are_real_ones():
    real = levels(50)
    collection = Dataset("made", "images", {"test": ImageFormat(real)}, "made", features="plain")
    model = Drawing(as_domain(levels(500, 1)))
    few = generated.make_task(model, collection, Request(count=20))
    assert "sliced_wasserstein_plain_20" in measured(few, "sliced_wasserstein").values
    all_of_them = generated.make_task(model, collection, Request(count=300))
    assert "sliced_wasserstein_plain_50" in measured(all_of_them, "sliced_wasserstein").values


def test_too_few_images_are_said_and_give_no_number():
    real = levels(2)
    collection = Dataset("made", "images", {"test": ImageFormat(real)}, "made", features="plain")
    result = measured(generated.make_task(Drawing(as_domain(real)), collection, Request()), "fid")
    assert result.values == {}
    assert "2" in result.unavailable["fid"] and "\n" not in result.unavailable["fid"]


def test_a_conditional_model_is_asked_for_what_the_real_images_show():
    labels = (3, 1, 0, 2) * 10
    names = tuple("0123")
    source = ImageFormat(levels(40), labels)
    collection = Dataset("made", "labelled", {"test": source}, "made", names, features="plain")
    model = Drawing(as_domain(levels(40, 1)))
    model.condition_size = 4
    measured(generated.make_task(model, collection, Request()), "modes")
    assert np.argmax(model.told, axis=1).tolist() == list(labels)


def test_a_model_that_draws_nan_is_refused():
    real = levels(40)
    collection = Dataset("made", "images", {"test": ImageFormat(real)}, "made", features="plain")
    answers = as_domain(real)
    answers[7, 0, 0, 0] = np.nan
    with pytest.raises(UserError, match="NaN"):
        measured(generated.make_task(Drawing(answers), collection, Request()), "fid")


def test_points_of_four_modes_of_the_ring_are_four():
    mixture = MIXTURES["ring"]
    own = dataclasses.replace(mixture, centres=mixture.centres[:4]).sample(2500, (5,))
    own[:100] = 50.0
    parts = {"test": PointSource(mixture.sample(3000, (1,)))}
    collection = Dataset("ring", "points", parts, "made", mixture=mixture)
    values = measured(points.make_task(Drawing(own), collection, Request())).values
    assert values["modes_2500"] == 4
    # 2,400 of them are real ones, 98.9 % of which are within three deviations.
    assert values["high_quality_2500"] == pytest.approx(0.96 * 0.98889, abs=0.008)
    # 100 of the first 1,000 lie at (50, 50), about 70 away; half of the others have to move over.
    assert values["wasserstein_1000"] > 7
    assert values["wasserstein_1000_of_real"] < 0.2


def test_what_comes_back_both_ways_is_measured():
    parts = {"test_a": ImageFormat(levels(30)), "test_b": ImageFormat(levels(20, 1))}
    collection = Dataset("made", "unpaired", parts, "made", features="plain")
    task = cycles.make_task(Translating(), collection, Request())
    values = measured(task, "reconstruction", "sliced_wasserstein").values
    # 0.1 − 0.3 either way.
    assert values["reconstruction_l1_AtoB_30"] == pytest.approx(0.2, rel=1e-5)
    assert values["reconstruction_l1_BtoA_20"] == pytest.approx(0.2, rel=1e-5)
    assert values["reconstruction_l1_AtoB_30_standard_error"] < 1e-6
    assert {"sliced_wasserstein_AtoB_plain_30", "sliced_wasserstein_BtoA_plain_20"} < set(values)


def test_two_sets_without_known_features_are_measured_by_what_comes_back_alone():
    parts = {"test_a": ImageFormat(levels(3)), "test_b": ImageFormat(levels(3, 1))}
    collection = Dataset("made", "unpaired", parts, "made")
    task = cycles.make_task(Translating(), collection, Request())
    assert list(task.metrics) == ["reconstruction"]


def linear_critic(slope):
    image = keras.Input((2, 2, 1))
    score = keras.layers.Dense(1, use_bias=False)(keras.layers.Flatten()(image))
    critic = keras.Model(image, score)
    critic.set_weights([np.float32([[slope], [0.0], [0.0], [0.0]])])
    return critic


def test_a_linear_critic_is_as_steep_as_its_weights():
    real = levels(60, shape=(2, 2, 1))
    model = Drawing(as_domain(real) - np.float32([[[0.5], [0]], [[0], [0]]]))
    model.gan_loss, model.discriminator = "wasserstein", linear_critic(3.0)
    collection = Dataset("made", "images", {"test": ImageFormat(real)}, "made")
    values = measured(critic.make_task(model, collection, Request())).values
    assert values["critic_estimate_60"] == pytest.approx(1.5, rel=1e-4)  # 3 · 0.5
    assert values["critic_mean_slope_5000"] == pytest.approx(3, rel=1e-5)
    assert values["critic_estimate_over_slope_60"] == pytest.approx(0.5, rel=1e-4)
    assert values["critic_estimate_over_mean_slope_60"] == pytest.approx(0.5, rel=1e-4)
    # All moved by 0.5, and pairs may be nearer when matched otherwise.
    assert 0.2 < values["wasserstein_60"] <= 0.5 + 1e-6


def test_only_critics_that_see_one_example_at_a_time_are_measured():
    real = levels(10, shape=(2, 2, 1))
    collection = Dataset("made", "images", {"test": ImageFormat(real)}, "made")
    model = Drawing(as_domain(real))
    assert critic.make_task(model, collection, Request()) is None
    model.gan_loss, model.packing = "wasserstein", 2
    assert critic.make_task(model, collection, Request()) is None


def test_metrics_that_do_not_fit_are_refused_and_those_that_do_are_named():
    collection = Dataset("made", "images", {"test": ImageFormat(levels(9))}, "x", features="plain")
    model = Drawing(as_domain(levels(9)))
    with pytest.raises(UserError) as caught:
        select(model, collection, Request(metrics=["fid", "ssim"], flag="validate_metrics"))
    assert str(caught.value).startswith("--validate_metrics=ssim: ")
    assert "fid, kid" in str(caught.value)
    ((task, names),) = select(model, collection, Request(metrics=["kid", "fid"]))
    assert (task.name, names) == ("drawings", ["fid", "kid"])


def test_nothing_fits_images_of_which_no_features_are_known():
    collection = Dataset("made", "images", {"test": ImageFormat(levels(9))}, "made")
    assert select(Drawing(as_domain(levels(9))), collection, Request()) == []
    found = select(Drawing(as_domain(levels(9))), collection, Request(features="pixels"))
    assert [task.name for task, _ in found] == ["drawings"]
    assert "class_score" not in found[0][1]


class Weighing:
    """A model whose importance weights of example n are exp(n) and exp(n) · e² in turns."""

    asked = None

    def take_averages(self):
        self.asked = []

    def log_weights(self, images, numbers, samples):
        self.asked.append((np.asarray(images), np.asarray(numbers)))
        return np.asarray(numbers)[:, np.newaxis] + np.tile([0.0, 2.0], samples // 2)


class Knowing:
    """A model that knows densities: −n nats and n bits for example n."""

    def take_averages(self):
        pass

    def log_densities(self, images, numbers):
        numbers = np.asarray(numbers, float)
        return {"log_likelihood_logit_nats": -numbers, "bits_per_dimension": numbers}


def test_bounds_of_a_model_that_weighs_latents():
    real = levels(45)
    collection = Dataset("made", "images", {"test": ImageFormat(real)}, "made")
    model = Weighing()
    result = measured(likelihood.make_task(model, collection, Request(count=41)))
    values = result.values
    # Numbers 0 … 40 have the mean 20 and the variance 143.5.
    assert values["elbo_nats_41"] == pytest.approx(21)
    expected = 20 + np.log((1 + np.exp(2)) / 2)
    assert values["log_likelihood_nats_500_41"] == pytest.approx(expected)
    error = np.sqrt(143.5 / 41)
    assert values["log_likelihood_nats_500_41_standard_error"] == pytest.approx(error)
    assert len(values) == 4 and "41 images of the test part" in result.title
    # Every example once, with the number of its place.
    np.testing.assert_array_equal(np.concatenate([n for _, n in model.asked]), np.arange(41))
    shown = np.concatenate([images for images, _ in model.asked])
    np.testing.assert_allclose(shown, as_domain(real[:41]), atol=1e-6)


def test_densities_of_a_model_that_knows_them():
    collection = Dataset("made", "images", {"test": ImageFormat(levels(5))}, "made")
    task = likelihood.make_task(Knowing(), collection, Request())
    values = measured(task).values
    assert values["log_likelihood_logit_nats_5"] == -2 and values["bits_per_dimension_5"] == 2
    assert values["bits_per_dimension_5_standard_error"] == pytest.approx(np.sqrt(2.5 / 5))
    assert set(measured(task, "bits_per_dimension").values) == {
        "bits_per_dimension_5",
        "bits_per_dimension_5_standard_error",
    }


def test_density_of_points_stands_beside_that_of_the_mixture():
    mixture = MIXTURES["grid"]
    parts = {"test": PointSource(mixture.sample(2000, (1,)))}
    collection = Dataset("grid", "points", parts, "made", mixture=mixture)
    model = Knowing()
    model.log_densities = lambda points, numbers: {"log_likelihood_nats": np.zeros(len(numbers))}
    values = measured(likelihood.make_task(model, collection, Request())).values
    # −(ln 2π σ² + 1) − ln 25: modes so far apart that one alone counts.
    expected = -np.log(2 * np.pi * 0.05**2) - 1 - np.log(25)
    assert values["log_likelihood_nats_of_mixture_2000"] == pytest.approx(expected, abs=0.06)


def test_likelihoods_are_better_the_higher_and_bits_the_lower():
    assert lower_is_better("likelihood", "bits_per_dimension_10") is True
    assert lower_is_better("likelihood", "log_likelihood_nats_500_10") is False
    assert lower_is_better("likelihood", "elbo_nats_10") is False
    assert lower_is_better("likelihood", "log_likelihood_nats_of_mixture_10") is None


def test_a_model_without_a_density_has_no_likelihood():
    collection = Dataset("made", "images", {"test": ImageFormat(levels(9))}, "made")
    assert likelihood.make_task(Drawing(as_domain(levels(9))), collection, Request()) is None
