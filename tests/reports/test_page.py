"""What stands in a report, read from the page itself and worked out here from the run folders.

Most run folders are written by hand, with numbers that are easy to check.
"""

import base64
import html.parser
import io
import json
import re
import shlex

import numpy as np
import pytest
from PIL import Image

from kgan.cli import settings
from kgan.evaluation.selection import lower_is_better
from kgan.plots import curves
from kgan.reports import panels
from tests.small_runs import command, copy_of, dcgan_run

FLAGS = ("--model=dcgan", "--dataset=digits", "--steps=40", "--name=drawn")
TRAIN = [
    {
        "kind": "train",
        "step": step,
        "g_loss": step / 10,
        "images_per_second": speed,
        "seconds": step * 100.0,
    }
    for step, speed in ((10, 50.0), (20, 70.0), (40, 1200.0))
]
END = {"kind": "end", "step": 40, "peak_memory_mb": 1234.4, "cores": 4.0}


def a_run(folder, name="00001-drawn", *, more=(), lines=(*TRAIN, END), kept=None, steps=()):
    """Writes a run folder.

    Args:
        folder: of the runs.
        name: of the run.
        more: flags, beside FLAGS.
        lines: of metrics.jsonl.
        kept: lines of metrics-*.jsonl, by kind.
        steps: of its sheets, each of which shows its step as a grey level.
    """
    run = folder / name
    (run / "samples").mkdir(parents=True)
    (run / "flags.cfg").write_text("\n".join((*FLAGS, *more)))
    (run / "dataset.json").write_text("{}")
    write_lines(run / "metrics.jsonl", lines)
    for kind, measured in (kept or {}).items():
        write_lines(run / f"metrics-{kind}.jsonl", measured)
    for step in steps:
        Image.new("L", (60, 30), step).save(run / "samples" / f"step-{step:08d}.png")
    return run


