"""Holds the code against docs/architecture.md: who may import whom, and who may know what."""

import ast
import graphlib
import io
import pathlib
import re
import tokenize

import pytest

from kgan.cli import settings

ROOT = pathlib.Path(__file__).parents[1]
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "kgan").rglob("*.py"))
}
COMMANDS = ("train", "generate", "evaluate", "export", "doctor", "launch", "sweep", "report")


def imports(module, *, top_level=False):
    """Lists what a module imports, by full name; `from a import b` counts as `a.b`."""
    tree = ast.parse(SOURCES[module].read_text())
    if top_level:
        nodes = list(tree.body)
        for node in nodes:
            if isinstance(node, (ast.If, ast.Try)):
                nodes += node.body
    else:
        nodes = list(ast.walk(tree))
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports hide the arrows"
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def own(names):
    """Reduces imported names to the modules of the package that they lie in."""
    found = set()
    for name in names:
        if name.partition(".")[0] == "kgan":
            found.add(name if name in SOURCES else name.rpartition(".")[0])
    assert found <= set(SOURCES), found - set(SOURCES)
    return found


def reached(module):
    """Lists what importing a module brings with it, outside of functions, the package's own."""
    seen, open_ends = set(), [module]
    while open_ends:
        module = open_ends.pop()
        if module not in seen:
            seen.add(module)
            # Importing a.b.c runs a and a.b first.
            open_ends += own(imports(module, top_level=True))
            open_ends += [module.rpartition(".")[0]] if "." in module else []
    return seen


def rows():
    """Reads the rows of the table in docs/architecture.md, the topmost first, as patterns."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    lines = page.partition("## Who may import whom")[2].splitlines()
    cells = [line.split("|")[2] for line in lines if re.match(r"\| [a-z]", line)]
    assert cells[0].strip() == "modules" and len(cells) > 5
    return [re.findall(r"`([\w/*<>]+)`", cell) for cell in cells[1:]]


def row_of(module):
    """Finds the number of the one row that names a module; None for packages' own files."""
    path = module.removeprefix("kgan").lstrip(".").replace(".", "/")
    if SOURCES[module].name == "__init__.py":
        return None
    found = [
        number
        for number, patterns in enumerate(rows())
        if any(re.fullmatch(re.sub(r"\*|<\w+>", r"[a-z]\\w*", p), path) for p in patterns)
    ]
    assert len(set(found)) == 1, f"docs/architecture.md has {module} in {len(found)} rows"
    return found[0]


def code_words(path):
    """Lists the words of names and texts in a file, without comments and docstrings."""
    source = path.read_text()
    docstrings = set()
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented) and ast.get_docstring(node):
            docstrings |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    words = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT and token.start[0] not in docstrings:
            words |= set(re.findall(r"[a-zA-Z][a-zA-Z0-9]*(?:_[a-zA-Z0-9]+)*", token.string))
    return words


def test_no_module_imports_itself_through_others():
    graph = {module: own(imports(module)) - {module} for module in SOURCES}
    # The package's front door looks back for the library's user, inside a function.
    graph["kgan"] = own(imports("kgan", top_level=True))
    tuple(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("module", [m for m, p in SOURCES.items() if p.name != "__init__.py"])
def test_arrows_run_down_the_rows_of_the_page(module):
    above = {
        other
        for other in own(imports(module))
        if row_of(other) is not None and row_of(other) < row_of(module)
    }
    assert above == set()


def test_page_names_no_module_that_there_is_not():
    paths = {m.removeprefix("kgan.").replace(".", "/") for m in SOURCES}
    for pattern in [pattern for patterns in rows() for pattern in patterns]:
        assert any(re.fullmatch(re.sub(r"\*|<\w+>", r"\\w+", pattern), path) for path in paths)


def outside_schemes():
    """Files that must not know a scheme by name; networks may be called after their papers."""
    return [
        path
        for path in SOURCES.values()
        if not {"models", "networks"} & set(path.relative_to(ROOT).parts)
    ]


@pytest.mark.parametrize("path", outside_schemes(), ids=lambda path: path.stem)
def test_nothing_outside_the_schemes_names_one(path):
    assert code_words(path) & set(settings.scheme_names()) == set()


def test_schemes_name_no_other_scheme():
    for name in settings.scheme_names():
        others = {f"kgan.models.{other}" for other in settings.scheme_names()} - {
            f"kgan.models.{name}"
        }
        assert own(imports(f"kgan.models.{name}")) & others == set()


@pytest.mark.parametrize("module", SOURCES)
def test_no_module_reads_global_flags(module):
    words = code_words(SOURCES[module])
    assert "FLAGS" not in words


def test_only_commands_settings_and_schemes_know_absl():
    knowing = {m for m in SOURCES if any(i.startswith("absl") for i in imports(m))}
    schemes = {m for m in SOURCES if m.startswith("kgan.models.")}
    assert knowing <= {"kgan.cli.settings", *(f"kgan.{c}" for c in COMMANDS)} | schemes


@pytest.mark.parametrize(
    "module", ["cli.settings", "cli.entry", "utils.errors", "sweeps.grid", *COMMANDS]
)
def test_command_line_comes_up_without_tensorflow(module):
    heavy = (
        "tensorflow",
        "keras",
        "tensorflow_datasets",
        "sklearn",
        "skimage",
        "scipy",
        "numpy",
        "PIL",
        "matplotlib",
    )
    for part in reached(f"kgan.{module}"):
        brought = {name.partition(".")[0] for name in imports(part, top_level=True)}
        assert brought & set(heavy) == set(), part


def test_words_in_comments_and_docstrings_do_not_count(tmp_path):
    path = tmp_path / "module.py"
    path.write_text('"""On wgan."""\n# and dcgan\nx = "pix2pix!"  # gan\n\ndef f():\n    "lsgan"\n')
    assert code_words(path) & {"wgan", "dcgan", "pix2pix", "gan", "lsgan"} == {"pix2pix"}
