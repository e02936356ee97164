"""Curves of a report."""

import numpy as np

from kgan.plots import curves
from kgan.reports import panels
from tests.reports.pages import a_run, report


def test_runs_of_several_seeds_have_a_band_and_single_runs_have_none(tmp_path, out):
    def one(seed, lr):
        return a_run(tmp_path, f"0000{seed}-{lr}", more=(f"--seed={seed}", f"--g_lr={lr}"))

    band = "opacity: 0.18"
    assert band not in report(one(1, 0.1), one(1, 0.2), out=out).text
    page = report(one(1, 0.3), one(2, 0.3), out=out)
    # A band in each panel.
    assert page.text.count(band) == len(page.of("svg")) == 2


def test_panels_begin_with_losses_validation_and_wasserstein(tmp_path, out):
    names = ("g_lr", "wasserstein", "d_loss_real", "d_loss", "d_score_real", "g_loss")
    lines = [
        {"kind": "train", "step": 1, **dict.fromkeys(names, 1.0)},
        {"kind": "validation", "step": 1, "l1": 1.0, "psnr": None},
    ]
    page = report(a_run(tmp_path, lines=lines), out=out)
    shown = " ".join(svg["aria-label"] for svg in page.of("svg"))
    assert shown == "g_loss d_loss validation/l1 wasserstein d_score_real g_lr d_loss_real"


def test_neighbouring_points_are_averaged_in_equal_parts():
    curve = curves.Curve(np.arange(8), np.array([1.0, 3, 5, 7, 0, 0, 2, 4]))
    fewer = panels.thin_out(curve, 4)
    assert fewer.values.tolist() == [2, 6, 0, 3]
    assert fewer.steps.tolist() == [0.5, 2.5, 4.5, 6.5]
    assert panels.thin_out(curve, 8) is curve
