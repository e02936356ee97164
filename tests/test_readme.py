"""What the README says holds."""

import pathlib
import re

import pytest

from kgan.cli import settings

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_python_lines_run_and_give_what_they_say():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    # A tenth of the images is enough to see that every line works.
    names = {}
    exec(code.replace("[640,", "[64,").replace("steps_per_epoch=5", "steps_per_epoch=1"), names)
    assert names["grid"].shape == (16, 32, 32, 1)
    assert names["model"].completed_steps == 2


def test_every_scheme_and_every_flagfile_has_its_place_in_the_table_of_models():
    for name in settings.scheme_names():
        assert f"| `{name}` |" in README
    for path in (ROOT / "flags").glob("*.cfg"):
        assert f"`{path.stem}`" in README


@pytest.mark.parametrize("path", re.findall(r"\]\((docs/[^)]+)\)", README))
def test_what_the_readme_links_to_is_there(path):
    assert (ROOT / path).is_file()


def test_every_dependency_has_its_reason():
    declared = (ROOT / "setup.cfg").read_text()
    required = declared.partition("install_requires =")[2].partition("[options.extras_require]")[0]
    table = README.partition("## Dependencies")[2]
    for name in re.findall(r"^ {4}([A-Za-z][\w-]*)", required, re.MULTILINE):
        assert name in table
