"""`kgan VERB …`: one command for all verbs; `kgan train …` is `python -m kgan.train …`."""

import ast
import importlib
import pathlib
import sys

from kgan import __version__

VERBS = (
    *("train", "generate", "evaluate", "export", "report", "sweep", "launch", "doctor"),
    *("pair", "client"),
)


def summary(verb: str) -> str:
    """Reads what a command does from its module's docstring, without importing it."""
    source = pathlib.Path(__file__).with_name(f"{verb}.py").read_text()
    first = (ast.get_docstring(ast.parse(source)) or "").partition("\n\n")[0]
    return " ".join(first.partition("`: ")[2].split())


def main() -> None:
    """Runs the command that the first argument names; without one, lists the commands."""
    verb, *arguments = sys.argv[1:] or ["--help"]
    if verb in ("--help", "-h", "help"):
        print("kgan VERB [--flag=value …]; kgan VERB --help lists the flags\n")
        for name in VERBS:
            print(f"  {name:10} {summary(name)}")
        return
    if verb == "--version":
        print(f"kgan {__version__}")
        return
    if verb not in VERBS:
        print(f"error: {verb}: must be one of {', '.join(VERBS)}", file=sys.stderr)
        sys.exit(2)
    from kgan.cli import entry

    sys.argv = [f"kgan {verb}", *arguments]
    entry.run(importlib.import_module(f"kgan.{verb}").main)


if __name__ == "__main__":
    main()
