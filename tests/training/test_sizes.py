"""Sizes of what a run writes: as they turn out, and what is kept of large models."""

import collections
import dataclasses

from kgan.cli.parsing import parse_training
from kgan.runs.folder import Run
from kgan.runs.restore import load_run
from kgan.training import sizes
from tests.small_runs import pix2pix_run

Usage = collections.namedtuple("Usage", "total used free")


def test_sizes_are_those_of_the_files(monkeypatch):
    monkeypatch.setattr(sizes, "_mb", lambda number: f"{number / 1e6:.3f}")
    run = Run(pix2pix_run())
    model = load_run(str(run.folder), "last")
    (line,) = sizes.describe_sizes(run.settings().run, model, is_validated=True)
    kept, each, best, export = (
        float(word.strip(",")) for word in line.split() if word[0].isdigit()
    )
    exported = run.folder.parents[1] / "saved_models" / "pairs" / "1" / "variables"
    assert kept == 2
    for said, path in (
        (each, run.latest()),
        (best, run.best),
        (export, exported / "variables.data-00000-of-00001"),
    ):
        # Files have a header and a list of names, which count in small ones.
        assert abs(path.stat().st_size - said * 1e6) < 30_000 < said * 1e6


def test_one_checkpoint_is_kept_of_large_models_unless_a_number_is_given(monkeypatch):
    model = load_run(str(pix2pix_run()))
    own = parse_training(["--model=pix2pix"]).run
    assert sizes.kept_checkpoints(own, model) == 2
    monkeypatch.setattr(sizes, "LARGE", 1000)
    assert sizes.kept_checkpoints(own, model) == 1
    assert sizes.kept_checkpoints(dataclasses.replace(own, keep_checkpoints=5), model) == 5


def test_disk_that_is_too_small_is_said(monkeypatch):
    model = load_run(str(pix2pix_run()))
    own = parse_training(["--model=pix2pix", "--noexport"]).run
    for free, count in ((10**12, 1), (1000, 2)):
        monkeypatch.setattr(sizes.shutil, "disk_usage", lambda _, f=free: Usage(0, 0, f))
        lines = sizes.describe_sizes(own, model, is_validated=False)
        assert len(lines) == count
    assert lines[-1].startswith("warning: ") and "has 0.001 MB free, the run needs" in lines[-1]
