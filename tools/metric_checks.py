"""Holds each metric against a value known without kgan, and writes docs/metrics.md.

    python tools/metric_checks.py --manual_dir=MNIST [--data_dir=TFDS]

Known are closed forms, what other libraries compute, and what real data must give. A line outside
its tolerance ends with status 1.
"""

import argparse
import dataclasses
import math
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import scipy.linalg
import scipy.optimize
import scipy.stats
from skimage import metrics as skimage_metrics

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

SEED = 0
HEAD = """# Metrics beside what is known

Made by `python tools/metric_checks.py --manual_dir=MNIST`: each metric of `kgan.metrics` beside a
closed form, another library, or what real data must give. `tests/metrics/` holds the same and more,
in small. Within says how far off it may be: rounding where both compute the same, the deviation of
the draw where a sample stands for a distribution.

| metric | of what | known from | known | kgan | within |
|---|---|---|---|---|---|
"""


@dataclasses.dataclass(frozen=True)
class Check:
    """A metric beside what it must be.

    Args:
        metric: its name.
        case: what it is taken of.
        source: where the known value is from.
        known: the value.
        found: kgan's.
        within: how far off it may be.
    """

    metric: str
    case: str
    source: str
    known: float
    found: float
    within: float

    @property
    def holds(self) -> bool:
        return abs(self.found - self.known) <= self.within

    def row(self) -> str:
        """Writes a line of the table."""
        numbers = [f"{number:.6g}" for number in (self.known, self.found, self.within)]
        return f"| {self.metric} | {self.case} | {self.source} | {' | '.join(numbers)} |\n"


def distances():
    """Checks the distances between sets of features."""
    rng = np.random.default_rng(SEED)
    first = fid.Statistics(np.array([0.0, 0.0]), np.diag([1.0, 4.0]), 10**6)
    second = fid.Statistics(np.array([3.0, 4.0]), np.diag([9.0, 1.0]), 10**6)
    yield Check(
        "FID",
        "two Gaussians along the axes",
        "closed form, 25 + (3 − 1)² + (2 − 1)²",
        30.0,
        fid.frechet_distance(first, second),
        1e-9,
    )
    sets = [rng.standard_normal((5000, 64)) @ rng.standard_normal((64, 64)) for _ in range(2)]
    means, covariances = zip(*[(s.mean(axis=0), np.cov(s.T)) for s in sets], strict=True)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    known = ((means[0] - means[1]) ** 2).sum() + np.trace(sum(covariances) - 2 * root)
    own = [fid.Statistics.from_features(s) for s in sets]
    yield Check(
        "FID",
        "5,000 vectors of 64 correlated features each",
        "scipy.linalg.sqrtm",
        known,
        fid.frechet_distance(*own),
        1e-6 * known,
    )
    values = np.array(
        [
            kid.kernel_distance(*rng.standard_normal((2, 200, 8)), blocks=4, seed=n)[0]
            for n in range(400)
        ]
    )
    yield Check(
        f"KID (negative in {(values < 0).mean():.0%})",
        "mean of 400 pairs of equal distributions",
        "unbiased: 0",
        0.0,
        values.mean(),
        3 * values.std() / 20,
    )
    shifted = sets[0][:2000, :1], sets[0][:2000, :1] + 0.7
    yield Check(
        "sliced Wasserstein",
        "2,000 numbers and a copy 0.7 further on",
        "closed form",
        0.7,
        sliced_wasserstein.sliced_wasserstein(*shifted, seed=SEED),
        1e-9,
    )
    line = rng.standard_normal(3000), rng.gamma(2.0, size=1500)
    yield Check(
        "sliced Wasserstein",
        "3,000 and 1,500 numbers",
        "scipy.stats.wasserstein_distance",
        scipy.stats.wasserstein_distance(*line),
        sliced_wasserstein.sliced_wasserstein(*(x[:, None] for x in line), seed=SEED, power=1),
        1e-9,
    )
    points = rng.standard_normal((500, 16))
    yield Check(
        "exact Wasserstein",
        "500 points in 16-D and a copy 3 further on",
        "closed form",
        3.0,
        wasserstein.exact(points, points + 3 / math.sqrt(16)),
        1e-6,
    )
    yield Check(
        "exact Wasserstein",
        "1,000 of each of two parallel lines 0.5 apart",
        "closed form",
        0.5,
        wasserstein.exact(*wasserstein.sample_parallel_lines(1000, 0.5, SEED)),
        0.02,
    )


def supports():
    """Checks precision and recall on two discs of which each covers half of the other."""
    rng = np.random.default_rng(SEED)
    apart = scipy.optimize.brentq(lambda d: _overlap(d) - 0.5, 0.1, 1.9)
    angle, radius = 2 * np.pi * rng.random((2, 10_000)), np.sqrt(rng.random((2, 10_000)))
    discs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    discs[1, :, 0] += apart
    precision, recall = precision_recall.precision_recall(discs[1], discs[0])
    density, coverage = precision_recall.density_coverage(discs[1], discs[0])
    expected = precision_recall.expected_coverage(10_000, 10_000)
    for name, known, found in (
        ("precision", 0.5, precision),
        ("recall", 0.5, recall),
        ("density", 0.5, density),
        ("coverage", 0.5 * expected, coverage),
    ):
        yield Check(
            name,
            "10,000 points of each of two discs that overlap by half",
            "geometry",
            known,
            found,
            0.03,
        )


