"""Each metric next to a value that is known without kgan: docs/metrics.md.

    python -m tools.metrics --manual_dir=MNIST [--data_dir=TFDS]

Known values are closed forms, results of other libraries, and what real data must give. A line
outside its tolerance ends with status 1 and leaves the page as it was. Two minutes on one core.
"""

import math
from collections.abc import Sequence

import numpy as np
import scipy.linalg
import scipy.optimize
import scipy.stats
from skimage import metrics as skimage_metrics

from kgan.cli import entry
from kgan.data import pipeline
from kgan.data.dataset import ImageFormat
from kgan.data.registry import open_dataset
from kgan.metrics import (
    class_scores,
    features,
    fid,
    kid,
    mode_coverage,
    precision_recall,
    sliced_wasserstein,
    translation,
    wasserstein,
)
from tools import command, known_distances

SEED = 0


# Each check: metric, case, source of the known value, known value, kgan's value, tolerance.


def distances():
    """Checks the distances between sets of features."""
    rng = np.random.default_rng(SEED)
    first = fid.Statistics(np.array([0.0, 0.0]), np.diag([1.0, 4.0]), 10**6)
    second = fid.Statistics(np.array([3.0, 4.0]), np.diag([9.0, 1.0]), 10**6)
    found = fid.frechet_distance(first, second)
    form = "closed form, 25 + (3 − 1)² + (2 − 1)²"
    yield "FID", "two Gaussians along the axes", form, 30.0, found, 1e-9

    sets = [rng.standard_normal((5000, 64)) @ rng.standard_normal((64, 64)) for _ in range(2)]
    means, covariances = zip(*[(s.mean(axis=0), np.cov(s.T)) for s in sets], strict=True)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    known = ((means[0] - means[1]) ** 2).sum() + np.trace(sum(covariances) - 2 * root)
    found = fid.frechet_distance(*(fid.Statistics.from_features(s) for s in sets))
    case = "5,000 vectors of 64 correlated features each"
    yield "FID", case, "scipy.linalg.sqrtm", known, found, 1e-6 * known

    pairs = (rng.standard_normal((2, 200, 8)) for _ in range(400))
    values = np.array([kid.kernel_distance(*p, blocks=4, seed=n)[0] for n, p in enumerate(pairs)])
    name, case = f"KID (negative in {(values < 0).mean():.0%})", "mean of 400 pairs of equal "
    within = 3 * values.std() / 20
    yield name, case + "distributions", "unbiased: 0", 0.0, values.mean(), within

    name, form = "sliced Wasserstein", "closed form"
    shifted = sets[0][:2000, :1], sets[0][:2000, :1] + 0.7
    found = sliced_wasserstein.sliced_wasserstein(*shifted, seed=SEED)
    yield name, "2,000 numbers and a copy shifted by 0.7", form, 0.7, found, 1e-9

    line = rng.standard_normal(3000), rng.gamma(2.0, size=1500)
    known = scipy.stats.wasserstein_distance(*line)
    found = sliced_wasserstein.sliced_wasserstein(*(x[:, None] for x in line), seed=SEED, power=1)
    source = "scipy.stats.wasserstein_distance"
    yield name, "3,000 and 1,500 numbers", source, known, found, 1e-9

    points, name = rng.standard_normal((500, 16)), "exact Wasserstein"
    found = wasserstein.exact(points, points + 3 / math.sqrt(16))
    yield name, "500 points in 16-D and a copy shifted by 3", form, 3.0, found, 1e-6
    found = wasserstein.exact(*known_distances.sample_parallel_lines(1000, 0.5, SEED))
    yield name, "1,000 points of each of two parallel lines 0.5 apart", form, 0.5, found, 0.02


def supports():
    """Checks precision and recall on two discs that each cover half of the other."""
    rng = np.random.default_rng(SEED)
    apart = scipy.optimize.brentq(lambda d: _overlap(d) - 0.5, 0.1, 1.9)
    angle, radius = 2 * np.pi * rng.random((2, 10_000)), np.sqrt(rng.random((2, 10_000)))
    discs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    discs[1, :, 0] += apart
    precision, recall = precision_recall.precision_recall(discs[1], discs[0])
    density, coverage = precision_recall.density_coverage(discs[1], discs[0])
    expected = precision_recall.expected_coverage(10_000, 10_000)
    case = "10,000 points of each of two discs that overlap by half"
    for name, known, found in (
        ("precision", 0.5, precision),
        ("recall", 0.5, recall),
        ("density", 0.5, density),
        ("coverage", 0.5 * expected, coverage),
    ):
        yield name, case, "geometry", known, found, 0.03


