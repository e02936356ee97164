"""Results of single runs, read from the runs' own files: docs/results.md.

    python -m tools.results --run=runs/00001-pix2pix-facades [--run=runs/00002-dcgan-mnist …]

Rows of runs that are not given stay as they are, and so do their images. Seconds.
"""

import json
import pathlib
import statistics
from collections.abc import Sequence

from PIL import Image

from kgan.cli import entry, settings
from kgan.evaluation import storage
from kgan.metrics.comparison import ERROR
from kgan.runs import logs
from kgan.runs.folder import Run, open_run
from tools import command, digit_scores

WIDEST = 560  # pixels of an image in docs
# What changes no result, or is written elsewhere.
NOT_SHOWN = (
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

Made by `python -m tools.results --run=RUN …` from the runs' own files; only what the documents and
papers report is typed in. There is one seed per row. The runs are short, as the table shows, and
most shared their machine with other runs: a row with 1 core had that core to itself while other
runs used the others, so its images/s are lower bounds. Look at what was learned, not at the clock.

- The estimate of WGAN is K times the Wasserstein distance with an unknown K.
- L1 is on the scale of images in [-1, 1]. `l1_constant_colour_per_class` is the best answer that
  paints each class in one colour; `l1_noise_floor` is caused by the noise of the rendered photo
  alone.
- Digits are those that kgan's digit network finds in 10,000 generated images
  (`python -m tools.digit_scores`). The divergence from even is KL in nats, from 0 to 2.3; the class
  score is exp E KL(p(y|x) ‖ p(y)) of that network, 9.6 for real digits.
- Likelihoods are means over unseen images with their standard errors, in nats unless the name says
  bits. `log_likelihood_nats_500_N` uses 500 importance samples for each of N images of random bits
  and is a lower bound, as is `elbo_nats_N`. `log_likelihood_logit_nats_N` is exact, for dequantised
  images in logit space; `bits_per_dimension_N` are those of their 256 levels.

Comparisons with several seeds have pages of their own:

| page | content |
|---|---|
| [metrics.md](metrics.md) | each metric next to a value that is known without kgan |
| [critics.md](critics.md) | the critic's estimate and the exact Wasserstein distance |
| [scores.md](scores.md) | FID, KID and coverage of four models at equal updates and at equal time |
| [mixtures.md](mixtures.md) | modes on the ring and the grid: GAN, PacGAN2, WGAN-GP |
| [stacked.md](stacked.md) | modes of stacked MNIST |
| [adaptation.md](adaptation.md) | from MNIST's labels to the digits of USPS |
| [remedies.md](remedies.md) | remedies against mode collapse |
| [experiments.md](experiments.md) | the experiments of the course's DCGAN practical |
| [optimizers.md](optimizers.md) | six optimisers of the generator at four learning rates |

The documents named in the last column are those of the course ([course.md](course.md)).

"""
TABLE = command.columns(
    "run", "command, settings", "steps", "time, cores", "images/s (median)", "peak memory",
    "result", "in the document or paper",
)  # fmt: skip
REPORTED = {
    "pix2pix-facades": "the paper has other facades (256 px, 200 epochs) and gives no L1",
    "camvid_to_photo": "no value for CamVid",
    "camvid_to_labels": "no value for CamVid",
    "scenes": "the lecture on autoencoders and GANs names depth from an image as an example, "
    "without a value",
    "dcgan_mnist": "the DCGAN practical, 1.2: images, no value",
    "dcgan_cifar10": "the DCGAN practical asks to try it, no value",
    "gan_mnist": "the student project, 2.6: readable digits with little variety",
    "gan_sevens_and_eights": "the student project, figures 2.4 and 2.5: both digits, with shapes "
    "between them",
    "lsgan_mnist": "the lecture on autoencoders and GANs gives the loss, no value",
    "wgan_mnist": "paper, figure 3: the estimate falls as images get better",
    "wgan_course": "the student project, chapter 4: the estimate follows the quality, no value",
    "wgan_authors_schedule": "the project on GAN variants, 4: no value",
    "wgan_gp_mnist": "paper: no value for MNIST",
    "cgan_mnist": "the DCGAN practical, 2.3: images, no value",
    "cdcgan_mnist": "the DCGAN practical, 2.2: images, no value",
    "cdcgan_faces": "the DCGAN practical, 2.1: images with several attributes at once, no value",
    "sngan_mnist": "paper: Inception score 8.22, FID 21.7 on CIFAR-10, no MNIST",
    "vae_mnist": "the slides on generative models, III: no value; published with 5,000 importance "
    "samples, after hours: VAE −86.4 nats, IWAE-50 −84.8",
    "flow_mnist": "the slides on generative models, II: no value; published: RealNVP(5) −1323 nats "
    "in logit space, −1280 in a rerun; convolutional RealNVP 1.06 bits per dimension",
    "flow_ring": "no value; the mixture itself has 4.25 nats",
    "mnist_to_usps": "the project on GAN variants: a figure of 6 x 3 images",
    "cyclegan": "a pair of built-in sets, in no paper",
    "cyclegan_day2dusk": "no value for these images",
}
FOOT = """
## MNIST to USPS and back

![Six digits of MNIST's test part, as USPS, and back](mnist_usps_mnist.png)

The figure of the course's project on GAN variants, made from the run above by
`python -m tools.results_figures --run=RUN`.

## The game

![The vector field](vector_field.png)

The game of two numbers (the course's student project, figure 4.1): the generator returns the one
point θ, the discriminator returns φ · x, and all real examples are at 0. Simultaneous updates
spiral outwards, alternating updates circle, and smaller steps follow the field more closely around
its centre. `python -m tools.results_figures` plots it.

![The best discriminator](best_discriminator.png)

kgan's discriminator, trained on two known densities without sampling, and p / (p + q). Where both
densities are equal, the objective is −ln 4 = −1.3863 (the course's slides on generative models).
The same command plots it and prints the distances.
"""


def digits(run: Run) -> str:
    """Writes what tools.digit_scores has stored of a run, if anything."""
    path = run.folder / digit_scores.FILE
    if not path.exists():
        return ""
    found = json.loads(path.read_text())
    agreement = found.get("agreement")
    requested = "" if agreement is None else f"{agreement:.1%} are the requested digit, "
    return (
        f"; of {found['drawn']:,} generated digits {requested}{found['digits_found']} of 10 digits "
        f"found, divergence from even {found['divergence_from_even']:.3f}, class score "
        f"{found['class_score']:.2f} (classifier right on {found['classifier_accuracy']:.1%} of "
        "real ones)"
    )


def cycles(train: list[dict], evaluations: list[dict]) -> str:
    """Writes the reconstruction errors, in training and on unseen images."""
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
    """Writes the likelihood of unseen examples, if it was measured."""
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
    """Writes what fits the run: measures of pairs, Wasserstein estimates or losses."""
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


def train_command(run: Run, name: str) -> str:
    """Writes the command of a run: its flagfile, and the flags that differ from it."""
    recipe = command.ROOT / "flags" / f"{name}.cfg"
    given = [f"--flagfile={recipe}"] if recipe.exists() else ["--model=pix2pix"]
    usual = settings.flagfile_text(settings.parse(given)).splitlines()
    changed = []
    for line in run.flags.read_text().splitlines():
        flag, _, value = line.removeprefix("--").partition("=")
        if line not in usual and flag not in NOT_SHOWN and flag.removeprefix("no") not in NOT_SHOWN:
            changed.append(f"--dataset={pathlib.Path(value).name}" if flag == "dataset" else line)
    first = f"--flagfile=flags/{name}.cfg" if recipe.exists() else "--model=pix2pix"
    return f"`{' '.join((first, *changed))}`"


def table_row(run: Run) -> str:
    """Writes a run's row of the table, and its last samples into docs/."""
    lines = logs.read_metrics(run.metrics)
    train = [line for line in lines if line["kind"] == "train"]
    end = [line for line in lines if line["kind"] == "end"][-1]
    image = Image.open(sorted(run.samples.glob("step-*.png"))[-1])
    if image.width > WIDEST:
        image = image.resize((WIDEST, image.height * WIDEST // image.width), Image.LANCZOS)
    image.save(command.DOCS / f"{run.name}.png", optimize=True)
    measured = storage.read_results(run)
    evaluations = measured.get("pairs", []) + measured.get("cycles", [])
    reached = likelihoods(measured.get("likelihood", [])) or outcome(train, evaluations)
    cores = f"{end['cores']:.0f} core" + "s" * (end["cores"] > 1)
    return command.row(
        f"[{run.name}]({run.name}.png)",
        train_command(run, run.name),
        f"{train[-1]['step']:,}",
        f"{train[-1]['seconds'] / 60:.1f} min, {cores}",
        f"{statistics.median(line['images_per_second'] for line in train):.3g}",
        f"{end['peak_memory_mb'] / 1024:.1f} GB",
        reached + digits(run),
        REPORTED.get(run.name, "—"),
    )


def main(arguments: Sequence[str]) -> None:
    """Writes the rows of the given runs into the page."""
    given = command.parse("results", arguments, run=[])
    if given is None:
        return
    page = command.DOCS / "results.md"
    lines = page.read_text().splitlines(keepends=True) if page.exists() else []
    runs = [line for line in lines if line.startswith("| [") and ".png) |" in line]
    rows = {line[3:].partition("]")[0]: line for line in runs}
    for folder in given.run:
        run = open_run(folder)
        rows[run.name] = table_row(run)
    order = {name: number for number, name in enumerate(REPORTED)}
    ordered = sorted(rows, key=lambda name: order.get(name, len(order)))
    page.write_text(HEAD + TABLE + "".join(rows[name] for name in ordered) + FOOT)


if __name__ == "__main__":
    entry.run(main)
