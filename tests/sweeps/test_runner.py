"""Sweeps: what is refused before training, which runs are trained again, what the results say.

Most runs are small scripts here that write a run folder; one test trains.
"""

import csv
import json
import math
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from kgan import sweep
from kgan.runs.folder import Run, find_job
from kgan.sweeps import comparison, grid, runner
from kgan.utils.errors import UserError

ROOT = pathlib.Path(sweep.__file__).parents[1]
BASE = ("--model=dcgan", "--image_size=16", "--steps=20")
OPTIMIZERS = "g_optimizer:sgd|adam"

# A training that takes notes of its starts and writes what kgan reads of a run folder. The plan
# says what each start of a job does: an exit status, `wait` until it is told to end, or `trace`.
RUN = """
import json, os, pathlib, signal, sys, time
given = dict(word[2:].split("=", 1) for word in sys.argv[2:] if "=" in word)
plan, job = json.loads(sys.argv[1]), given["job"]
folder = pathlib.Path(given["runs_dir"]) / ("00001-" + job)
starts = len(list(folder.glob("start-*")))
(folder / "checkpoints").mkdir(parents=True, exist_ok=True)
(folder / "samples").mkdir(exist_ok=True)
(folder / f"start-{starts}").write_text(json.dumps(sys.argv[2:]))
(folder / "checkpoints" / "step-00000000.safetensors").touch()
level = int(given["seed"]) + (10 if given["g_optimizer"] == "adam" else 0)
(folder / "metrics.jsonl").write_text("".join(json.dumps(
    {"kind": "train", "step": step, "g_loss": level, "d_loss": 1.0, "seconds": step / 10}) + "\\n"
    for step in (10, 20)))
(folder / "job.txt").write_text(job)
does = plan.get(job, [0])
does = does[min(starts, len(does) - 1)]
if does == "wait":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    (folder / "waiting").touch()
    while not (folder / "go").exists():
        time.sleep(0.01)
    sys.exit(0)
if does == "trace":
    raise RuntimeError("no memory")
if does == 2:
    print("error: --dataset=x: not there", file=sys.stderr)
sys.exit(does)
"""


def a_grid(*texts, repeats=2, more=()):
    return grid.build(texts or (OPTIMIZERS,), repeats, (*BASE, *more))


def a_sweep(out, plan=None, *, cells=None, parallel=1, measures=()):
    command = (sys.executable, "-c", RUN, json.dumps(plan or {}))
    return runner.Sweep(str(out), cells or a_grid(), parallel, measures, command)


def job(optimizer, seed):
    return f"g_optimizer={optimizer}+seed={seed}"


def folder(out, optimizer, seed):
    return out / "runs" / f"00001-{job(optimizer, seed)}"


def starts(out):
    """Counts the starts of each run."""
    found = sorted((out / "runs").glob("*/start-*"))
    return {p.parent.name[6:]: sum(q.parent == p.parent for q in found) for p in found}


ONCE = {job(optimizer, seed): 1 for optimizer in ("sgd", "adam") for seed in (0, 1)}


def rows(out):
    with open(out / "table.csv", newline="") as file:
        return list(csv.DictReader(file))