def _overlap(apart: float) -> float:
    """Computes the share of a unit disc that another one covers."""
    return (2 * math.acos(apart / 2) - apart / 2 * math.sqrt(4 - apart**2)) / math.pi


def mixtures():
    """Checks modes and quality on real points; within a normal's 3 deviations in 2-D: 98.89 %."""
    for name, count in (("ring", 8), ("grid", 25)):
        collection = open_dataset(name, ImageFormat(None, None), kind="points")
        source = collection.parts["test"]
        points = pipeline.examples(source, ("image",), 2500)["image"]
        found = mode_coverage.modes_found(points, collection.mixture)
        yield Check(f"modes, {name}", "2,500 real points", "all", count, found.modes, 0)
        yield Check(
            f"high quality, {name}",
            "2,500 real points",
            "1 − exp(−9/2)",
            1 - math.exp(-4.5),
            found.high_quality,
            0.006,
        )


def translations():
    """Checks the measures of pairs on noisy images of 256 levels."""
    rng = np.random.default_rng(SEED)
    target = rng.integers(0, 256, (64, 64, 3))
    answer = np.clip(target + rng.integers(-40, 41, target.shape), 0, 255)
    as_floats = [np.float32(x[None] / 127.5 - 1) for x in (answer, target)]
    yield Check(
        "PSNR",
        "an image with noise",
        "scikit-image on 256 levels",
        skimage_metrics.peak_signal_noise_ratio(
            target.astype(np.uint8), answer.astype(np.uint8), data_range=255
        ),
        translation.psnr(*as_floats)[0],
        1e-4,
    )
    yield Check(
        "SSIM",
        "an image with noise",
        "scikit-image on 256 levels",
        skimage_metrics.structural_similarity(
            target.astype(np.uint8),
            answer.astype(np.uint8),
            data_range=255,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        ),
        translation.ssim(*as_floats)[0],
        1e-4,
    )
    wanted, answered = np.array([[[0, 0], [1, 2]]]), np.array([[[0, 1], [1, 1]]])
    yield Check(
        "mean IoU",
        "four pixels of three classes",
        "by hand, (1/2 + 1/3 + 0)/3",
        5 / 18,
        translation.mean_iou(answered, wanted, 3),
        1e-12,
    )


def digits(data_dir: str | None, manual_dir: str | None):
    """Checks what the digit network says of real digits and triples."""
    for name, size, kind in (("mnist", 28, "labelled"), ("stacked_mnist", 28, "images")):
        channels = 1 if name == "mnist" else None
        collection = open_dataset(
            name,
            ImageFormat((size, size), (size, size), channels),
            kind=kind,
            data_dir=data_dir,
            manual_dir=manual_dir,
        )
        source = collection.parts["test"]
        images = pipeline.examples(source, ("image",), len(source))["image"]
        seen = features.find(collection.features)(images)
        counts = class_scores.class_counts(seen.probabilities)
        if name == "mnist":
            labels = pipeline.examples(source, ("label",), len(source))["label"]
            right = (seen.probabilities.argmax(axis=1) == labels).mean()
            yield Check(
                "digit network",
                "MNIST's 10,000 test digits",
                "error of 1 % at most",
                1.0,
                right,
                0.01,
            )
            continue
        yield Check(
            "modes, stacked MNIST",
            "26,000 real triples",
            "all",
            1000,
            class_scores.modes_found(counts),
            0,
        )
        yield Check(
            "divergence, stacked MNIST",
            "26,000 real triples",
            "labels that are not quite even, and 999/52,000",
            0.0236,
            class_scores.class_divergence(counts),
            0.003,
        )
    rng = np.random.default_rng(SEED)
    even = np.bincount(rng.integers(0, 1000, 26_000), minlength=1000)
    yield Check(
        "divergence",
        "26,000 even draws of 1,000 classes",
        "999/52,000",
        999 / 52_000,
        class_scores.class_divergence(even),
        0.0027,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data_dir", help="where TFDS keeps prepared sets")
    parser.add_argument("--manual_dir", help="MNIST's four files")
    given = parser.parse_args()
    checks = [
        *distances(),
        *supports(),
        *mixtures(),
        *translations(),
        *digits(given.data_dir, given.manual_dir),
    ]
    page = HEAD + "".join(check.row() for check in checks)
    print(page)
    wrong = [check for check in checks if not check.holds]
    if wrong:
        raise SystemExit("wrong:\n" + "".join(check.row() for check in wrong))
    (ROOT / "docs" / "metrics.md").write_text(page)


if __name__ == "__main__":
    main()