def write_lines(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def measured(step=40, part="test", when=1.0, **values):
    return {"part": part, "step": step, "time": when, "seconds": 2.0, **values}


class Page(html.parser.HTMLParser):
    """The parts of a page.

    Attributes:
        elements: tag and attributes of all.
        rows: of a section, by its id: class and cells; a cell has text, strong and small print.
        texts: of a section, all words.
    """

    VOID = ("meta", "img", "input", "wbr", "br", "link")

    def __init__(self, text):
        super().__init__()
        self.text = text
        self.elements, self.rows, self.texts = [], {}, {}
        self._open, self._place = [], "head"
        self.feed(text)
        assert self._open == [], self._open

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.append((tag, attributes))
        if tag in ("section", "header"):
            self._place = attributes.get("id", tag)
        if tag == "tr":
            rows = self.rows.setdefault(self._place, [])
            rows.append((attributes.get("class"), []))
        if tag in ("td", "th"):
            self._cell = {"text": "", "strong": "", "small": []}
            self.rows[self._place][-1][1].append(self._cell)
        if tag == "small" and {"td", "th"} & set(self._open):
            self._cell["small"].append("")
        if tag not in self.VOID and not (self._open and "svg" in self._open and tag == "path"):
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if self._open[-1] == tag:
            self._open.pop()
        else:
            assert tag == "path", (tag, self._open)

    def handle_data(self, data):
        if self._open and self._open[-1] not in ("style", "script"):
            self.texts[self._place] = self.texts.get(self._place, "") + data
        if {"td", "th"} & set(self._open):
            if "small" in self._open:
                self._cell["small"][-1] += data
            else:
                self._cell["text"] += data
            if "strong" in self._open:
                self._cell["strong"] += data

    def table(self, section):
        """The texts of the rows of a section, by the first cell's."""
        return {
            cells[0]["text"].strip(): [cell["text"].strip() for cell in cells[1:]]
            for _, cells in self.rows[section]
        }

    def bold(self, section):
        """For each row of a section that has bold cells, their columns."""
        found = {
            cells[0]["text"].strip(): [n for n, cell in enumerate(cells[1:]) if cell["strong"]]
            for _, cells in self.rows[section]
        }
        return {name: columns for name, columns in found.items() if columns}

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def report(*runs, out):
    """Writes a report and reads it."""
    outcome = command("report", *(f"--run={run}" for run in runs), f"--out={out}")
    assert (outcome.status, outcome.err) == (0, ""), outcome
    assert outcome.out == f"{out}\n"
    return Page(out.read_text())


@pytest.fixture
def out(tmp_path):
    return tmp_path / "page" / "report.html"


# Head


def test_head_says_what_the_run_was(tmp_path, out):
    run = a_run(tmp_path, more=("--seed=7",))
    (run / "log.txt").write_text(
        "2026-03-04 11:59:01,123 plan\nand on\n2026-03-04 13:10:00,000 exported\n"
    )
    page = report(run, out=out)
    facts = {name: values[0] for name, values in page.table("header").items()}
    assert facts == {
        "model": "dcgan",
        "dataset": "digits",
        "seed": "7",
        "steps": "40",
        "trained": "2026-03-04 11:59 to 13:10",
        "training time": "1 h 6 min",
        "images/s, median": "70",
        "cores": "4",
        "peak memory": "1,234 MiB",
    }
    assert "00001-drawn" in page.texts["header"]


def test_command_of_the_head_repeats_the_run(tmp_path, out):
    run = a_run(tmp_path / "a folder", more=("--seed=7",))
    page = report(run, out=out)
    (line,) = re.findall(r"python -m kgan.train .*", page.texts["header"])
    python, _, module, *arguments = shlex.split(line)
    assert (python, module) == ("python", "kgan.train")
    resolved = settings.parse(arguments)
    assert (resolved.model, resolved.seed, resolved.name) == ("dcgan", 7, "drawn")


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
    assert "No evaluation has been run yet" in page.texts["metrics"]


# Metrics


def test_value_and_error_are_those_of_the_newest_line_of_each_part(tmp_path, out):
    run = a_run(
        tmp_path,
        kept={
            "drawings": [
                measured(40, when=9.0, fid_digits_297=2.25, fid_digits_297_standard_error=0.0625),
                measured(20, when=5.0, fid_digits_297=7.0, fid_digits_297_standard_error=1.0),
                measured(20, "validation", 3.0, fid_digits_100=8.5, kid_digits_100=None),
            ],
            "pairs": [measured(pictures=5, l1=0.125)],
        },
    )
    page = report(run, out=out)
    assert page.table("metrics") == {
        "": ["00001-drawn"],
        "measured": ["step 20"],
        "l1": ["0.1250"],
        "fid_digits_297": ["2.2500 ± 0.0625"],
        "fid_digits_100": ["8.5000"],
        "kid_digits_100": ["not finite"],
    }
    words = [cells[1]["text"] for _, cells in page.rows["metrics"] if len(cells) > 1]
    assert "step 40; 5 images" in words and "step 40" in words
    order = [page.texts["metrics"].index(f"\n{kind} ") for kind in ("pairs", "drawings")]
    assert order == sorted(order)


def test_best_of_a_row_is_bold_where_it_is_known_which_way_is_better(tmp_path, out):
    def values(number):
        return {
            "fid_digits_9": number,
            "precision_digits_9": number,
            "modes_digits_9": 4.0,
            "class_divergence_of_real_digits_9": number,
        }

    runs = [
        a_run(
            tmp_path,
            f"0000{n}-lr",
            more=(f"--g_lr={lr}",),
            kept={
                "drawings": [measured(**values(number))],
                "critic": [measured(critic_estimate_9=number, wasserstein_9=number)],
            },
        )
        for n, (lr, number) in enumerate(((0.1, 3.0), (0.2, 1.0), (0.3, 2.0)))
    ]
    page = report(*runs, out=out)
    assert page.table("metrics")["fid_digits_9"] == ["3.0000", "1.0000", "2.0000"]
    assert page.bold("metrics") == {
        "fid_digits_9": [1],
        "precision_digits_9": [0],
        "wasserstein_9": [1],
    }


@pytest.mark.parametrize(
    ("kind", "name", "lower"),
    [
        ("drawings", "kid_inception_500_standard", True),
        ("drawings", "coverage_digits_10", False),
        ("drawings", "class_divergence_digits_10", True),
        ("drawings", "class_divergence_of_real_digits_10", None),
        ("drawings", "agreement_digits_10", False),
        ("cycles", "reconstruction_l1_AtoB_60", True),
        ("cycles", "fid_AtoB_pixels_60", True),
        ("pairs", "l1", True),
        ("pairs", "l1_noise_floor", None),
        ("pairs", "mean_iou", False),
        ("pairs", "commonest_class_share", None),
        ("points", "high_quality_2500", False),
        ("points", "wasserstein_1000", True),
        ("points", "wasserstein_1000_of_real", None),
        ("critic", "critic_estimate_1000", None),
        ("unheard", "fid_digits_10", None),
    ],
)
def test_directions_are_those_of_whole_words(kind, name, lower):
    assert lower_is_better(kind, name) is lower


def test_runs_that_differ_in_the_seed_only_are_a_mean_and_a_deviation(tmp_path, out):
    def one(seed, value, lr=0.2, name="drawn"):
        line = measured(fid_digits_9=value, fid_digits_9_standard_error=0.5)
        return a_run(
            tmp_path,
            f"0000{seed}-{lr}",
            more=(f"--seed={seed}", f"--g_lr={lr}", f"--name={name}"),
            kept={"drawings": [line]},
        )

    # 1, 3 and 8: mean 4; deviations -3, -1, 4: sqrt(26 / 2).
    runs = [one(1, 1.0), one(2, 3.0, name="other"), one(3, 8.0), one(1, 5.0, lr=0.3)]
    page = report(*runs, out=out)
    assert page.table("metrics")["fid_digits_9"] == ["4.0000 ± 3.6056", "5.0000 ± 0.5000"]
    (cells,) = [c for _, c in page.rows["metrics"] if c[0]["text"].strip() == "fid_digits_9"]
    assert cells[1]["small"] == [
        f"seed {seed}: {value} ± 0.5000"
        for seed, value in ((1, "1.0000"), (2, "3.0000"), (3, "8.0000"))
    ]
    assert cells[2]["small"] == []
    assert page.table("metrics")[""] == ["00001-0.2 and 2 more", "00001-0.3"]
    (heads,) = [c for _, c in page.rows["metrics"] if not c[0]["text"]]
    assert [c["small"] for c in heads[1:]] == [["g_lr=0.2, seeds 1, 2, 3"], ["g_lr=0.3"]]
    assert "the mean ± the standard deviation over the seeds" in page.texts["metrics"]


# Curves


def test_seeds_are_drawn_as_a_band_and_single_runs_are_not(tmp_path, out):
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
    assert [svg["aria-label"] for svg in page.of("svg")] == [
        "g_loss",
        "d_loss",
        "validation/l1",
        "wasserstein",
        "d_score_real",
        "g_lr",
        "d_loss_real",
    ]


def test_neighbouring_points_are_taken_together_in_equal_parts():
    curve = curves.Curve(np.arange(8), np.array([1.0, 3, 5, 7, 0, 0, 2, 4]))
    fewer = panels.thin_out(curve, 4)
    assert fewer.values.tolist() == [2, 6, 0, 3]
    assert fewer.steps.tolist() == [0.5, 2.5, 4.5, 6.5]
    assert panels.thin_out(curve, 8) is curve


# Samples


def image_of(image):
    kind, _, content = image["src"].partition(";base64,")
    return kind, Image.open(io.BytesIO(base64.b64decode(content)))


def test_twelve_sheets_from_first_to_last_of_which_the_last_shows(tmp_path, out):
    # 12 of the 23 from 0 to 220 in tens: each second.
    page = report(a_run(tmp_path, steps=range(0, 230, 10)), out=out)
    images = page.of("img")
    assert [int(image["data-step"]) for image in images] == list(range(0, 230, 20))
    assert ["hidden" in image for image in images] == [True] * 11 + [False]
    for image in images:
        kind, shown = image_of(image)
        assert kind == "data:image/png"
        assert shown.getextrema() == (int(image["data-step"]),) * 2
    # 60x30 pixels, enlarged by a whole number, and crisp.
    assert {(image["width"], image["height"], image["class"]) for image in images} == {
        ("240", "120", "crisp")
    }
    assert "step 220" in page.texts["samples"]


def test_slider_goes_through_the_steps_of_all_runs(tmp_path, out):
    first = a_run(tmp_path, steps=(0, 20, 40))
    second = a_run(tmp_path, "00002-b", more=("--g_lr=1",), steps=(0, 30))
    (slider,) = report(first, second, out=out).of("input")
    assert slider["data-steps"] == "0,20,30,40"
    assert (slider["min"], slider["max"], slider["value"]) == ("0", "3", "3")


def test_page_of_two_runs_with_large_sheets_stays_small(tmp_path, out):
    run = a_run(tmp_path)
    # Noise is what compresses worst, and slowest: one stands for 24.
    noise = np.random.default_rng(0).integers(0, 256, (1200, 800, 4), np.uint8)
    sheet = run / "samples" / "step-00000001.png"
    Image.fromarray(noise).save(sheet, compress_level=0)
    page = report(run, out=out)
    (image,) = page.of("img")
    assert len(page.text) + 23 * len(image["src"]) < 2.5e6
    kind, shown = image_of(image)
    assert kind == "data:image/jpeg" and "class" not in image
    assert shown.width / shown.height == pytest.approx(800 / 1200, abs=0.01)
    assert int(image["width"]) / int(image["height"]) == pytest.approx(800 / 1200, abs=0.01)


# Settings and events


def test_flags_that_differ_are_marked_and_on_top(tmp_path, out):
    runs = [
        a_run(tmp_path, f"0000{n}-x", more=(f"--width={n}", f"--seed={n}", "--nooutput_bias"))
        for n in (3, 4)
    ]
    rows = report(*runs, out=out).rows["settings"]
    marked = [[cell["text"] for cell in cells] for kind, cells in rows if kind == "differs"]
    assert marked == [["--seed", "3", "4"], ["--width", "3", "4"]]
    plain = [cells for kind, cells in rows if kind != "differs" and cells[0]["text"]]
    assert [kind for kind, cells in rows if cells[0]["text"]] == [
        *["differs"] * 2,
        *[None] * len(plain),
    ]
    texts = [[cell["text"] for cell in cells] for cells in plain]
    assert ["--output_bias", "false", "false"] in texts
    assert ["--steps", "40", "40"] in texts


def test_alarms_rollbacks_and_ends_are_told_with_their_steps(tmp_path, out):
    lines = [
        TRAIN[0],
        {"kind": "alarms", "step": 12, "text": "collapsed: again"},
        {**END, "step": 15},
        {"kind": "rollback", "step": 18, "text": "NaN"},
        *TRAIN[1:],
        END,
    ]
    words = " ".join(report(a_run(tmp_path, lines=lines), out=out).texts["events"].split())
    assert words == (
        "Events step 12 alarms collapsed: again step 15 end stopped and resumed later "
        "step 18 rollback NaN step 40 end training ended"
    )


def test_run_without_an_end_says_so(tmp_path, out):
    words = report(a_run(tmp_path, lines=TRAIN), out=out).texts["events"]
    assert "no end was logged" in words and "training ended" not in words


# The page


def full_page(tmp_path, out):
    kept = {"drawings": [measured(fid_digits_9=1.0)]}
    runs = [
        a_run(tmp_path, f"0000{n}-x", more=(f"--seed={n}",), kept=kept, steps=(0, 40))
        for n in (1, 2)
    ]
    return report(*runs, out=out)


def test_page_needs_no_other_file_and_no_network(tmp_path, out):
    page = full_page(tmp_path, out)
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\((?!#)", page.text)
    for tag, attributes in page.elements:
        assert attributes.get("src", "data:image/").startswith("data:image/"), tag
        assert attributes.get("href", "#").startswith("#"), tag
    assert {tag for tag, _ in page.elements} & {"link", "iframe", "object", "base", "form"} == set()
    (policy,) = [m["content"] for m in page.of("meta") if "http-equiv" in m]
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_page_reads_both_colour_schemes_and_narrow_windows(tmp_path, out):
    text = full_page(tmp_path, out).text
    assert "prefers-color-scheme: dark" in text and "width=device-width" in text
    assert "#0a0b0c" not in text and text.count("currentColor") > 100


def test_names_cannot_break_the_page(tmp_path, out):
    name = '00001-<script>alert("&amp;")<b>'
    evil = '<img src=x onerror="1">&'
    lines = [{"kind": "train", "step": 1, evil: 1.0}, {"kind": evil, "step": 1, "text": evil}]
    run = a_run(tmp_path, name, lines=lines, kept={evil[:4]: [measured(part=evil, **{evil: 1.0})]})
    page = report(run, out=out)
    assert len(page.of("script")) == 0 and len(page.of("img")) == 0
    # The page's own: before each of the two events.
    assert page.of("b") == [{}, {}]
    assert name in page.texts["header"]
    assert page.table("metrics")[evil] == ["1.0000"]
    assert evil in page.texts["events"]
    assert evil in [svg["aria-label"] for svg in page.of("svg")]


def test_run_that_is_given_twice_counts_once(tmp_path, out):
    run = a_run(tmp_path)
    assert report(run, f"{run}/../{run.name}", out=out).text == report(run, out=out).text


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path, out):
    runs = [a_run(tmp_path / place, more=(f"--seed={n}",)) for n, place in enumerate("ab")]
    page = report(*runs, out=out)
    assert [cell["text"] for cell in page.rows["header"][0][1]] == ["", *map(str, runs)]


# Refusals


def damage(name, text):
    def act(run):
        (run / name).write_text(text)

    return act


GOOD_LINE = json.dumps(measured(fid_digits_9=1.0))
DAMAGES = {
    "nothing logged": (damage("metrics.jsonl", ""), "--run={run}: nothing is logged there yet"),
    "no JSON": (damage("metrics.jsonl", "{\n"), "{run}/metrics.jsonl, line 1: damaged"),
    "no numbers": (
        damage("metrics.jsonl", '{"kind": "train", "step": 1, "g_loss": "x"}\n'),
        "{run}/metrics.jsonl, line 1: damaged",
    ),
    "no kind": (damage("metrics.jsonl", '{"step": 1}\n'), "{run}/metrics.jsonl, line 1: damaged"),
    "number without end": (
        damage("metrics.jsonl", '{"kind": "train", "step": 1, "g_loss": 1%s}\n' % ("0" * 400)),
        "{run}/metrics.jsonl, line 1: damaged",
    ),
    "infinity": (
        damage("metrics.jsonl", '{"kind": "train", "step": 1, "seconds": Infinity}\n'),
        "{run}/metrics.jsonl, line 1: damaged",
    ),
    "torn measurement": (
        damage("metrics-drawings.jsonl", f"{GOOD_LINE}\n{GOOD_LINE[:-9]}"),
        "{run}/metrics-drawings.jsonl, line 2: damaged",
    ),
    "measurement of no part": (
        damage("metrics-pairs.jsonl", '{"step": 1, "l1": 1.0}\n'),
        "{run}/metrics-pairs.jsonl, line 1: damaged",
    ),
    "flags": (damage("flags.cfg", "--model=dcgan\n--colour=red\n"), "--colour: no such flag"),
    "sheet": (
        damage("samples/step-00000001.png", "PNG"),
        "{run}/samples/step-00000001.png: damaged",
    ),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_what_is_damaged_is_refused_in_one_line_and_the_old_page_stays(case, tmp_path):
    act, begins = DAMAGES[case]
    run = a_run(tmp_path)
    (run / "report.html").write_text("old")
    act(run)
    before = sorted(run.rglob("*"))
    line = command("report", f"--run={run}").error_line
    assert line.startswith(begins.format(run=run)), line
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