def refused(*arguments):
    with pytest.raises(UserError) as caught:
        sweep.main(list(arguments))
    return str(caught.value)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A sweep that has all its runs; nobody writes into it."""
    out = tmp_path_factory.mktemp("finished")
    assert a_sweep(out).run() == 0
    return out


# The grid


def test_several_sweeps_make_their_product_and_repeats_count_seeds_on():
    made = a_grid(OPTIMIZERS, "g_lr:1e-3|0.002", more=("--seed=5",))
    assert [cell.label for cell in made.cells] == [
        "g_optimizer=sgd, g_lr=0.001",
        "g_optimizer=sgd, g_lr=0.002",
        "g_optimizer=adam, g_lr=0.001",
        "g_optimizer=adam, g_lr=0.002",
    ]
    assert [seed for _, seed in made.runs()] == [5, 5, 5, 5, 6, 6, 6, 6]


def test_job_names_differ_where_values_differ_in_what_no_name_may_hold():
    made = a_grid("dataset:a/b|a b|a+b")
    names = [cell.job(0) for cell in made.cells]
    assert len(set(names)) == 3
    # What kgan.train takes for a --job.
    grid.settings.check_name("job", names[0])


def test_long_job_names_are_cut_to_what_a_folder_can_be_called():
    names = [cell.job(0) for cell in a_grid(f"dataset:{'x' * 300}|{'x' * 301}").cells]
    assert len(set(names)) == 2 and max(map(len, names)) < 200


def test_flags_of_train_may_have_their_value_apart():
    own, rest = grid.settings.own_flags(
        sweep.define_flags, ["--steps", "5", "--repeats=4", "--sweep=a:1", "--sweep", "b:2"]
    )
    assert (own.repeats, own.sweep, rest) == (4, ["a:1", "b:2"], ["--steps", "5"])


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("--sweep=g_optimizer:sgd|adamant",), "--g_optimizer=adamant"),
        (("--sweep=g_lr:0.1|0",), "--g_lr=0"),
        (("--sweep=g_optimiser:sgd",), "did you mean --g_optimizer?"),
        (("--sweep=g_optimizer",), "--sweep=g_optimizer: NAME:VALUE"),
        (("--sweep=g_lr:0.1||0.2",), "--sweep=g_lr:0.1||0.2: "),
        (("--sweep=g_lr:0.1|1e-1",), "names a value twice"),
        (("--sweep=g_lr:1", "--sweep=g_lr:2"), "g_lr is varied already"),
        (("--sweep=seed:1|2",), "--repeats"),
        (("--sweep=g_lr:1", "--seed=2147483647"), "--seed=2147483648"),
        (("--sweep=g_lr:1", "--runs_dir=x"), "--runs_dir: the sweep gives its own"),
        (("--sweep=g_lr:1", "--widht=3"), "--widht: no such flag"),
        (("--sweep=g_lr:1", "--measure=a b"), "--measure=a b: "),
        (("--sweep=g_lr:1", "--repeats=0"), "--repeats=0"),
        ((), "--sweep is missing"),
    ],
)
def test_wrong_flags_are_one_line_before_anything_is_made(tmp_path, given, named):
    assert named in refused(*BASE, f"--out={tmp_path}/out", *given)
    assert list(tmp_path.iterdir()) == []


def test_dry_run_lists_the_cells_and_makes_nothing(tmp_path, capsys):
    given = (*BASE, f"--sweep={OPTIMIZERS}", f"--out={tmp_path}/out", "--dry_run")
    assert sweep.main(given) == 0
    assert "g_optimizer=adam" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


# The runs


def test_each_run_is_trained_once_and_a_second_start_trains_none(tmp_path, capsys):
    assert a_sweep(tmp_path).run() == 0
    assert a_sweep(tmp_path).run() == 0
    assert starts(tmp_path) == ONCE
    assert "4 of them done" in capsys.readouterr().out


def test_run_whose_folder_is_gone_is_trained_again(tmp_path):
    a_sweep(tmp_path).run()
    lost = folder(tmp_path, "sgd", 1)
    lost.rename(tmp_path / "elsewhere")
    a_sweep(tmp_path).run()
    assert lost.exists() and starts(tmp_path) == ONCE


def test_training_is_told_cell_seed_and_place(finished):
    words = json.loads((folder(finished, "adam", 1) / "start-0").read_text())
    assert {
        "--model=dcgan",
        "--steps=20",
        "--g_optimizer=adam",
        "--seed=1",
        "--noexport",
        f"--runs_dir={finished}/runs",
        f"--job={job('adam', 1)}",
    } <= set(words)


def test_more_values_and_repeats_train_only_what_is_new(tmp_path):
    a_sweep(tmp_path).run()
    wider = a_grid("g_optimizer:rmsprop|sgd|adam", repeats=3)
    assert a_sweep(tmp_path, cells=wider).run() == 0
    assert set(starts(tmp_path).values()) == {1} and len(starts(tmp_path)) == 9


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (lambda: a_grid(more=("--width=8",)), "--width=8: .* has --width=32"),
        (lambda: a_grid(more=("--steps=30",)), "--steps=30: .* has --steps=20"),
        (lambda: a_grid(more=("--seed=1",)), "--seed=1: "),
        (lambda: a_grid(repeats=1), "--repeats=1: "),
        (lambda: a_grid("g_optimizer:sgd"), "has adam"),
        (lambda: a_grid("d_optimizer:sgd|adam"), "varies d_optimizer, .* g_optimizer"),
    ],
)
def test_other_base_settings_are_refused_and_leave_all_as_it_was(finished, other, named):
    before = (finished / "sweep.json").read_bytes()
    with pytest.raises(UserError, match=named):
        a_sweep(finished, cells=other()).run()
    assert (finished / "sweep.json").read_bytes() == before
    assert starts(finished) == ONCE


def test_what_does_not_change_the_training_may_change(tmp_path):
    a_sweep(tmp_path).run()
    assert a_sweep(tmp_path, cells=a_grid(more=("--cache_gb=1",))).run() == 0


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"grid": {}}', '{"grid": 1}', '{"grid": {"g_lr": []}}']
)
def test_damaged_record_is_named(tmp_path, text):
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(UserError, match=r"sweep\.json: damaged"):
        a_sweep(tmp_path).run()


def test_nan_is_counted_final_and_stops_nothing(tmp_path, capsys):
    plan = {job("sgd", 0): [1]}
    assert a_sweep(tmp_path, plan).run() == 0
    assert a_sweep(tmp_path, plan).run() == 0
    assert starts(tmp_path) == ONCE
    sgd, adam = rows(tmp_path)
    assert (sgd["repeats_done"], sgd["failures"]) == ("1", "1")
    assert (adam["repeats_done"], adam["failures"]) == ("2", "0")
    assert "g_optimizer=sgd, seed 0: failed (status 1)" in capsys.readouterr().out


@pytest.mark.parametrize("end", ["trace", -9])
def test_crashed_run_stops_nothing_and_is_tried_again(tmp_path, end):
    plan = {job("sgd", 0): ["trace" if end == "trace" else 137, 0]}
    assert a_sweep(tmp_path, plan).run() == 1
    assert a_sweep(tmp_path, plan).run() == 0
    assert starts(tmp_path) == {**ONCE, job("sgd", 0): 2}


def test_refused_run_stops_the_rest_with_its_own_line_and_what_is_done_is_drawn(tmp_path):
    with pytest.raises(UserError, match="--dataset=x: not there .g_optimizer=adam, seed 0"):
        a_sweep(tmp_path, {job("adam", 0): [2]}).run()
    assert len(starts(tmp_path)) == 2
    assert [row["repeats_done"] for row in rows(tmp_path)] == ["1", "0"]
    assert (tmp_path / "curves.png").exists()


def test_unknown_measure_stops_after_the_first_run_and_names_those_there_are(tmp_path):
    with pytest.raises(UserError, match="--measure=fid: not logged; logged are g_loss, d_loss"):
        a_sweep(tmp_path, measures=("fid",)).run()
    assert len(starts(tmp_path)) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_is_passed_on_and_the_same_command_goes_on(tmp_path, number):
    waiting = [folder(tmp_path, "sgd", 1), folder(tmp_path, "adam", 1)]
    plan = {job("sgd", 1): ["wait", 0], job("adam", 1): ["wait", 0]}

    def ask():
        while not all((path / "waiting").exists() for path in waiting):
            time.sleep(0.01)
        signal.raise_signal(number)

    before = signal.getsignal(number)
    threading.Thread(target=ask).start()
    assert a_sweep(tmp_path, plan, parallel=2).run() == 128 + number
    assert signal.getsignal(number) is before
    assert [row["repeats_done"] for row in rows(tmp_path)] == ["1", "1"]
    assert a_sweep(tmp_path, plan, parallel=2).run() == 0
    assert starts(tmp_path) == {**ONCE, job("sgd", 1): 2, job("adam", 1): 2}


def test_runs_that_a_killed_sweep_left_are_waited_for(tmp_path):
    plan = {job("sgd", 0): ["wait", 0]}
    program = (
        "import json, sys\nfrom tests.sweeps import test_runner as t\nimport pathlib\n"
        f"t.a_sweep(pathlib.Path({str(tmp_path)!r}), {plan!r}).run()"
    )
    killed = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    left = folder(tmp_path, "sgd", 0)
    while not (left / "waiting").exists():
        assert killed.poll() is None
        time.sleep(0.05)
    with pytest.raises(UserError, match="another sweep works there"):
        a_sweep(tmp_path, plan).run()
    killed.kill()
    killed.wait()
    threading.Timer(3, (left / "go").touch).start()
    assert a_sweep(tmp_path, plan).run() == 0
    assert (left / "start-1").stat().st_mtime >= (left / "go").stat().st_mtime
    assert starts(tmp_path) == {**ONCE, job("sgd", 0): 2}


def test_runs_at_a_time_share_cores_and_gpus(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    environment = a_sweep(tmp_path, parallel=2)._environment()
    assert environment["CUDA_VISIBLE_DEVICES"] == "4,6"
    assert environment["TF_NUM_INTRAOP_THREADS"] == "3"
    assert a_sweep(tmp_path)._environment()["CUDA_VISIBLE_DEVICES"] == "4,5,6"


# The results


def test_table_holds_mean_and_deviation_over_the_repeats(finished):
    adam = rows(finished)[1]
    # Its two runs log 10 and 11 (the seed) from beginning to end, and 2 seconds at step 20.
    assert float(adam["g_loss_mean"]) == 10.5
    assert float(adam["g_loss_deviation"]) == pytest.approx(0.5 * math.sqrt(2), rel=1e-5)
    assert (adam["seconds"], adam["repeats"], adam["failures"]) == ("2", "2", "0")
    table = (finished / "table.md").read_text()
    assert "| adam | 2 of 2 | 10.5 ± 0.71 | 1 ± 0 | 2.0 | 0 |" in table


def test_command_of_the_table_trains_all_repeats_of_the_cell(tmp_path):
    a_sweep(tmp_path, cells=a_grid(more=("--dataset=a b", "--seed=3"))).run()
    line = rows(tmp_path)[0]["command"]
    said = subprocess.run(
        ["sh", "-c", line.replace("python -m kgan.train", "printf '%s\\n' run")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    first, second = (set(part.splitlines()) for part in said.split("run\n")[1:])
    shared = {"--model=dcgan", "--dataset=a b", "--g_optimizer=sgd", "--steps=20"}
    assert shared | {"--seed=3"} <= first and shared | {"--seed=4"} <= second


def test_curves_have_a_line_and_a_band_for_each_cell(finished):
    outcomes = json.loads((finished / "sweep.json").read_text())["runs"]
    results = [comparison._result(c, f"{finished}/runs", outcomes) for c in a_grid().cells]
    figure = comparison._curves(results, ["g_loss", "d_loss"])
    panel = figure.axes[0]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("steps", "g_loss")
    assert [line.get_ydata().tolist() for line in panel.lines] == [[0.5, 0.5], [10.5, 10.5]]
    heights = panel.collections[1].get_paths()[0].get_extents()
    assert (heights.y0, heights.y1) == pytest.approx((10.5 - 0.5**0.5, 10.5 + 0.5**0.5))
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["g_optimizer=sgd", "g_optimizer=adam"]


def test_samples_show_the_last_sheet_of_each_cells_first_repeat(tmp_path):
    a_sweep(tmp_path).run()
    colours = {"sgd": (200, 30, 30), "adam": (30, 30, 200)}
    for optimizer, colour in colours.items():
        for seed, step, drawn in ((0, 5, (0, 90, 0)), (0, 20, colour), (1, 20, (0, 0, 0))):
            path = folder(tmp_path, optimizer, seed) / "samples" / f"step-{step:08d}.png"
            Image.new("RGB", (200, 100), drawn).save(path)
    a_sweep(tmp_path).run()
    sheet = np.asarray(Image.open(tmp_path / "samples.png"))
    for colour in colours.values():
        assert (sheet == colour).all(-1).sum() == 200 * 100
    assert not (sheet == (0, 90, 0)).all(-1).any()


def test_trained_sweep_has_its_four_results(tmp_path):
    line = (
        "--sweep=g_lr:0.001|0.002 --repeats=1 --model=dcgan --image_size=16 --width=4 --steps=4 "
        "--batch_size=32 --latent_size=8 --log_every=1 --strategy=none --validate_every=2"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "kgan.sweep", f"--out={tmp_path}/out", *shlex.split(line)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended
    assert [row["repeats_done"] for row in rows(tmp_path / "out")] == ["1", "1"]
    for name in ("curves.png", "samples.png"):
        assert min(Image.open(tmp_path / "out" / name).size) > 100
    first = find_job(f"{tmp_path}/out/runs", "g_lr=0.001+seed=0")
    assert Run(pathlib.Path(first)).settings().g_lr == 0.001
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_help_is_quick_and_names_the_flags():
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "kgan.sweep", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert "--repeats" in said.stdout
    assert "tensorflow" not in said.stderr and "matplotlib" not in said.stderr
