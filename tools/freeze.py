"""Stored runs and `.keras` files in tests/frozen, which later versions of kgan have to read.

    python -m tools.freeze [--models=dcgan,wgan]

Upkeep, no page. Each model gets a tiny run, stopped after 2 steps, and the results that are
expected of it: the model as `.keras`, its answers to stored questions, and its weights after
resuming to step 4. Make a folder again only where a new format replaces the old one on purpose; the
old one stays as long as it has to be read. Four minutes on two cores.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence

# As in tests/conftest.py: the last bits of a sum depend on how it is divided among threads.
os.environ["TF_NUM_INTRAOP_THREADS"] = "2"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
from safetensors.numpy import load_file, save_file

import kgan
from kgan.cli import entry
from kgan.cli.models import model_names
from kgan.models.base.conditional import ConditionalModel
from kgan.models.base.latent import LatentModel
from kgan.utils.errors import UserError
from tests import test_frozen
from tools import command

STOPPED, END = 2, test_frozen.END
LARGE = 20_000  # bytes of a sample that is not kept
SHARED = (
    "--deterministic --strategy=none --seed=3 --log_every=1 --keep_checkpoints=1 "
    "--sample_every=1000 --noexport"
)
LATENT = "--dataset=digits --image_size=16 --batch_size=8 --latent_size=4"
NARROW = f"{LATENT} --g_width=2 --d_width=2"
SMALL = "--dataset=digits --image_size=8 --batch_size=8"
# Together they have every model, layer and optimiser of kgan that a `.keras` file can name.
FLAGS = {
    "dcgan": f"{LATENT} --width=2 --spectral_norm --minibatch_kernels=2 --ema_half_life=20 "
    "--validate_metrics=fid --validate_count=80",
    "wgan": f"{LATENT} --width=2 --n_critic=2",
    "wgan_gp": f"{LATENT} --width=2 --n_critic=2",
    "lsgan": f"{LATENT} --network=mlp --g_hidden=4 --d_hidden=4 --hidden_noise=concat "
    "--flip_labels=0.1",
    "gan": "--dataset=ring --network=maxout --g_hidden=6 --d_hidden=6 --latent_size=4 "
    "--batch_size=8",
    "cgan": f"{NARROW} --packing=2",
    "cdcgan": f"{NARROW} --gan_loss=hinge",
    "sngan": f"{NARROW} --d_updates=1",
    "vae": f"{SMALL} --hidden=6 --latent_size=3",
    "flow": f"{SMALL} --hidden=4 --couplings=2",
    "pix2pix": "--dataset=facades --image_size=32 --width=1 --patch_layers=1 --batch_size=2",
    "cyclegan": "--dataset=digits+typeset --image_size=16 --width=2 --blocks=1 --patch_layers=1 "
    "--pool_size=2",
}


def train(folder: pathlib.Path, *arguments: str) -> None:
    """Runs `kgan.train` in a folder, so that the paths in the run are relative."""
    words = [sys.executable, "-m", "kgan.train", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(command.ROOT)}
    subprocess.run(words, cwd=folder, env=environment, check=True)


def questions(model) -> dict[str, np.ndarray]:
    """Returns the inputs for `test_frozen.answers`."""
    rng = np.random.default_rng(5)
    if isinstance(model, ConditionalModel):
        rows = np.eye(model.condition_size, dtype=np.float32)[:2]
        return {"seeds": np.arange(2), "conditions": rows}
    if isinstance(model, LatentModel):
        return {"seeds": np.arange(2)}
    shape = (2, *model.directions[None].image_shape)
    given = rng.uniform(-1, 1, shape).astype(np.float32)
    return {"given": given, "seeds": np.arange(2)}


def pack(path: pathlib.Path) -> None:
    """Compresses a `.keras` file, a zip that Keras stores uncompressed; its content stays."""
    with zipfile.ZipFile(path) as file:
        content = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, what in content.items():
            file.writestr(name, what)


def freeze(name: str, work: pathlib.Path) -> None:
    """Makes one model's folder."""
    if name not in FLAGS:
        raise UserError(f"--models={name}: FLAGS of tools/freeze.py has none for it; add a line")
    flags = (*SHARED.split(), *FLAGS[name].split())
    train(work, f"--model={name}", f"--name={name}", f"--steps={STOPPED}", *flags)
    place = command.ROOT / "tests" / "frozen" / name
    shutil.rmtree(place, ignore_errors=True)
    made = work / "runs" / f"00001-{name}"
    kept = place / made.name
    shutil.copytree(made, kept, ignore=shutil.ignore_patterns(".lock", "evaluation"))
    for events in kept.glob("tensorboard/events.*"):
        # The file's name contains that of the machine. Only a run that is resumed needs its
        # events, which are large.
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


def main(arguments: Sequence[str]) -> None:
    """Makes the folders of the given models."""
    given = command.parse("freeze", arguments, models=",".join(model_names()))
    for name in given.models.split(","):
        with tempfile.TemporaryDirectory() as work:
            freeze(name, pathlib.Path(work))
    text = json.dumps(test_frozen.machine(), indent=2)
    (command.ROOT / "tests" / "frozen" / "machine.json").write_text(text + "\n")


if __name__ == "__main__":
    entry.run(main)
