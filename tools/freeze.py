"""Makes tests/frozen: what this kgan leaves on a disk, for later ones to be tried on.

    python tools/freeze.py [MODEL …]

Each model gets a tiny run, stopped after 2 steps, and what has to come of it: the model as
`.keras`, its answers to stored questions, and its weights where the run goes on to step 4. What
is there is only made anew where a new format is meant to part with the old one; then the old one
stays beside it as long as it has to be read.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
# As in tests/conftest.py: how a sum is divided among threads decides its last bits.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "2", "CUDA_VISIBLE_DEVICES": "-1"}
os.environ.update(QUIET)

import numpy as np
from safetensors.numpy import load_file, save_file

import kgan
from tests import test_frozen

STOPPED, END = 2, test_frozen.END
LARGE = 20_000  # bytes of a sample that is not kept
SHARED = (
    "--deterministic",
    "--strategy=none",
    "--seed=3",
    "--log_every=1",
    "--keep_checkpoints=1",
    "--sample_every=1000",
    "--noexport",
)
LATENT = ("--dataset=digits", "--image_size=16", "--batch_size=8", "--latent_size=4")
# Together they hold every scheme, layer and optimiser of kgan that a `.keras` can name.
MODELS = {
    "dcgan": (
        *LATENT,
        "--width=2",
        "--spectral_norm",
        "--minibatch_kernels=2",
        "--ema_half_life=20",
        "--validate_metrics=fid",
        "--validate_count=80",
    ),
    "wgan": (*LATENT, "--width=2", "--n_critic=2"),
    "wgan_gp": (*LATENT, "--width=2", "--n_critic=2"),
    "lsgan": (
        *LATENT,
        "--network=mlp",
        "--g_hidden=4",
        "--d_hidden=4",
        "--hidden_noise=concat",
        "--flip_labels=0.1",
    ),
    "gan": (
        "--dataset=ring",
        "--network=maxout",
        "--g_hidden=6",
        "--d_hidden=6",
        "--latent_size=4",
        "--batch_size=8",
    ),
    "cgan": (*LATENT, "--g_width=2", "--d_width=2", "--packing=2"),
    "cdcgan": (*LATENT, "--g_width=2", "--d_width=2", "--gan_loss=hinge"),
    "sngan": (*LATENT, "--g_width=2", "--d_width=2", "--d_updates=1"),
    "vae": (
        "--dataset=digits",
        "--image_size=8",
        "--batch_size=8",
        "--hidden=6",
        "--latent_size=3",
    ),
    "flow": ("--dataset=digits", "--image_size=8", "--batch_size=8", "--hidden=4", "--couplings=2"),
    "pix2pix": (
        "--dataset=facades",
        "--image_size=32",
        "--width=1",
        "--patch_layers=1",
        "--batch_size=2",
    ),
    "cyclegan": (
        "--dataset=digits+typeset",
        "--image_size=16",
        "--width=2",
        "--blocks=1",
        "--patch_layers=1",
        "--pool_size=2",
    ),
}


def train(folder: pathlib.Path, *arguments: str) -> None:
    """Trains from the command line in a folder, so that paths in the run are relative."""
    command = [sys.executable, "-m", "kgan.train", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=folder, env=environment, check=True)


def questions(model) -> dict[str, np.ndarray]:
    """Gives what `test_frozen.answers` asks a model."""
    rng = np.random.default_rng(5)
    if hasattr(model, "condition_size"):
        rows = np.eye(model.condition_size, dtype=np.float32)[:2]
        return {"seeds": np.arange(2), "conditions": rows}
    if hasattr(model, "latents_from_seeds"):
        return {"seeds": np.arange(2)}
    shape = (2, *model.ways[None].image_shape)
    given = rng.uniform(-1, 1, shape).astype(np.float32)
    return {"given": given, "seeds": np.arange(2)}


def pack(path: pathlib.Path) -> None:
    """Compresses a `.keras`, a zip that Keras leaves five times as large; its content stays."""
    with zipfile.ZipFile(path) as file:
        content = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, what in content.items():
            file.writestr(name, what)


def freeze(name: str, work: pathlib.Path) -> None:
    """Makes one model's folder."""
    train(work, f"--model={name}", f"--name={name}", f"--steps={STOPPED}", *SHARED, *MODELS[name])
    place = ROOT / "tests" / "frozen" / name
    shutil.rmtree(place, ignore_errors=True)
    made = work / "runs" / f"00001-{name}"
    kept = place / made.name
    shutil.copytree(made, kept, ignore=shutil.ignore_patterns(".lock", "evaluation"))
    for events in kept.glob("tensorboard/events.*"):
        # Its name has the machine's in it. Only a run that goes on needs its events, which are
        # large.
        if name in test_frozen.RESUMED:
            time = events.name.split(".")[3]
            events.rename(events.with_name(f"events.out.tfevents.{time}.frozen.1.0.v2"))
        else:
            events.unlink()
    for sample in kept.glob("samples/*.png"):
        if sample.stat().st_size > LARGE:
            sample.unlink()

    model = kgan.load(str(kept))
    model.save(place / "model.keras")
    pack(place / "model.keras")
    asked = questions(model)
    np.savez_compressed(
        place / "answers.npz",
        step=model.completed_steps,
        **{f"asked/{key}": value for key, value in asked.items()},
        **{f"answered/{key}": value for key, value in test_frozen.answers(model, asked).items()},
    )

    if name not in test_frozen.RESUMED:
        return
    train(work, f"--resume=runs/{made.name}", f"--steps={END}", "--noevaluate")
    arrays = load_file(made / "checkpoints" / f"step-{END:08d}.safetensors")
    of_networks = {k: v for k, v in arrays.items() if k.partition("/")[0] in model.networks}
    save_file(of_networks, place / "expected.safetensors")


def main():
    names = sys.argv[1:] or list(MODELS)
    for name in names:
        with tempfile.TemporaryDirectory() as work:
            freeze(name, pathlib.Path(work))
    text = json.dumps(test_frozen.machine(), indent=2)
    (ROOT / "tests" / "frozen" / "machine.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
