"""Holds the code against docs/architecture.md: who may import whom, and who may know what."""

import ast
import functools
import graphlib
import io
import pathlib
import re
import tokenize

import pytest

from kgan.cli.models import model_names

ROOT = pathlib.Path(__file__).parents[1]
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "kgan").rglob("*.py"))
}
COMMANDS = (
    "train",
    "generate",
    "evaluate",
    "export",
    "doctor",
    "launch",
    "sweep",
    "report",
    "pair",
    "client",
)


@functools.cache
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
    """Reads the rows of the table in docs/architecture.md, the topmost first, as names of rooms."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    lines = page.partition("## Which room may import which")[2].splitlines()
    cells = [line.split("|")[2] for line in lines if re.match(r"\| [a-z]", line)]
    assert cells[0].strip() == "rooms" and len(cells) > 5
    return [re.findall(r"`(\w+)`", cell) for cell in cells[1:]]


def rooms_reached(module):
    """Returns the rooms that a module imports from; a room is a package or a module of kgan."""
    return {other.split(".")[1] for other in own(imports(module)) if other != "kgan"}


ROOMS = {}
for _module in SOURCES:
    if _module != "kgan":
        ROOMS.setdefault(_module.split(".")[1], []).append(_module)


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


def test_no_two_rooms_import_each_other():
    graph = {
        room: set().union(*map(rooms_reached, modules)) - {room} for room, modules in ROOMS.items()
    }
    tuple(graphlib.TopologicalSorter(graph).static_order())


def test_every_room_is_in_one_row_of_the_page():
    assert sorted(room for row in rows() for room in row) == sorted(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_run_down_the_rows_of_the_page(room):
    row = {name: number for number, names in enumerate(rows()) for name in names}
    for module in ROOMS[room]:
        above = {other for other in rooms_reached(module) if row[other] < row[room]}
        assert above == set(), module


def test_house_is_small_enough_to_read():
    assert len(list((ROOT / "kgan").glob("*.py"))) <= 18
    long = [p.name for p in SOURCES.values() if len(p.read_text().splitlines()) > 400]
    assert long == []


def outside_models():
    """Files that must not know a scheme by name; networks may be called after their papers."""
    return [
        path
        for path in SOURCES.values()
        if not {"models", "networks"} & set(path.relative_to(ROOT).parts)
    ]


@pytest.mark.parametrize("path", outside_models(), ids=lambda path: path.stem)
def test_nothing_outside_the_models_names_one(path):
    assert code_words(path) & set(model_names()) == set()


def test_models_name_no_other_model():
    for name in model_names():
        others = {f"kgan.models.{other}" for other in model_names()} - {f"kgan.models.{name}"}
        assert own(imports(f"kgan.models.{name}")) & others == set()


def test_no_module_reads_global_flags():
    for module, path in SOURCES.items():
        assert "flags.FLAGS" not in path.read_text(), module


def test_only_the_command_line_knows_absl():
    knowing = [m for m in SOURCES if any(i.startswith("absl") for i in imports(m))]
    assert {module.split(".")[1] for module in knowing} == {"cli"}


@pytest.mark.parametrize(
    "module",
    [
        "cli.settings",
        "cli.parsing",
        "cli.help",
        "cli.entry",
        "utils.errors",
        "sweeps.grid",
        *COMMANDS,
    ],
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
