"""Parsing of command lines: two passes for a training, one for other commands.

The first pass over the command line and its flagfiles knows the flags of every training and finds
`--model`; the second adds the model's own flags and refuses unknown ones. Nothing here imports
TensorFlow, so that help and refusals come at once; only a known model's module brings it.
"""

import dataclasses
import itertools
import math
import os
import pathlib
import re
import types
from collections.abc import Iterable, Mapping, Sequence

from absl import flags

from kgan import __version__
from kgan.cli import help as help_text
from kgan.cli import other_names
from kgan.cli.entry import Help
from kgan.cli.flags import FLAGFILE, HELP, RUNS_DIR, SHARED_FLAGS, define
from kgan.cli.models import check_model_name, model_class, model_names
from kgan.cli.run_names import find_run
from kgan.cli.settings import FREE_ON_RESUME, Settings, check, typed
from kgan.models.base.flags import Flag
from kgan.utils.choices import PUBLISH
from kgan.utils.errors import UserError

# What a flag means that may stand without a value.
BARE = {"--publish": "--publish=better", "--nopublish": "--publish=never", "-h": "--help"}
OWN_DATA = "REQUIRED"  # the --dataset of a recipe that has none
RECIPES = pathlib.Path(__file__).parents[1] / "recipes"
# What absl says of a value that has the wrong type, and what a person should read.
ABSL_WORDS = {
    "invalid literal for int": "must be a whole number",
    "Exceeds the limit": "must be a whole number of fewer digits",
    "could not convert string to float": "must be a number",
    r"\('Non-boolean argument": "must be true or false",
}


def parse_training(arguments: Sequence[str], *, stored: bool = False) -> Settings:
    """Parses the command line of a training into resolved settings.

    Args:
        arguments: without the program's name.
        stored: whether they are those of an existing run, in which a flag that is missing has its
            `earlier` value; so it is with `--resume`, too.

    Raises:
        UserError: one line, for anything that is wrong.
        Help: where `--help` is given.
    """
    shared = _first_pass(arguments)
    if shared.help and not shared.model:
        raise Help(help_text.of_training(shared, None))
    if not stored:
        arguments = [*arguments, *_found_runs(shared)]
    given_now = arguments
    if shared.resume:
        shared = _first_pass(arguments)
        arguments = [*_stored_arguments(shared), *arguments]
        _refuse_changes(shared)
        shared = _first_pass(arguments)
    if not shared.model:
        # A misspelt --model is an unknown flag, and says so better than a missing one.
        _read(shared, arguments, known_only=False)
        raise UserError(f"--model is missing; there are {', '.join(model_names())}")
    check_model_name(shared.model)
    # Before TensorFlow is imported.
    check({name: typed(name, shared[name].value) for name in shared})
    model = model_class(shared.model)
    values = _second_pass(model, arguments)
    if shared.resume:
        _refuse_changes(_second_pass(model, given_now))
    if values.help:
        raise Help(help_text.of_training(values, model))
    given = {name for name in values if values[name].present}
    table = (*SHARED_FLAGS, *model.flags())
    kinds = {flag.name: flag.type for flag in table}
    defaults = {**{flag.name: flag.default for flag in table}, **model.defaults}
    if stored or shared.resume:
        defaults |= {flag.name: flag.earlier for flag in table if flag.earlier is not None}
    if "steps" in given:
        # --steps alone says how long the run is; next to --epochs it caps.
        defaults.pop("epochs", None)
    resolved = {
        name: values[name].value if name in given else _default(defaults.get(name), kinds[name])
        for name in values
    }
    if resolved["dataset"] == OWN_DATA and not stored:
        recipe = f"--flagfile={resolved['flagfile']}: " if resolved["flagfile"] else ""
        raise UserError(
            f"{recipe}--dataset={OWN_DATA}: this recipe is for images of your own; right would be "
            "--dataset= with a folder or zip after it"
        )
    return Settings(resolved, given, model)


def _found_runs(values):
    """Writes the flags that name runs with the folders of these."""
    place = values.runs_dir or RUNS_DIR.default
    given = {n: values[n].value for n in ("resume", "init_from") if values[n].value}
    return [f"--{name}={find_run(name, text, place)}" for name, text in given.items()]


def _default(value, flag_type):
    """Returns a default as absl would parse it from its text."""
    if value is not None and flag_type is float:
        return float(value)
    return ",".join(value) if flag_type is tuple else value


def _first_pass(arguments):
    shared = flags.FlagValues()
    define(shared, SHARED_FLAGS)
    _read(shared, arguments, known_only=True)
    return shared


