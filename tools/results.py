"""Writes docs/results.md and its images from run folders.

    python tools/results.py runs/00001-pix2pix-facades runs/00002-dcgan-mnist …

Every figure is read from the runs' own files; nothing is typed in.
"""

import json
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from PIL import Image

from kgan.cli import settings
from kgan.metrics.comparison import ERROR

DOCS = ROOT / "docs"
WIDEST = 560  # pixels of an image in docs
# What changes no result, or is written elsewhere.
UNSAID = (
    *settings.PLACES,
    "data_dir",
    "manual_dir",
    "export_dir",
    "export",
    "evaluate",
    "strategy",
    "epochs",
    "cache_gb",
    "log_every",
    "sample_every",
    "sync_batch_norm",
)
HEAD = """# Results

Made by `python tools/results.py RUN …` from the runs' own files; nothing is typed in but what the
documents and papers say. One seed a row. Runs are short, as the table says, and most shared their
machine with other runs: a row with 1 core had that one to itself and other runs beside it, so that
its images/s are lower bounds. What was learned counts here, not the clock.

The estimate of WGAN is K times the Wasserstein distance with an unknown K. L1 is on the scale of
images in [-1, 1]; `l1_constant_colour_per_class` is the best answer that paints each class in one
colour, `l1_noise_floor` what the noise of the drawn photo alone causes. Digits are what kgan's
digit network sees among 10,000 drawn ones (`python tools/judge_digits.py`); divergence from even is
KL in nats, from 0 to 2.3; the class score is exp E KL(p(y|x) ‖ p(y)) of that network, 9.6 for real
digits. Likelihoods are means over unseen images with their standard errors, in nats but where
bits are said: `log_likelihood_nats_500_N` of N random-bit images by 500 importance samples each,
a lower bound, as `elbo_nats_N` is a lower one; `log_likelihood_logit_nats_N` exact, of dequantised
images in logit space, whose `bits_per_dimension_N` are those of their 256 levels.

What was compared with several seeds has pages of its own:

| page | what |
|---|---|
| [metrics.md](metrics.md) | each metric beside what is known without kgan |
| [critics.md](critics.md) | the critic's estimate beside the Wasserstein distance itself |
| [scores.md](scores.md) | FID, KID, coverage of four schemes at equal updates and equal time |
| [mixtures.md](mixtures.md) | modes on the ring and the grid: GAN, PacGAN2, WGAN-GP |
| [stacked.md](stacked.md) | modes of stacked MNIST |
| [adaptation.md](adaptation.md) | from MNIST's labels to USPS' digits |
| [remedies.md](remedies.md) | the remedies against mode collapse |
| [experiments.md](experiments.md) | the experiments that the course lists |
| [optimizers.md](optimizers.md) | six optimisers of the generator at four rates |

"""
TABLE = """| run | command, settings | steps | time, cores | images/s (median) | peak memory | result | the document or paper |
|---|---|---|---|---|---|---|---|
"""  # noqa: E501
SAID = {
    "pix2pix-facades": "the paper's facades are others (256 px, 200 epochs), and it gives no L1",
    "camvid_to_photo": "no figure for CamVid",
    "camvid_to_labels": "no figure for CamVid",
    "scenes": "`001` names depth from an image as an example, without a figure",
    "dcgan_mnist": "`004`, 1.2: images, no figure",
    "dcgan_cifar10": "`004` asks to try it, no figure",
    "gan_mnist": "`002`, 2.6: readable digits, poor in variety",
    "gan_sevens_and_eights": "`002`, figures 2.4 and 2.5: both digits, with shapes between them",
    "lsgan_mnist": "`001` gives the loss, no figure",
    "wgan_mnist": "paper, figure 3: the estimate falls as images get better",
    "wgan_course": "`002`, ch. 4: the estimate goes with quality, no figure",
    "wgan_authors_schedule": "`000`, 4: no figure",
    "wgan_gp_mnist": "paper: no figure for MNIST",
    "cgan_mnist": "`004`, 2.3: images, no figure",
    "cdcgan_mnist": "`004`, 2.2: images, no figure",
    "cdcgan_faces": "`004`, 2.1: images with several attributes at once, no figure",
    "sngan_mnist": "paper: Inception score 8.22, FID 21.7 on CIFAR-10, no MNIST",
    "vae_mnist": "`003`, III: no figure; published with 5,000 importance samples, after hours: VAE "
    "−86.4 nats, IWAE-50 −84.8",
    "flow_mnist": "`003`, II: no figure; published: RealNVP(5) −1323 nats in logit space, −1280 "
    "in a rerun; convolutional RealNVP 1.06 bits per dimension",
    "flow_ring": "no figure; the mixture itself has 4.25 nats",
    "mnist_to_usps": "`000`, figure of 6 x 3 triplets",
    "cyclegan": "a built-in pair of sets, in no paper",
    "cyclegan_day2dusk": "no figure for these images",
}
FOOT = """
## MNIST to USPS and back

![Six digits of MNIST's test part, as USPS, and back](mnist_usps_mnist.png)

The figure of `000`, drawn from the run above by
`python tools/triplets.py RUN docs/mnist_usps_mnist.png`.

## The game

![The vector field](vector_field.png)

The game of two numbers (`002`, figure 4.1): G draws the one point θ, D says φ · x, real examples
lie at 0. Both at once spiral outwards, one after the other circle, ever smaller steps follow the
field round its centre. `python tools/game_figures.py` draws it.

![The best discriminator](best_discriminator.png)

kgan's discriminator, trained on two known densities without sampling, beside p / (p + q); where
both are equal the objective is −ln 4 = −1.3863 (`003`). The same command draws it and prints the
distances.
"""


