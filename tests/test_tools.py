"""The tools answer --help, say in their docstrings what they write, and use names that exist."""

import ast
import importlib
import pathlib
import re
import types

import pytest

from kgan.cli.entry import Help
from tools import mutations

FOLDER = pathlib.Path(__file__).parents[1] / "tools"
SHARED = {"__init__", "command", "comparison", "image_kinds", "known_distances"}
TOOLS = sorted({path.stem for path in FOLDER.glob("*.py")} - SHARED)


@pytest.mark.parametrize("name", TOOLS)
def test_help_lists_the_flags_that_the_docstring_names(name):
    tool = importlib.import_module(f"tools.{name}")
    with pytest.raises(Help) as caught:
        tool.main(["--help"])
    shown = str(caught.value)
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


@pytest.mark.parametrize("name", [*TOOLS, "command", "comparison"])
def test_names_that_a_tool_takes_from_modules_exist(name):
    tool = importlib.import_module(f"tools.{name}")
    for node in ast.walk(ast.parse((FOLDER / f"{name}.py").read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = getattr(tool, node.value.id, None)
            assert not isinstance(module, types.ModuleType) or hasattr(module, node.attr), node.attr


def test_every_mutation_still_has_its_place_in_the_code():
    listed = mutations.read((FOLDER / "mutations.txt").read_text())
    mutations.check(listed)
    assert len(listed) >= 30