def _second_pass(model, arguments):
    values = flags.FlagValues()
    # A model without a discriminator has no flags for it.
    single = "d" not in model.player_names
    define(values, (f for f in SHARED_FLAGS if not (single and f.name.startswith("d_"))))
    define(values, model.flags())
    _read(values, arguments, known_only=False)
    return values


def parse_command(
    module: str,
    table: Sequence[Flag],
    arguments: Sequence[str],
    needed: Sequence[str] = (),
    renamed: Mapping[str, str] = types.MappingProxyType({}),
) -> types.SimpleNamespace:
    """Parses the flags of a command other than training.

    Args:
        module: such as `kgan.export`, for the help.
        table: the command's flags. With `--run` among them, runs are also taken as words without
            a flag, and come back as folders: see `find_run`.
        arguments: without the program's name.
        needed: flags that have to be given.
        renamed: flags by their earlier names, which still set them but are not in the help.

    Returns:
        The flags as attributes.

    Raises:
        UserError: one line, for anything that is wrong.
        Help: where `--help` is given.
    """
    table = (FLAGFILE, HELP, *_with_runs_dir(table))
    values = flags.FlagValues()
    define(values, table)
    earlier = {flag.name: flag for flag in table}
    define(values, [dataclasses.replace(earlier[n], name=old) for old, n in renamed.items()])
    _read(values, arguments, known_only=False, takes_runs="run" in values)
    if values.help:
        raise Help(help_text.of_command(module, table, needed))
    for old, name in renamed.items():
        if values[old].present:
            values[name].value, values[name].present = values[old].value, 1
    for name in needed:
        if not values[name].value:
            raise UserError(f"--{name} is missing; --help lists the flags")
    given = _namespace(values, table)
    if getattr(given, "run", None):
        found = [find_run("run", text, given.runs_dir) for text in _listed(given.run)]
        given.run = found if isinstance(given.run, list) else found[0]
    return given


def _with_runs_dir(table):
    """Adds `--runs_dir` to the flags of a command that takes runs."""
    names = {flag.name for flag in table}
    return (*table, RUNS_DIR) if "run" in names and "runs_dir" not in names else tuple(table)


def _listed(value) -> list:
    return value if isinstance(value, list) else [value]


def parse_own(
    usage: str, table: Iterable[Flag], arguments: Sequence[str]
) -> tuple[types.SimpleNamespace, list[str]]:
    """Parses the flags of a command that passes all others on to `kgan.train`.

    Args:
        usage: the command line, for the help.
        table: the command's own flags.
        arguments: without the program's name; a flagfile may hold flags of both.

    Returns:
        The own flags as attributes, and the arguments that are left.

    Raises:
        UserError: one line, for anything that is wrong with the own flags.
        Help: where `--help` is given.
    """
    table = (HELP, *table)
    values = flags.FlagValues()
    define(values, table)
    rest = _parsed(values, arguments, known_only=True)
    if values.help:
        raise Help(help_text.of_table(usage, table))
    return _namespace(values, table), rest


def _namespace(values, table):
    return types.SimpleNamespace(
        **{f.name: values[f.name].value if values[f.name].present else f.default for f in table}
    )


def with_recipes(arguments: Sequence[str]) -> list[str]:
    """Replaces `--flagfile=NAME` by the path of a recipe that comes with kgan.

    A file of that name wins over a recipe.

    Example:
        >>> with_recipes(["--flagfile=dcgan_mnist"])[0].endswith("recipes/dcgan_mnist.cfg")
        True
    """
    found = []
    for word in arguments:
        flag, equals, name = word.rpartition("=")
        is_value = flag in ("--flagfile", "-flagfile")
        is_value |= not equals and found[-1:] in (["--flagfile"], ["-flagfile"])
        recipe = RECIPES / f"{name.removesuffix('.cfg')}.cfg"
        if is_value and not os.path.lexists(name) and "/" not in name and recipe.is_file():
            word = f"{flag}{equals}{recipe}"
        found.append(word)
    return found


def _parsed(values, arguments, known_only):
    values.set_gnu_getopt(True)  # flags may follow on words that are none
    words = [
        BARE[word] if word in BARE and after not in PUBLISH else word
        for word, after in itertools.pairwise([*arguments, ""])
    ]
    if "--version" in words:
        raise Help(f"kgan {__version__}")
    try:
        return values(["kgan", *with_recipes(words)], known_only=known_only)[1:]
    except flags.UnrecognizedFlagError as error:
        hint = _other_name(error.flagvalue, words, set(values), all_known=True)
        raise UserError(hint or _one_line(error)) from error
    except ValueError as error:  # not in UTF-8, or a file's name with a NUL in it
        raise UserError("--flagfile: is not text; give a file with one flag per line") from error
    except (flags.Error, OSError) as error:
        raise UserError(_one_line(error)) from error


