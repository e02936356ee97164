"""Run folders written by hand, with numbers that are easy to check, and pages read back."""

import html.parser
import json
from xml.etree import ElementTree

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
    """A page, read as a tree of elements; fails where tags do not match."""

    VOID = ("meta", "img", "input", "wbr", "br", "link")

    def __init__(self, text):
        super().__init__()
        self.text, self._builder, self._open = text, ElementTree.TreeBuilder(), []
        self.feed(text)
        assert self._open == [], self._open
        self.root = self._builder.close()

    def handle_starttag(self, tag, attributes):
        self._builder.start(tag, {name: value or "" for name, value in attributes})
        if tag in self.VOID:
            self._builder.end(tag)
        else:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self._builder.start(tag, dict(attributes))
        self._builder.end(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag
        self._builder.end(tag)

    def handle_data(self, data):
        self._builder.data(data)

    def of(self, tag):
        """The attributes of all elements of a tag."""
        return [element.attrib for element in self.root.iter(tag)]

    def section(self, name):
        """A section by its id, or the header."""
        return (
            self.root.find(f".//*[@id='{name}']")
            if name != "header"
            else self.root.find(".//header")
        )

    def words(self, name):
        """The text of a section."""
        return text_of(self.section(name), without=("script",))

    def rows(self, name):
        """The rows of the tables of a section: class, and cells."""
        return [(row.get("class"), list(row)) for row in self.section(name).iter("tr")]

    def table(self, name):
        """The texts of the rows of a section, without small print, by the first cell's."""
        texts = [[text_of(cell, ("small",)).strip() for cell in c] for _, c in self.rows(name)]
        return {first: others for first, *others in texts}


def text_of(element, without=()):
    """The text of an element, without that of some tags."""
    parts = [element.text or ""]
    for child in element:
        parts += ["" if child.tag in without else text_of(child, without), child.tail or ""]
    return "".join(parts)


def report(*runs, out):
    """Writes a report and reads it."""
    outcome = command("report", *(f"--run={run}" for run in runs), f"--out={out}")
    assert (outcome.status, outcome.err) == (0, ""), outcome
    assert outcome.out == f"{out}\n"
    return Page(out.read_text())
