"""The page of a report as a whole, and what is refused."""

import json
import re

import pytest

from tests.reports.pages import Page, a_run, measured, report
from tests.small_runs import command, copy_of, dcgan_run


def test_trained_run_has_every_part_in_the_page_in_its_folder(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    outcome = command("report", f"--run={run}")
    assert (outcome.status, outcome.out) == (0, f"{run}/report.html\n")
    page = Page((run / "report.html").read_text())
    assert page.table("header")["steps"] == ["10"]
    assert page.table("settings")["--g_lr"] == ["0.05"]
    labels = [svg["aria-label"] for svg in page.of("svg")]
    assert labels[:2] == ["g_loss", "d_loss"] and "g_lr" in labels
    assert [image["data-step"] for image in page.of("img")] == ["0", "5", "10"]
    assert "No evaluation has been run yet" in page.words("metrics")


def full_page(tmp_path, out):
    kept = {"drawings": [measured(fid_digits_9=1.0)]}
    runs = [
        a_run(tmp_path, f"0000{n}-x", more=(f"--seed={n}",), results=kept, steps=(0, 40))
        for n in (1, 2)
    ]
    return report(*runs, out=out)


def test_page_needs_no_other_file_and_no_network(tmp_path, out):
    page = full_page(tmp_path, out)
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\((?!#)", page.text)
    for element in page.root.iter():
        assert element.get("src", "data:image/").startswith("data:image/"), element.tag
        assert element.get("href", "#").startswith("#"), element.tag
    assert {element.tag for element in page.root.iter()} & {
        "link",
        "iframe",
        "object",
        "base",
        "form",
    } == set()
    (policy,) = [m["content"] for m in page.of("meta") if "http-equiv" in m]
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_page_fits_both_colour_schemes_and_narrow_windows(tmp_path, out):
    text = full_page(tmp_path, out).text
    assert "prefers-color-scheme: dark" in text and "width=device-width" in text
    assert "#0a0b0c" not in text and text.count("currentColor") > 100


def test_names_cannot_break_the_page(tmp_path, out):
    name = '00001-<script>alert("&amp;")<b>'
    evil = '<img src=x onerror="1">&'
    lines = [{"kind": "train", "step": 1, evil: 1.0}, {"kind": evil, "step": 1, "text": evil}]
    run = a_run(
        tmp_path, name, lines=lines, results={evil[:4]: [measured(part=evil, **{evil: 1.0})]}
    )
    page = report(run, out=out)
    assert len(page.of("script")) == 0 and len(page.of("img")) == 0
    # The page's own: before each of the two events.
    assert page.of("b") == [{}, {}]
    assert name in page.words("header")
    assert page.table("metrics")[evil] == ["1.0000"]
    assert evil in page.words("events")
    assert evil in [svg["aria-label"] for svg in page.of("svg")]


def test_run_that_is_given_twice_counts_once(tmp_path, out):
    run = a_run(tmp_path)
    assert report(run, f"{run}/../{run.name}", out=out).text == report(run, out=out).text


def test_runs_of_one_name_are_called_by_their_folders(tmp_path, out):
    runs = [a_run(tmp_path / place, more=(f"--seed={n}",)) for n, place in enumerate("ab")]
    page = report(*runs, out=out)
    assert page.table("header")[""] == [str(run) for run in runs]


TRAIN = '{"kind": "train", "step": 1, "%s": %s}\n'
STORED = json.dumps(measured(fid_digits_9=1.0))


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("metrics.jsonl", "", "--run={run}: nothing is logged there yet"),
        ("metrics.jsonl", "{\n", "{place}, line 1: damaged"),
        ("metrics.jsonl", TRAIN % ("g_loss", '"x"'), "{place}, line 1: damaged"),
        ("metrics.jsonl", '{"step": 1}\n', "{place}, line 1: damaged"),
        ("metrics.jsonl", TRAIN % ("g_loss", "1" + "0" * 400), "{place}, line 1: damaged"),
        ("metrics.jsonl", TRAIN % ("seconds", "Infinity"), "{place}, line 1: damaged"),
        ("metrics-drawings.jsonl", f"{STORED}\n{STORED[:-9]}", "{place}, line 2: damaged"),
        ("metrics-pairs.jsonl", '{"step": 1, "l1": 1.0}\n', "{place}, line 1: damaged"),
        ("flags.cfg", "--model=dcgan\n--colour=red\n", "--colour: no such flag"),
        ("samples/step-00000001.png", "PNG", "{place}: damaged"),
    ],
)
def test_damage_is_refused_in_one_line_and_the_old_page_stays(name, text, error, tmp_path):
    run = a_run(tmp_path)
    (run / "report.html").write_text("old")
    (run / name).write_text(text)
    before = sorted(run.rglob("*"))
    line = command("report", f"--run={run}").error_line
    assert line.startswith(error.format(run=run, place=run / name)), line
    assert (run / "report.html").read_text() == "old" and sorted(run.rglob("*")) == before


@pytest.mark.parametrize("place", ["file/report.html", "folder"])
def test_page_that_cannot_be_written_is_refused(tmp_path, place):
    (tmp_path / "file").write_text("in its place")
    (tmp_path / "folder").mkdir()
    run = a_run(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    line = command("report", f"--run={run}", f"--out={tmp_path}/{place}").error_line
    assert line.startswith(f"--out={tmp_path}/{place}: cannot be written")
    assert sorted(tmp_path.rglob("*")) == before
