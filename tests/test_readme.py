"""The README's code runs, its tables are complete, and its links lead somewhere."""

import functools
import importlib
import pathlib
import re

import pytest

from kgan.cli.entry import Help
from kgan.cli.models import model_names

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_python_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    # Few images, narrow networks and few updates are enough to see that every line works.
    for text, smaller in {
        "load_digits().images": "load_digits().images[:128]",
        "epochs=100": "epochs=1, verbose=0",
        "(16, 16, 1))": "(16, 16, 1), 4)",
    }.items():
        assert text in code
        code = code.replace(text, smaller)
    names = {}
    exec(code, names)
    assert names["grid"].shape == (16, 16, 16, 1)
    assert names["model"].completed_steps == 2


def test_every_model_and_every_recipe_is_in_the_table_of_models():
    for name in model_names():
        assert f"| `{name}` |" in README
    for path in (ROOT / "flags").glob("*.cfg"):
        assert f"`{path.stem}`" in README


def test_every_relative_link_of_the_readme_and_of_the_pages_leads_to_a_file():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        links = re.findall(r"\]\(([^):#]+)\)", page.read_text())
        assert [link for link in links if not (page.parent / link).is_file()] == [], page


def test_every_dependency_has_its_purpose():
    declared = (ROOT / "setup.cfg").read_text()
    required = declared.partition("install_requires =")[2].partition("[options.extras_require]")[0]
    table = README.partition("## Dependencies")[2]
    for name in re.findall(r"^ {4}([A-Za-z][\w-]*)", required, re.MULTILINE):
        assert name in table


def commands_of_pages():
    """Yields the page and the words of each command of kgan in the blocks of README and docs."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                found = re.search(r"python -m (kgan\.\w+)(.*)", line.partition(" #")[0])
                if found:
                    yield page.name, found[1], found[2]


PASS_ON = ("kgan.sweep", "kgan.launch")  # what they do not know themselves


@functools.cache
def flags_of(module, model=None):
    """Returns the names of a command's flags, as its help lists them."""
    with pytest.raises(Help) as caught:
        importlib.import_module(module).main([f"--model={model}", "--help"][not model :])
    return set(re.findall(r"^  --(?:\[no\])?(\w+)", str(caught.value), re.MULTILINE))


def test_every_command_of_the_pages_names_flags_that_exist():
    for page, module, rest in commands_of_pages():
        trains = module == "kgan.train" or module in PASS_ON
        model = re.search(r"--model=(\w+)", rest)
        if trains and not model:
            continue  # that of a recipe or of a run is not in the line
        known = set() if module == "kgan.train" else flags_of(module)
        known = known | (flags_of("kgan.train", model[1]) if trains else set())
        for name in re.findall(r"--(\w+)", rest):
            assert name in known or name.removeprefix("no") in known, f"{page}: {module}{rest}"
