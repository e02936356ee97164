"""Ends of commands: help, refusals in one line that leave nothing behind, and exit statuses."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from kgan.cli import entry
from kgan.cli.flags import SHARED_FLAGS
from kgan.cli.models import model_class, model_names
from kgan.cli.parsing import parse_training
from kgan.utils.errors import UserError
from tests.small_runs import DCGAN, GAN, PIX2PIX, command, dcgan_run, pix2pix_run

# Runs a module as `python -m` does, where TensorFlow and Keras cannot be imported.
WITHOUT_TENSORFLOW = """
import runpy, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras"):
            raise AssertionError(f"{name} was imported")

sys.meta_path.insert(0, Blocked())
module = sys.argv.pop(1)
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def python(*arguments, cwd=None):
    root = pathlib.Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    # What the tests set for themselves must not be what makes the command quiet.
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=cwd,
        timeout=120,
        check=False,
    )


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """An empty working folder, which a refused command must leave empty."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield folder
    assert list(folder.rglob("*")) == []


@pytest.mark.parametrize(
    ("module", "arguments", "status"),
    [
        ("kgan.train", ["--help"], 0),
        ("kgan.train", ["--model=gan_of_all_gans"], 2),
        ("kgan.train", [], 2),
        ("kgan.train", ["--modle=dcgan"], 2),
        ("kgan.train", ["-h"], 0),
        ("kgan.train", ["--model=dcgan", "--version"], 0),
        ("kgan.train", ["--model=dcgan", "--niter=9"], 2),
        ("kgan.train", ["--model=dcgan", "--epochs=0"], 2),
        ("kgan.train", ["--model=dcgan", "--image_size=big"], 2),
        ("kgan.train", ["--flagfile=nowhere.cfg"], 2),
        ("kgan.train", ["--resume=nowhere"], 2),
        ("kgan.export", ["--help"], 0),
        ("kgan.export", [], 2),
        ("kgan.generate", ["--help"], 0),
        ("kgan.generate", ["--run=x", "--seeds=many"], 2),
        ("kgan.generate", ["--run=x", "--interpolate=1,2,3"], 2),
        ("kgan.evaluate", ["--help"], 0),
        ("kgan.evaluate", ["--run=x", "--part=all"], 2),
        ("kgan.report", ["--help"], 0),
        ("kgan.report", [], 2),
        ("kgan.report", ["--run=x", "--runs=y"], 2),
    ],
)
def test_help_and_refusals_do_not_import_tensorflow(module, arguments, status, tmp_path):
    ended = python("-c", WITHOUT_TENSORFLOW, module, *arguments, cwd=tmp_path)
    assert ended.returncode == status, ended
    quiet, loud = (ended.stderr, ended.stdout) if status == 0 else (ended.stdout, ended.stderr)
    assert quiet == "" and loud.endswith("\n"), ended
    assert status == 0 or loud.count("\n") == 1, ended
    assert list(tmp_path.iterdir()) == []


def test_refusal_after_tensorflow_has_been_imported_is_one_line_too(tmp_path):
    ended = python("-m", "kgan.train", "--model=dcgan", "--epocs=3", cwd=tmp_path)
    assert ended.stderr == "error: --epocs: no such flag; did you mean --epochs?\n"
    assert (ended.returncode, ended.stdout, list(tmp_path.iterdir())) == (2, "", [])


# Arguments, and what the line has to begin with.
WRONG = {
    "unknown flag": ([*DCGAN, "--colour=red"], "--colour: no such flag"),
    "size the network has not": (["--model=dcgan", "--image_size=48"], "--image_size=48"),
    "rectangle the network has not": ([*DCGAN, "--image_size=16x32"], "--image_size=16x32"),
    "size the U-Net has not": ([*PIX2PIX, "--image_size=80"], "--image_size=80"),
    "more layers than pixels": (
        [*PIX2PIX, "--image_size=32", "--patch_layers=6"],
        "--patch_layers=6",
    ),
    "size the data set has not": ([*PIX2PIX, "--image_size=16"], "--image_size=16"),
    "missing path": ([*DCGAN, "--dataset=no/such/folder"], "--dataset=no/such/folder"),
    "missing zip": ([*DCGAN, "--dataset=none.zip"], "--dataset=none.zip"),
    "unknown data set": ([*DCGAN, "--dataset=cats9"], "--dataset=cats9"),
    "pairs for a model of single images": (
        [*DCGAN, "--image_size=32", "--dataset=facades"],
        "--dataset=facades: contains image pairs",
    ),
    "single images for a model of pairs": (
        [*PIX2PIX, "--dataset=digits"],
        "--dataset=digits: contains labelled images; this model needs image pairs; pairs can ",
    ),
    "pairs of pairs": ([*PIX2PIX, "--pairs=edges"], "--pairs=edges"),
    "grey of grey": ([*PIX2PIX, "--dataset=digits", "--pairs=grey"], "--pairs=grey"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_training_is_refused_in_one_line_and_leaves_nothing(case, empty):
    arguments, begins = WRONG[case]
    assert command("train", *arguments).error_line.startswith(begins)


# For each numeric flag of training: the nearest values outside of its range, and its two ends.
RANGES = {
    name: limits.split()
    for limits, names in {
        "-0.001 1.001 0 1": "bad_limit lr_decay_from flip_labels",
        "0.999 2.001 1 2": "jitter",
        "-0.001 1000001 0 1000000": "cache_gb l1_weight penalty_weight cycle_weight_a "
        "cycle_weight_b semantic_weight identity_weight",
        "0 1000001 1 1000000": "batch_size keep_checkpoints",
        "0 1000000001 1 1000000000": "epochs steps log_every lr_schedule_length",
        "0 1000001 0.001 1000000": "minutes",
        "-1 2147483648 0 2147483647": "seed",
        "0 100.1 1e-9 100": "g_lr d_lr",
        "0 4097 1 4096": "accumulate width",
        "-0.001 1 0 0.999": "beta_1",
        "0 65 1 64": "logical_devices packing g_batch_factor",
        "-1 101 0 100": "max_rollbacks",
        "0 65537 1 65536": "latent_size g_hidden d_hidden g_width d_width hidden",
        "0 1001 1 1000": "n_critic d_updates g_updates importance_samples",
        "0 1000.1 1e-8 1000": "clip",
        "-0.001 1.001 0 0.999": "beta_2",
        "-0.001 1e13 0 1e12": "ema_half_life",
        "0 1.001 0.001 1": "real_label",
        "-1 1000000001 0 1000000000": "critic_warmup lr_warmup",
        "-1 1001 0 1000": "minibatch_kernels",
        "0 4 1 3": "scales",
        "0 3 1 2": "network_version",
        "1 1000001 2 1000000": "validate_count",
        "0 101 1 100": "couplings blocks",
        "0 0.41 1e-7 0.4": "logit_margin",
        "-1 100001 0 100000": "pool_size",
        "0 7 1 6": "patch_layers",
        "-0.001 0.951 0 0.95": "dropout",
    }.items()
    for name in names.split()
}


NEEDED = {"lr_schedule_length": ["--lr_schedule=linear"]}


def numeric_flags(name):
    model = model_class(name)
    table = [*SHARED_FLAGS, *model.flags()]
    return [
        flag.name
        for flag in table
        if flag.type in (int, float, list[int])
        and not (flag.name.startswith("d_lr") and "d" not in model.player_names)
    ]


def test_every_numeric_flag_has_a_range():
    assert {name for each in model_names() for name in numeric_flags(each)} == set(RANGES)


def first_models():
    """Returns, for each numeric flag, the first model that has it."""
    return {flag: name for name in model_names()[::-1] for flag in numeric_flags(name)}


@pytest.mark.parametrize(("flag", "name"), first_models().items())
def test_number_out_of_its_range_is_refused_before_anything_is_made(name, flag, empty):
    below, above, *ends = RANGES[flag]
    for value in (below, above, "nan", "inf", "9" * 400, "x"):
        line = command("train", f"--model={name}", f"--{flag}={value}").error_line
        assert line.startswith(f"--{flag}="), line
    for value in ends:
        needed = NEEDED.get(flag, [])
        resolved = parse_training([f"--model={name}", *needed, f"--{flag}={value}"])
        assert resolved.values[flag] in (float(value), [float(value)])


def test_batch_that_replicas_cannot_share_is_refused(empty, two_replicas, monkeypatch):
    monkeypatch.setattr("tensorflow.distribute.MirroredStrategy", lambda devices: two_replicas)
    line = command("train", *DCGAN, "--strategy=mirrored", "--batch_size=7").error_line
    assert line.startswith("--batch_size=7: ") and "2 replicas" in line


def test_runs_dir_that_cannot_be_made_is_refused(empty, tmp_path):
    (tmp_path / "file").write_text("in its place")
    line = command("train", *DCGAN, f"--runs_dir={tmp_path}/file/runs").error_line
    assert line.startswith(f"--runs_dir={tmp_path}/file/runs: ")


def test_damaged_image_is_refused_by_its_name(empty, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        image = Image.fromarray(np.full((16, 16, 3), 60 * number, np.uint8))
        image.save(folder / f"{number}.png")
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:50])
    outcome = command("train", *GAN, f"--dataset={folder}", f"--runs_dir={tmp_path}/runs")
    assert outcome.status == 2
    assert outcome.err.count("error: ") == 1 and "2.png" in outcome.err.splitlines()[-1]


# A command, a finished run, an argument with which the line has to begin, and how it continues.
WRONG_COMMANDS = {
    "export of nothing": ("export", dcgan_run, "--run=nowhere", ": no run in runs"),
    "export of a best that is not kept": ("export", dcgan_run, "--checkpoint=best", ": "),
    "generate from nothing": ("generate", dcgan_run, "--run=nowhere", ""),
    "generate without seeds": ("generate", dcgan_run, "--seeds=", ""),
    "interpolate from a word": ("generate", dcgan_run, "--interpolate=a", ""),
    "interpolate from one": ("generate", dcgan_run, "--interpolate=3", ""),
    "translate nothing": ("generate", pix2pix_run, "--input=nowhere", ""),
    "translate by a generator": ("generate", dcgan_run, "--input=.", ""),
    "evaluate nothing": ("evaluate", dcgan_run, "--run=nowhere", ""),
    "evaluate without targets": ("evaluate", dcgan_run, "--metrics=psnr", ": does not fit"),
    "report on nothing": ("report", dcgan_run, "--run=nowhere", ": no run in runs"),
}


@pytest.mark.parametrize("case", WRONG_COMMANDS)
def test_wrong_use_of_a_run_is_refused_in_one_line_and_leaves_nothing(case, empty):
    name, run, argument, reason = WRONG_COMMANDS[case]
    line = command(name, f"--run={run()}", argument).error_line
    assert line.startswith(argument + reason)


@pytest.mark.parametrize("arguments", [[], ["--interpolate=1,2"]])
def test_seeds_of_a_translation_model_are_refused(arguments, empty):
    assert command("generate", f"--run={pix2pix_run()}", *arguments).error_line.startswith("--run=")


def test_outputs_that_cannot_be_written_are_refused(empty, tmp_path):
    (tmp_path / "file").write_text("in its place")
    run = f"--run={dcgan_run()}"
    for name, flag in (("export", "export_dir"), ("generate", "out"), ("report", "out")):
        for place in (f"{tmp_path}/file/below", f"{tmp_path}/file/below.png"):
            line = command(name, run, f"--{flag}={place}").error_line
            assert line.startswith(f"--{flag}={place}")


def run_with_status(monkeypatch, main):
    monkeypatch.setattr(sys, "argv", ["kgan", "--a", "b"])
    with pytest.raises(SystemExit) as ended:
        entry.run(main)
    return ended.value.code or 0


def test_main_gets_the_arguments_and_its_status_is_the_exit_status(monkeypatch):
    seen = []
    assert run_with_status(monkeypatch, seen.append) == 0
    assert seen == [["--a", "b"]]
    assert run_with_status(monkeypatch, lambda arguments: 143) == 143


def test_error_is_one_line_on_standard_error(monkeypatch, capsys):
    def main(arguments):
        raise UserError("--name=a\nb: wrong")

    assert run_with_status(monkeypatch, main) == 2
    assert capsys.readouterr() == ("", "error: --name=a b: wrong\n")


def test_control_c_ends_without_a_traceback(monkeypatch, capsys):
    def main(arguments):
        raise KeyboardInterrupt

    assert run_with_status(monkeypatch, main) == 128 + signal.SIGINT
    assert capsys.readouterr() == ("", "")


def test_other_exceptions_are_not_hidden(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["kgan"])
    with pytest.raises(ZeroDivisionError):
        entry.run(lambda arguments: 1 // 0)


@pytest.mark.parametrize(
    "main",
    [
        "def main(arguments): print('x' * 10_000_000, flush=True)",
        "def main(arguments): raise entry.Help('x' * 10_000_000)",
        "def main(arguments): print('x' * 70_000)",  # the rest is written at the end
    ],
)
def test_pipe_that_is_closed_early_ends_quietly(main):
    script = f"from kgan.cli import entry\n{main}\nentry.run(main)"
    root = pathlib.Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root
    )
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(30) == 128 + signal.SIGPIPE


def test_errors_of_tensorflow_at_its_start_are_shown_and_its_log_lines_are_not(tmp_path):
    # A stand-in for TensorFlow that writes to the file descriptor, as C++ does.
    (tmp_path / "tensorflow.py").write_text(
        "import os\n"
        "os.write(2, b'WARNING: All log messages before absl::InitializeLog() is called are "
        "written to STDERR\\nI0000 00:00:1.2  3 cudart_stub.cc:31] no GPU\\n"
        "E0000 00:00:1.2  3 x.cc:1] broken\\nF0000 the end\\n')\n"
    )
    root = pathlib.Path(__file__).parents[2]
    script = (
        f"import json, os, sys\nsys.path[:0] = {json.dumps([str(tmp_path), str(root)])}\n"
        "from kgan.cli import entry\nentry.import_tensorflow()\nos.write(2, b'and on\\n')"
    )
    ended = python("-c", script)
    assert ended.stderr == "E0000 00:00:1.2  3 x.cc:1] broken\nF0000 the end\nand on\n"