def _other_name(word, words, known, *, all_known):
    """Returns the error for an unknown flag that other code has, or None."""
    name, equals, value = word.lstrip("-").partition("=")
    if not equals and word in words:
        value = next(iter(words[words.index(word) + 1 :]), "")
        value = "" if value.startswith("--") else value
    hint = other_names.hint(name, value, known, all_known=all_known)
    return f"--{name}: {hint}" if hint else None


def _read(values, arguments, known_only, takes_runs=False):
    rest = _parsed(values, arguments, known_only)
    if known_only:
        # The flags of a model are left over as well, and the values after them.
        for word in (word for word in rest if word.startswith("-")):
            if hint := _other_name(word, rest, set(values), all_known=False):
                raise UserError(hint)
        pairs = itertools.pairwise(["", *rest])
        rest = [word for flag, word in pairs if not (word.startswith("-") or _is_bare(flag))]
    if takes_runs and not any(word.startswith("-") for word in rest):
        rest = _take_runs(values["run"], rest)
    if rest:
        raise UserError(f"{rest[0]}: flags look like --name=value")
    _expand_home(values)
    for name in values:
        value = values[name].value
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"--{name}={value}: must be a finite number")
        if isinstance(value, str) and not _fits_a_line(value):
            raise UserError(
                f"--{name}={value}: must be one line of text, without a blank at its end"
            )


def _expand_home(values):
    """Replaces ~ by the home folder, which shells do at the beginning of a word only."""
    for flag in (values[name] for name in values):
        if isinstance(flag.value, str) and flag.value.startswith("~"):
            flag.value = os.path.expanduser(flag.value)


def _take_runs(flag, words):
    """Takes words that are no flags as runs; returns those that are too many."""
    if flag.flag_type().startswith("multi"):
        flag.value, flag.present = [*(flag.value or ()), *words], flag.present + len(words)
        return []
    if words and not flag.present:
        flag.value, flag.present, *words = words[0], 1, *words[1:]
    return words


def _is_bare(word) -> bool:
    """Returns whether a word is a flag without its value."""
    return bool(re.fullmatch(r"--?\w[^=]*", word))


def _fits_a_line(value) -> bool:
    """Returns whether a value comes back from a flagfile as it was."""
    # Surrogates stand for bytes of a file's name that are no UTF-8.
    odd = "\0" in value or any("\ud800" <= character <= "\udfff" for character in value)
    return not odd and value.splitlines() in ([], [value]) and value == value.rstrip()


def _one_line(error) -> str:
    text = " ".join(str(error).split())
    unknown = re.match(r"Unknown command line flag '([^']+)'\.?( Did you mean: (.*?) ?\?)?", text)
    if unknown:
        hint = f"; did you mean --{unknown[3]}?" if unknown[3] else "; --help lists the flags"
        return f"--{unknown[1]}: no such flag{hint}"
    unreadable = re.search(r"Unable to open flagfile: \[Errno \d+\] (.*): '(.*)'", text)
    if unreadable:
        return f"--flagfile={unreadable[2]}: cannot be read ({unreadable[1]})"
    text = re.sub(r"^(flag |ERROR:: )", "", text)
    for said, meant in ABSL_WORDS.items():
        text = re.sub(f"{said}.*", meant, text)
    return text


def _refuse_changes(values):
    """Refuses flags that would make another run of a resumed one."""
    for name in values:
        # A run may have been found by --runs_dir.
        if values[name].present and name not in (*FREE_ON_RESUME, "runs_dir"):
            raise UserError(f"--{name} cannot be changed with --resume; start a new run for that")


def _stored_arguments(values):
    """Reads a resumed run's own flags, to be put before those given now."""
    saved = pathlib.Path(values.resume) / "flags.cfg"
    # Not `Path.is_file`, which raises on a name that no system takes.
    if not os.path.isfile(saved):
        raise UserError(
            f"--resume={values.resume}: contains no flags.cfg; give a folder such as runs/00001-…"
        )
    try:
        own = saved.read_text().splitlines()
    except (OSError, ValueError) as error:
        raise UserError(f"--resume={values.resume}: flags.cfg cannot be read ({error})") from error
    # A limit of time is that of a process, not of the run.
    dropped = ["--minutes="]
    if values["steps"].present or values["epochs"].present:
        # Both say how long the run is: what is given now takes the place of both.
        dropped += ["--steps=", "--epochs="]
    return [line for line in own if not line.startswith(tuple(dropped))]
