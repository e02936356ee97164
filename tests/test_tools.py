"""The tools answer --help and say in their docstrings what they write and how they are run."""

import importlib
import pathlib
import re

import pytest

FOLDER = pathlib.Path(__file__).parents[1] / "tools"
SHARED = {"__init__", "command", "comparison"}
TOOLS = sorted({path.stem for path in FOLDER.glob("*.py")} - SHARED)


@pytest.mark.parametrize("name", TOOLS)
def test_help_lists_the_flags_that_the_docstring_names(name, capsys):
    tool = importlib.import_module(f"tools.{name}")
    assert tool.main(["--help"]) is None
    shown = capsys.readouterr().out
    assert shown.startswith(f"python -m tools.{name}")
    listed = {"flagfile", "help"} | set(re.findall(r"^  --(\w+)", shown, re.MULTILINE))
    command = re.search(rf"^    python -m tools\.{name}\b.*$", tool.__doc__, re.MULTILINE)
    assert command and set(re.findall(r"--(\w+)", command[0])) <= listed


@pytest.mark.parametrize("name", TOOLS)
def test_docstring_names_the_page_and_the_time(name):
    text = (FOLDER / f"{name}.py").read_text().split('"""')[1]
    page = re.search(r"docs/(\w+\.md)", text)
    if page:
        assert (FOLDER.parent / "docs" / page[1]).exists()
    else:
        assert re.search(r"Upkeep, no page|several pages", text)
    assert re.search(r"seconds|minute|hour", text, re.IGNORECASE)
