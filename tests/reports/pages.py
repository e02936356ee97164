"""Run folders written by hand, with numbers that are easy to check, and pages read back."""

import html.parser
import json

from PIL import Image

from tests.small_runs import command

FLAGS = ("--model=dcgan", "--dataset=digits", "--steps=40", "--name=drawn")
SPEEDS = {10: 50.0, 20: 70.0, 40: 1200.0}
TRAIN = [
    {"kind": "train", "step": n, "g_loss": n / 10, "images_per_second": v, "seconds": n * 100.0}
    for n, v in SPEEDS.items()
]
END = {"kind": "end", "step": 40, "peak_memory_mb": 1234.4, "cores": 4.0}


def a_run(folder, name="00001-drawn", *, more=(), lines=(*TRAIN, END), results=None, steps=()):
    """Writes a run folder.

    Args:
        folder: of the runs.
        name: of the run.
        more: flags, in addition to FLAGS.
        lines: of metrics.jsonl.
        results: lines of metrics-*.jsonl, by evaluation.
        steps: of its sheets; each shows its step as a grey level.
    """
    run = folder / name
    (run / "samples").mkdir(parents=True)
    (run / "flags.cfg").write_text("\n".join((*FLAGS, *more)))
    (run / "dataset.json").write_text("{}")
    write_lines(run / "metrics.jsonl", lines)
    for evaluation, measured in (results or {}).items():
        write_lines(run / f"metrics-{evaluation}.jsonl", measured)
    for step in steps:
        Image.new("L", (60, 30), step).save(run / "samples" / f"step-{step:08d}.png")
    return run


def write_lines(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def measured(step=40, part="test", when=1.0, **values):
    return {"part": part, "step": step, "time": when, "seconds": 2.0, **values}


class Page(html.parser.HTMLParser):
    """The contents of a page.

    Attributes:
        text: the HTML.
        elements: tag and attributes of each element.
        rows: of a section, by its id: class and cells; a cell has text, strong and small print.
        texts: of a section, all text.
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