def read_lines(path: pathlib.Path) -> list[dict]:
    """Reads a file of one JSON object a line; none where it is not there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def judged(run: pathlib.Path) -> str:
    """Says what a digit classifier sees in what the run draws (tools/judge_digits.py)."""
    path = run / "judged_digits.json"
    if not path.exists():
        return ""
    found = json.loads(path.read_text())
    agreement = found.get("agreement")
    asked = "" if agreement is None else f"{agreement:.1%} are the digit that was asked for, "
    return (
        f"; of {found['drawn']:,} drawn digits {asked}{found['digits_found']} of 10 digits found, "
        f"divergence from even {found['divergence_from_even']:.3f}, class score "
        f"{found['class_score']:.2f} (classifier {found['classifier_accuracy']:.1%} right on real "
        "ones)"
    )


def cycles(train: list[dict], evaluations: list[dict]) -> str:
    """Says how the reconstruction errors fell, and what they are of unseen images."""
    tenth = max(1, len(train) // 10)

    def mean(name, lines):
        return statistics.mean(line[name] for line in lines)

    return (
        "reconstruction error, first and last tenth: "
        + ", ".join(
            f"{side} {mean(name, train[:tenth]):.3f} to {mean(name, train[-tenth:]):.3f}"
            for side, name in (("A", "g_loss_cycle_a"), ("B", "g_loss_cycle_b"))
        )
        + "".join(
            f"; {name} {value:.4f} ± {evaluations[-1][name + ERROR]:.4f}"
            for name, value in (evaluations[-1].items() if evaluations else ())
            if name.startswith("reconstruction") and name + ERROR in evaluations[-1]
        )
    )


def likelihoods(lines: list[dict]) -> str:
    """Says how probable unseen examples are; nothing where nobody measured it."""
    lines = [line for line in lines if line["part"] == "test"]
    if not lines:
        return ""
    found = lines[-1]
    names = [name for name in found if name + ERROR in found]
    most = max(int(name.rpartition("_")[2]) for name in names)
    return ", ".join(
        f"{name} {found[name]:.3f} ± {found[name + ERROR]:.3f}"
        for name in names
        if name.endswith(f"_{most}")
    )


def outcome(train: list[dict], evaluations: list[dict]) -> str:
    """Says what the run reached: measures of pairs, the course of the Wasserstein estimate."""
    if "g_loss_cycle_a" in train[0]:
        return cycles(train, evaluations)
    if evaluations:
        kept = {k: v for k, v in evaluations[-1].items() if isinstance(v, float) and k != "time"}
        count = evaluations[-1]["pictures"]
        return f"{count} unseen images: " + ", ".join(f"{k} {v:.4f}" for k, v in kept.items())
    if "wasserstein" in train[0]:
        tenth = max(1, len(train) // 10)
        values = [line["wasserstein"] for line in train]
        peak = max(range(len(values)), key=values.__getitem__)
        last = statistics.mean(values[-tenth:])
        return (
            f"Wasserstein estimate: peak {values[peak]:.4f} at step {train[peak]['step']}, mean of "
            f"the last tenth {last:.4f}"
        )
    tenth = train[-max(1, len(train) // 10) :]
    means = {
        k: statistics.mean(line[k] for line in tenth)
        for k in ("d_loss", "g_loss", "loss")
        if k in tenth[0]
    }
    return "last tenth: " + ", ".join(f"{k} {v:.3f}" for k, v in means.items())


def command(run: pathlib.Path, name: str) -> str:
    """Writes what trained a run: its flagfile, and the flags that say something else than it."""
    recipe = DOCS.parent / "flags" / f"{name}.cfg"
    given = [f"--flagfile={recipe}"] if recipe.exists() else ["--model=pix2pix"]
    usual = settings.flagfile_text(settings.parse(given)).splitlines()
    changed = []
    for line in (run / "flags.cfg").read_text().splitlines():
        flag, _, value = line.removeprefix("--").partition("=")
        if line not in usual and flag not in UNSAID and flag.removeprefix("no") not in UNSAID:
            changed.append(f"--dataset={pathlib.Path(value).name}" if flag == "dataset" else line)
    first = f"--flagfile=flags/{name}.cfg" if recipe.exists() else "--model=pix2pix"
    return f"`{' '.join((first, *changed))}`"


def row(run: pathlib.Path) -> str:
    """Writes a run's row of the table and its shown into docs."""
    lines = read_lines(run / "metrics.jsonl")
    train = [line for line in lines if line["kind"] == "train"]
    end = [line for line in lines if line["kind"] == "end"][-1]
    name = run.name.partition("-")[2]
    shown = sorted((run / "samples").glob("step-*.png"))[-1]
    image = Image.open(shown)
    if image.width > WIDEST:
        image = image.resize((WIDEST, image.height * WIDEST // image.width), Image.LANCZOS)
    image.save(DOCS / f"{name}.png", optimize=True)
    speed = statistics.median(line["images_per_second"] for line in train)
    reached = likelihoods(read_lines(run / "metrics-likelihood.jsonl"))
    evaluations = [
        line for kind in ("pairs", "cycles") for line in read_lines(run / f"metrics-{kind}.jsonl")
    ]
    reached = reached or outcome(train, evaluations)
    cores = f"{end['cores']:.0f} core" + "s" * (end["cores"] > 1)
    return (
        f"| [{name}]({name}.png) | {command(run, name)} | {train[-1]['step']:,} | "
        f"{train[-1]['seconds'] / 60:.1f} min, {cores} | {speed:.3g} | "
        f"{end['peak_memory_mb'] / 1024:.1f} GB | "
        f"{reached}{judged(run)} | "
        f"{SAID.get(name, '—')} |\n"
    )


if __name__ == "__main__":
    page = DOCS / "results.md"
    # Rows of runs that are not given stay as they are.
    lines = page.read_text().splitlines(keepends=True) if page.exists() else []
    runs = [line for line in lines if line.startswith("| [") and ".png) |" in line]
    rows = {line.partition("]")[0]: line for line in runs}
    for argument in sys.argv[1:]:
        made = row(pathlib.Path(argument))
        rows[made.partition("]")[0]] = made
    order = {f"| [{name}": number for number, name in enumerate(SAID)}
    ordered = sorted(rows, key=lambda key: order.get(key, len(order)))
    page.write_text(HEAD + TABLE + "".join(rows[key] for key in ordered) + FOOT)