def _overlap(apart: float) -> float:
    """Computes the share of a unit disc that another one covers."""
    return (2 * math.acos(apart / 2) - apart / 2 * math.sqrt(4 - apart**2)) / math.pi


def mixtures():
    """Checks modes and quality on real points; 98.89 % of a 2-D normal is within 3 deviations."""
    for name, count in (("ring", 8), ("grid", 25)):
        dataset = open_dataset(name, ImageFormat(None, None), kind="points")
        points = pipeline.examples(dataset.parts["test"], ("image",), 2500)["image"]
        found = mode_coverage.mode_coverage(points, dataset.mixture)
        case, known = "2,500 real points", 1 - math.exp(-4.5)
        yield f"modes, {name}", case, "all", count, found.modes, 0
        name = f"high quality, {name}"
        yield name, case, "1 − exp(−9/2)", known, found.high_quality, 0.006


def translations():
    """Checks the measures of pairs on noisy images of 256 levels."""
    rng = np.random.default_rng(SEED)
    target = rng.integers(0, 256, (64, 64, 3))
    answer = np.clip(target + rng.integers(-40, 41, target.shape), 0, 255)
    as_floats = [np.float32(x[None] / 127.5 - 1) for x in (answer, target)]
    levels = target.astype(np.uint8), answer.astype(np.uint8)
    case, source = "an image with noise", "scikit-image on 256 levels"
    known = skimage_metrics.peak_signal_noise_ratio(*levels, data_range=255)
    yield "PSNR", case, source, known, translation.psnr(*as_floats)[0], 1e-4
    known = skimage_metrics.structural_similarity(
        *levels,
        data_range=255,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    yield "SSIM", case, source, known, translation.ssim(*as_floats)[0], 1e-4
    wanted, answered = np.array([[[0, 0], [1, 2]]]), np.array([[[0, 1], [1, 1]]])
    case, source = "four pixels of three classes", "by hand, (1/2 + 1/3 + 0)/3"
    found = translation.mean_iou(answered, wanted, 3)
    yield "mean IoU", case, source, 5 / 18, found, 1e-12


def digits(given):
    """Checks the digit network on real digits and triples, and the divergence of even classes."""
    images, labels = command.read_digits("mnist", "test", 28, given)
    seen = features.find("digits")(images)
    right = (seen.probabilities.argmax(axis=1) == labels).mean()
    case, source = "MNIST's 10,000 test digits", "error of 1 % at most"
    yield "digit network", case, source, 1.0, right, 0.01

    folders = {"data_dir": given.data_dir, "manual_dir": given.manual_dir}
    shape = ImageFormat((28, 28), (28, 28))
    stacked = open_dataset("stacked_mnist", shape, kind="images", **folders)
    source = stacked.parts["test"]
    images = pipeline.examples(source, ("image",), len(source))["image"]
    counts = class_scores.class_counts(features.find(stacked.features)(images).probabilities)
    case, found = "26,000 real triples", class_scores.modes_found(counts)
    yield "modes, stacked MNIST", case, "all", 1000, found, 0
    source, found = "labels that are not quite even, and ", class_scores.class_divergence(counts)
    yield "divergence, stacked MNIST", case, source + "999/52,000", 0.0236, found, 0.003

    rng = np.random.default_rng(SEED)
    even = np.bincount(rng.integers(0, 1000, 26_000), minlength=1000)
    case, found = "26,000 even samples of 1,000 classes", class_scores.class_divergence(even)
    yield "divergence", case, "999/52,000", 999 / 52_000, found, 0.0027


def main(arguments: Sequence[str]) -> None:
    """Computes all values and writes the page if each is within its tolerance."""
    given = command.parse("metrics", arguments, data_dir=str, manual_dir=str)
    checks = [*distances(), *supports(), *mixtures(), *translations(), *digits(given)]
    table, wrong = command.columns("metric", "of", "source", "known", "kgan", "within"), ""
    for *words, known, found, within in checks:
        line = command.row(*words, *(f"{number:.6g}" for number in (known, found, within)))
        table += line
        wrong += line if not abs(found - known) <= within else ""
    print(table)
    if wrong:
        raise SystemExit(f"outside the tolerance:\n{wrong}")
    command.write("metrics", table)


if __name__ == "__main__":
    entry.run(main)
