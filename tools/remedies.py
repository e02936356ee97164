"""Remedies against mode collapse, tried on one small problem: docs/remedies.md.

    python -m tools.remedies --work=FOLDER --manual_dir=MNIST [--seeds=3] [--steps=3000]

A plain GAN of fully connected networks on MNIST at 28 pixels, with settings at which it collapses.
54 runs of about a minute on one core.
"""

import statistics
from collections.abc import Sequence

from kgan.cli import entry
from tools import command, comparison, digit_scores

BASE = (
    "--model=gan --dataset=mnist --image_size=28 --batch_size=64 "
    "--g_lr=2e-3 --d_lr=5e-4 --beta_1=0.9 --log_every=200"
)
REMEDIES = {
    "plain": "",
    "noise joined to a hidden layer": "--hidden_noise=concat",
    "noise added": "--hidden_noise=add",
    "noise multiplied": "--hidden_noise=multiply",
    "no bias in the last layer": "--nooutput_bias",
    "noise joined, no bias": "--hidden_noise=concat --nooutput_bias",
    "soft real labels, 0.9": "--real_label=0.9",
    "flipped labels, 1 in 200": "--flip_labels=0.005",
    "minibatch discrimination": "--minibatch_kernels=50",
    "packing of 2": "--packing=2",
    "packing of 4": "--packing=4",
    "spectral normalisation": "--spectral_norm",
    "gradient penalty (R1)": "--penalty=r1 --penalty_weight=1",
    "gradient penalty (DRAGAN)": "--penalty=dragan",
    "least squares": "--gan_loss=least_squares",
    "Wasserstein, gradient penalty": "--gan_loss=wasserstein --penalty=unit_slope --d_updates=2",
    "momentum 0.5": "--beta_1=0.5",
    "equal rates": "--g_lr=5e-4",
}
HEAD = """# Remedies against mode collapse

Made by `python -m tools.remedies --work=FOLDER --manual_dir=MNIST`: a plain GAN of fully connected
networks (100-300-784) on MNIST with settings at which it collapses (Adam with momentum 0.9; the
generator's learning rate of 2e-3 is four times that of the discriminator), and the same GAN with
each remedy of the course and of the papers. The last two rows remove the cause instead.

A digit is found if it makes up at least 1 % of 10,000 generated digits, according to a classifier
that is right on {accuracy:.1%} of real test digits. The divergence is KL(generated ‖ even) in nats:
0 if all digits are equally frequent, 2.3 if there is only one. The certainty is the classifier's
mean probability of its answer: 0.99 for real digits; where it is low, the images cannot be read and
the digits found mean little. {seeds} seeds, {steps} steps of batch 64 each, {seconds:.0f} s per run
on average, {machine}. The runs are short: compare the number of digits, not their quality.

"""


def main(arguments: Sequence[str]) -> None:
    """Trains and scores all rows and writes the page."""
    given = comparison.parse("remedies", arguments, seeds=3, steps=3000)
    if given is None:
        return
    flags = {
        name: [*BASE.split(), *words.split(), f"--steps={given.steps}"]
        for name, words in REMEDIES.items()
    }
    trained = comparison.train(flags, given)
    table = command.columns("remedy", "digits found, by seed", "mean", "divergence", "certainty")
    for name, runs in trained.items():
        scores = [digit_scores.score(run) for run in runs]
        counts = [score["digits_found"] for score in scores]
        table += command.row(
            name + (f" `{REMEDIES[name]}`" if REMEDIES[name] else ""),
            ", ".join(map(str, counts)),
            f"{statistics.mean(counts):.1f}",
            f"{statistics.mean(score['divergence_from_even'] for score in scores):.2f}",
            f"{statistics.mean(score['mean_certainty'] for score in scores):.2f}",
        )
    runs = sum(trained.values(), [])
    head = HEAD.format(
        accuracy=digit_scores.accuracy(),
        seeds=given.seeds,
        steps=given.steps,
        machine=comparison.machine(runs, given),
        seconds=comparison.seconds(runs),
    )
    foot = "\n![Generated images of each row, first seed](remedies.png)\n"
    (command.DOCS / "remedies.md").write_text(head + table + foot)
    comparison.save_samples(given, "remedies")


if __name__ == "__main__":
    entry.run(main)
