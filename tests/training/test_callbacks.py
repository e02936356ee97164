"""Files of a run folder, as its callbacks write them."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kgan.runs import checkpoint, folder
from tests.small_runs import GAN, command, dcgan_run, metrics, pix2pix_run
from tests.training.reading import events, pngs

LOGGED = {"g_loss", "d_loss", "d_loss_real", "d_loss_fake", "d_score_real", "d_score_fake"}
SPEEDS = {"g_lr", "d_lr", "images_per_second", "seconds"}


def test_run_folder_holds_what_is_documented_and_nothing_else():
    documented = re.findall(r"^ {4}([\w./]+) {2,}", folder.__doc__, re.MULTILINE)
    assert len(documented) == 10  # and what kgan.evaluate adds
    entries = [p for p in dcgan_run().iterdir() if p.name != ".lock"]
    found = {p.name + "/" * p.is_dir() for p in entries}
    # For --job, kgan.report and unpublished exports alone.
    assert found == set(documented) - {"job.txt", "report.html", "export/"}


def test_only_runs_on_pairs_hold_their_evaluation_too():
    extra = {p.name for p in pix2pix_run().iterdir()} - {p.name for p in dcgan_run().iterdir()}
    assert extra == {"metrics-pairs.jsonl", "evaluation"}


def test_metrics_have_a_line_every_log_every_steps():
    lines = metrics(dcgan_run(), "train")
    assert [line["step"] for line in lines] == [2, 4, 6, 8, 10]
    assert all(set(line) == {"kind", "step"} | LOGGED | SPEEDS for line in lines)
    assert all(isinstance(line["g_loss"], float) for line in lines)
    assert [line["seconds"] for line in lines] == sorted(line["seconds"] for line in lines)
    assert metrics(dcgan_run())[-1]["kind"] == "end"


def test_translation_metrics_hold_the_parts_of_the_loss():
    line = metrics(pix2pix_run(), "train")[0]
    assert set(line) == {"kind", "step", "g_loss_adv", "g_loss_l1"} | LOGGED | SPEEDS
    total = line["g_loss_adv"] + 100 * line["g_loss_l1"]
    assert line["g_loss"] == pytest.approx(total, rel=1e-5)
    half = (line["d_loss_real"] + line["d_loss_fake"]) / 2
    assert line["d_loss"] == pytest.approx(half, rel=1e-5)


def test_epoch_lines_are_the_mean_over_the_epoch_and_not_its_end():
    # 12 pairs in batches of 4: three steps an epoch, and a line each step.
    train = {line["step"]: line for line in metrics(pix2pix_run(), "train")}
    epochs = metrics(pix2pix_run(), "epoch")
    assert [(line["step"], line["epoch"]) for line in epochs] == [(3, 1.0), (6, 2.0)]
    for line in epochs:
        steps = [train[line["step"] - back] for back in range(3)]
        for name in LOGGED | {"g_loss_l1"}:
            np.testing.assert_allclose(line[name], np.mean([s[name] for s in steps]), rtol=1e-5)
            assert line[name] != steps[0][name]


def test_samples_show_64_images_at_the_start_now_and_then_and_at_the_end():
    assert pngs(dcgan_run()) == [f"step-{step:08d}.png" for step in (0, 5, 10)]
    sheets = [Image.open(dcgan_run() / "samples" / name) for name in pngs(dcgan_run())]
    # 8 by 8 images of 16 pixels, shown three times as large, 2 pixels apart.
    assert {(sheet.size, sheet.mode) for sheet in sheets} == {((8 * 50 + 2, 8 * 50 + 2), "L")}
    assert np.any(np.asarray(sheets[0]) != np.asarray(sheets[-1]))


def test_translation_samples_show_input_output_target():
    sheet = Image.open(pix2pix_run() / "samples" / "step-00000008.png")
    # The 5 examples of the test part, in rows of 3 images of 32 pixels, shown twice as large;
    # headings are 14 pixels high.
    assert sheet.size == (3 * 66 + 2, 14 + 5 * 66 + 2) and sheet.mode == "RGB"
    pixels = np.asarray(sheet)[16:80, 2:66]
    colours = {tuple(map(int, colour)) for colour in pixels.reshape(-1, 3)}
    assert colours == {(0, 0, 0), (255, 0, 0), (0, 0, 255)}


def test_tensorboard_has_the_same_numbers_and_the_samples():
    scalars = {(s, tag): v for s, tag, v in events(dcgan_run()) if not isinstance(v, bytes)}
    for line in metrics(dcgan_run()):
        for name in set(line) - {"kind", "step"}:
            logged = scalars.pop((line["step"], f"{line['kind']}/{name}"))
            np.testing.assert_allclose(logged, line[name], rtol=1e-6)
    assert scalars == {}
    images = {s: v for s, tag, v in events(dcgan_run()) if tag == "samples"}
    assert sorted(images) == [0, 5, 10]
    drawn = tf.io.decode_png(images[10]).numpy()[..., 0]
    on_disk = np.asarray(Image.open(dcgan_run() / "samples" / "step-00000010.png"))
    np.testing.assert_array_equal(drawn, on_disk)


def test_old_checkpoints_are_pruned():
    assert checkpoint.saved_steps(dcgan_run() / "checkpoints") == [8, 10]


def test_best_checkpoint_is_the_one_with_the_lowest_validation_l1():
    lines = metrics(pix2pix_run(), "validation")
    assert [line["step"] for line in lines] == [2, 4, 6, 8]
    best = min(lines, key=lambda line: line["val_l1"])
    _, header = checkpoint.read(pix2pix_run() / "checkpoints" / "best.safetensors")
    assert header["step"] == best["step"]
    assert header["callbacks"]["validation"]["best"] == best["val_l1"]


def test_log_holds_what_was_printed_and_progress_is_printed_apart(tmp_path):
    outcome = command(
        "train", *GAN, "--steps=3", "--log_every=1", "--noexport", f"--runs_dir={tmp_path}"
    )
    (run,) = tmp_path.iterdir()
    logged = [line.split(" ", 2)[2] for line in (run / "log.txt").read_text().splitlines()]
    assert logged == outcome.out.splitlines()
    assert any(line.startswith("plan: 3 steps of batch 32") for line in logged)
    assert any(str(run) in line for line in logged)
    last = outcome.err.split("\r")[-1]
    assert "3/3" in last and "g_loss=" in last and "d_loss=" in last and "images/s=" in last


def test_export_follows_the_name_of_the_run():
    for run, name in ((dcgan_run(), "seeds"), (pix2pix_run(), "pairs")):
        assert (run.parents[1] / "saved_models" / name / "1" / "saved_model.pb").is_file()


def test_json_lines_are_strict_json():
    for run in (dcgan_run(), pix2pix_run()):
        for path in run.glob("*.jsonl"):
            for line in path.read_text().splitlines():
                # Called for NaN and Infinity, which other languages cannot read.
                json.loads(line, parse_constant=pytest.fail)
