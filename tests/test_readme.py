"""The README's code runs, its tables are complete, and its links lead somewhere."""

import pathlib
import re

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
