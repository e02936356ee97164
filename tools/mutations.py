"""Mutations: the package is broken in one place at a time, and the tests have to notice.

    python -m tools.mutations [--only=PATTERN]

Upkeep, no page: it prints a table. tools/mutations.txt lists each mutation with a title, the file,
the tests that have to fail, and lines that begin with - (before) and + (after). One mutation at a
time is applied to a copy of the tree in a temporary folder. The exit status is 1 if one survives.
All of them take half an hour on one core; --only selects by a part of the title or of the file.
"""

import dataclasses
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from kgan.cli import entry
from kgan.utils.errors import UserError
from tools import command

FILE = "tools/mutations.txt"
COPIED = ("kgan", "tests", "tools", "flags", "docs", "README.md", "setup.cfg", "ruff.toml")
LONGEST = 600  # seconds of one call of pytest
PASSED, FAILED = 0, 1  # statuses of pytest; others mean that no test ran


@dataclasses.dataclass(frozen=True)
class Mutation:
    """A change of one place.

    Args:
        title: what is broken.
        file: path in the tree.
        tests: arguments of pytest.
        before: text that is once in the file.
        after: text in its place.
    """

    title: str
    file: str
    tests: tuple[str, ...]
    before: str
    after: str


def read(text: str) -> list[Mutation]:
    """Parses the list of mutations.

    Raises:
        UserError: names the first entry that is not complete.
    """
    found = []
    for entry_text in re.split(r"\n\s*\n", text.strip()):
        lines = [line for line in entry_text.splitlines() if not line.startswith("#")]
        if not lines:
            continue
        title, place, *changes = lines
        file, _, tests = place.partition(" | ")
        sides = {sign: "\n".join(line[2:] for line in changes if line[0] == sign) for sign in "-+"}
        if not (tests and sides["-"]) or sides["-"] == sides["+"]:
            raise UserError(f"{FILE}: {title}: needs FILE | TESTS, and lines with - and +")
        found.append(Mutation(title, file, tuple(tests.split()), sides["-"], sides["+"]))
    return found


def check(mutations: Sequence[Mutation]) -> None:
    """Checks that each old text is in its file exactly once.

    Raises:
        UserError: names all mutations for which this is not so.
    """
    wrong = []
    for mutation in mutations:
        path = command.ROOT / mutation.file
        count = path.read_text().count(mutation.before) if path.exists() else 0
        if count != 1:
            wrong.append(f"{mutation.title} ({mutation.file}: {count} times)")
    if wrong:
        raise UserError(f"{FILE}: the old text must be there once: {'; '.join(wrong)}")


def run_tests(tree: pathlib.Path, tests: Sequence[str]) -> int | None:
    """Runs tests in a tree; returns the status of pytest, or None if it took too long."""
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(words, cwd=tree, capture_output=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        return None
    return done.returncode


def outcome(tree: pathlib.Path, mutation: Mutation) -> str:
    """Applies one mutation, runs its tests, and takes it back."""
    path = tree / mutation.file
    original = path.read_text()
    path.write_text(original.replace(mutation.before, mutation.after))
    status = run_tests(tree, mutation.tests)
    path.write_text(original)
    return {PASSED: "SURVIVED", FAILED: "caught", None: "caught, no end"}.get(
        status, f"ERROR: no test ran (status {status})"
    )


def main(arguments: Sequence[str]) -> int | None:
    """Tries the mutations and prints a table; returns 1 if one was not caught."""
    given = command.parse("mutations", arguments, only="")
    mutations = read((command.ROOT / FILE).read_text())
    check(mutations)
    chosen = [m for m in mutations if re.search(given.only, f"{m.title} {m.file}")]
    passing, bad = {}, 0
    print(command.columns("mutation", "file", "tests", "outcome"), end="", flush=True)
    with tempfile.TemporaryDirectory(prefix="kgan-mutations-") as folder:
        tree = pathlib.Path(folder)
        for name in COPIED:
            source = command.ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, tree / name)
        for mutation in chosen:
            if mutation.tests not in passing:
                passing[mutation.tests] = run_tests(tree, mutation.tests) == PASSED
            found = outcome(tree, mutation) if passing[mutation.tests] else "ERROR: tests fail"
            bad += not found.startswith("caught")
            tests = " ".join(mutation.tests)
            print(command.row(mutation.title, mutation.file, tests, found), end="", flush=True)
    print(f"\n{len(chosen) - bad} of {len(chosen)} caught")
    return int(bad > 0)


if __name__ == "__main__":
    entry.run(main)
