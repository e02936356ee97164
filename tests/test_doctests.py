"""Examples in docstrings run, and every public class has one."""

import ast
import doctest
import importlib
import pathlib
import pkgutil

import pytest

import kgan

ROOT = pathlib.Path(__file__).parents[1]
MODULES = sorted(m.name for m in pkgutil.walk_packages(kgan.__path__, "kgan."))
WITHOUT = ("Error", "Exception", "Protocol", "Help", "LayerError")


def public_classes(module):
    tree = ast.parse(pathlib.Path(importlib.import_module(module).__file__).read_text())
    return [n for n in tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_")]


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module):
    found = doctest.testmod(importlib.import_module(module))
    assert found.failed == 0


@pytest.mark.parametrize("module", MODULES)
def test_public_classes_and_functions_are_documented(module):
    tree = ast.parse(pathlib.Path(importlib.import_module(module).__file__).read_text())
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
    for node in public_classes(module):
        bases = {ast.unparse(base).split(".")[-1] for base in node.bases}
        if not any(base.endswith(WITHOUT) for base in bases):
            assert ">>> " in ast.get_docstring(node), f"{node.name} has no example"
