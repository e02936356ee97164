"""The command line: shared flags, a scheme's own, and one namespace of resolved settings.

Two passes over the command line and its flagfiles: the first knows what every run shares and finds
`--model`; the second adds that scheme's flags and refuses what nobody knows. Nothing here imports
TensorFlow, so that help and refusals come at once; only a known scheme's module brings it.
"""

import ast
import importlib
import math
import os
import pathlib
import re
import types
from collections.abc import Mapping, Sequence

from absl import flags

from kgan.cli import entry
from kgan.utils import schedules
from kgan.utils.errors import UserError

SCHEMES_FOLDER = pathlib.Path(__file__).parents[1] / "models"
DERIVED_PAIRS = ("edges", "grey", "lowres", "noisy", "masked")
LAYOUTS = ("auto", "unpaired", "paired", "paired_folders", "labelled", "images")
OPTIMIZERS = ("adam", "rmsprop", "sgd", "momentum", "adagrad", "adadelta")
SIZE_LIMITS = (8, 1024)
MAX_SEEDS = 100_000
MOST_STEPS = 10**9  # a step's number has 32 bits in places

# What belongs to the command and not to the run: a copied flagfile must not repeat it.
NOT_STORED = ("flagfile", "undefok", "help", "resume", "job", "dry_run")

# What may be given beside --resume: how long and where, not what is trained.
FREE_ON_RESUME = (
    *NOT_STORED,
    "steps",
    "epochs",
    "minutes",
    "evaluate",
    "export",
    "export_dir",
    "strategy",
    "logical_devices",
    "checkpoint_every",
    "keep_checkpoints",
    "cache_gb",
    "data_dir",
    "manual_dir",
)

# Where a run lies and what it is called may change afterwards, too.
PLACES = ("runs_dir", "name")

# Where a scheme recommends nothing else.
SHARED_DEFAULTS = {"beta_1": 0.5, "beta_2": 0.999}

# What absl says of a value that has the wrong type, and what a person should read.
ABSL_WORDS = {
    "invalid literal for int": "must be a whole number",
    "Exceeds the limit": "must be a whole number of fewer digits",
    "could not convert string to float": "must be a number",
    r"\('Non-boolean argument": "must be true or false",
}


def scheme_names() -> list[str]:
    """Lists the schemes there are: the files in `kgan/models` that are not a base."""
    names = (path.stem for path in SCHEMES_FOLDER.glob("*.py"))
    return sorted(name for name in names if not name.startswith(("_", "base")))


def scheme_summary(name: str) -> str:
    """Reads the first line of a scheme's header without importing it."""
    source = (SCHEMES_FOLDER / f"{name}.py").read_text()
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def scheme_module(name: str) -> types.ModuleType:
    """Imports a scheme (and with it TensorFlow).

    Raises:
        UserError: when there is no such scheme.
    """
    if name not in scheme_names():
        raise UserError(f"--model={name}: no such scheme; there are {', '.join(scheme_names())}")
    entry.import_tensorflow()
    return importlib.import_module(f"kgan.models.{name}")


def define_shared_flags(values: flags.FlagValues) -> None:
    """Defines the flags of every run. A default of None is filled in by every scheme."""

    def string(name, default, about):
        flags.DEFINE_string(name, default, about, flag_values=values)

    def integer(name, default, about, low=None, high=None):
        flags.DEFINE_integer(name, default, about, low, high, flag_values=values)

    def number(name, default, about, low=None, high=None):
        flags.DEFINE_float(name, default, about, low, high, flag_values=values)

    def boolean(name, default, about):
        flags.DEFINE_boolean(name, default, about, flag_values=values)

    def choice(name, default, options, about):
        flags.DEFINE_enum(name, default, options, about, flag_values=values)

    string("flagfile", "", "Reads flags from a file, one a line, # starts a comment.")
    string("undefok", "", "absl's own: flag names that may be unknown.")
    boolean("help", False, "Shows the flags; with --model= the scheme's own too.")
    string("model", None, "The scheme to train.")

    string("dataset", None, "A built-in set (README), a TFDS name, a folder or zip; or A+B.")
    string("data_dir", None, "Where TFDS keeps prepared data sets.")
    string(
        "manual_dir",
        None,
        "Where the files lie that would be downloaded; of A+B, in folders A and B.",
    )
    string("classes", None, "Keeps these classes only: names or numbers, parted by commas.")
    choice("layout", "auto", LAYOUTS, "What the folder's layout is; auto looks.")
    choice("direction", "AtoB", ["AtoB", "BtoA"], "Which side of a pair is given.")
    choice("pairs", None, DERIVED_PAIRS, "Makes pairs of single images.")
    string("palette", None, "Colours of a label map, as RRGGBB,RRGGBB,…")
    string("image_size", None, "Pixels: N for a square, HxW for a rectangle.")
    choice("fit", "resize", ["resize", "crop"], "How an image is brought to the size.")
    choice("bad_images", "skip", ["skip", "fail"], "What happens with one that cannot be read.")
    number("bad_limit", 0.05, "With --bad_images=skip: the share that ends the run.", 0, 1)
    choice("channels", "auto", ["auto", "1", "3", "4"], "Grey, colour, or colour with alpha.")
    number("jitter", None, "Training images are this much larger and cropped; 1 is off.", 1, 2)
    boolean("flip", None, "Mirrors training images; default: with --jitter, if the set allows.")
    number("cache_gb", 4.0, "Decoded images up to this size are kept in memory.", 0, 1e6)

    integer("batch_size", None, "Global batch; default: the scheme's times the replicas.", 1, 10**6)
    integer("epochs", None, "Passes over the training part.", 1, MOST_STEPS)
    integer("steps", None, "Ends the run at this many generator updates in all.", 1, MOST_STEPS)
    number("minutes", None, "Ends the run after so many minutes, saved and exported.", 0, 1e6)
    integer("seed", 0, "Everything random comes from it.", 0, 2**31 - 1)
    for player, name in (("g", "generator"), ("d", "discriminator")):
        number(f"{player}_lr", None, f"Learning rate of the {name}.", 0, 100)
        choice(f"{player}_optimizer", None, OPTIMIZERS, f"Optimiser of the {name}.")
        string(f"{player}_options", None, f"More of the {name}'s optimiser: epsilon=1e-7,rho=0.9")
    number("beta_2", None, "Adam's second decay.", 0, 1)
    number("ema_half_life", 0, "Images in which an average of G forgets half; 0: none.", 0, 1e12)
    choice("lr_schedule", "constant", schedules.SCHEDULES, "How the learning rates fall.")
    number("lr_decay_from", 0.5, "Share of the run after which they fall.", 0, 1)
    integer("accumulate", 1, "A step's batch is worked through in so many parts.", 1, 4096)
    number("beta_1", None, "Adam's first decay; the momentum of --g_optimizer=momentum.", 0, 1)
    choice(
        "precision",
        "float32",
        ["float32", "mixed_float16", "mixed_bfloat16"],
        "What the layers compute in; weights, losses and images stay float32.",
    )
    boolean("deterministic", False, "The same bits each time, at some cost in speed.")

    choice(
        "strategy",
        "auto",
        ["auto", "none", "mirrored", "multi_worker"],
        "auto: mirrored with several GPUs. multi_worker: the processes of TF_CONFIG or Slurm.",
    )
    integer("logical_devices", 1, "Splits the CPU or one GPU, to try --strategy out.", 1, 64)
    boolean("sync_batch_norm", None, "Batch statistics over all replicas; on under a strategy.")

    string("runs_dir", "runs", "Where numbered run folders are made.")
    string("name", None, "Name of the run; default: scheme and data set.")
    string("resume", None, "A run folder to go on with.")
    string("init_from", None, "A run folder whose trained weights a new run starts from.")
    string("job", None, "Any name: begins a run, or goes on with the one of this name.")
    string("export_dir", "saved_models", "The export goes to <export_dir>/<name>/<version>/.")
    boolean("evaluate", True, "Measures the test part at the end, see kgan.evaluate.")
    boolean("export", True, "Writes a SavedModel at the end.")
    boolean("dry_run", False, "Checks all, prints the plan, trains nothing.")
    string("checkpoint_every", "5min", "N (steps), Nepochs, Nmin or Ns.")
    integer("keep_checkpoints", 2, "How many of the last ones are kept.", 1, 10**6)
    string("sample_every", None, "The same, for sample images; default: 20 in the run.")
    string("validate_every", None, "The same, for the validation part; default: 10 in the run.")
    string(
        "validate_metrics",
        None,
        "What is measured then, NAME,NAME…, such as fid,modes; the first decides which checkpoint "
        "is the best. Default: for pairs their L1, else nothing.",
    )
    string("validate_features", None, "By what: digits, pixels, inception …; default: what fits.")
    integer("validate_count", 2000, "On how many images, at most.", 2, 1_000_000)
    integer(
        "max_rollbacks",
        3,
        "After NaN or infinity: so many new tries from the last good state.",
        0,
        100,
    )
    choice(
        "on_collapse",
        "warn",
        ["warn", "stop", "rollback"],
        "What happens when the generator draws the same image again and again.",
    )
    integer("log_every", 20, "Steps between two lines of metrics.jsonl.", 1, MOST_STEPS)


def parse(arguments: Sequence[str]) -> types.SimpleNamespace:
    """Parses a command line into resolved settings.

    Args:
        arguments: without the program's name.

    Returns:
        All flags as attributes, with the scheme's recommendations filled in; `given` holds the
        names that the user set, `scheme` the scheme's module. With `--help` only `help` and
        `text`, which is to be printed.

    Raises:
        UserError: one line, for anything that is wrong.
    """
    shared = _first_pass(arguments)
    if shared.help and not shared.model:
        return types.SimpleNamespace(help=True, text=_help_text(shared, None))
    given_now = arguments
    if shared.resume:
        arguments = [*_own_arguments(shared), *arguments]
        _refuse_changes(shared)
        shared = _first_pass(arguments)
    if not shared.model:
        # A misspelt --model is an unknown flag, and says so better than a missing one.
        _read(shared, arguments, known_only=False)
        raise UserError(f"--model is missing; there are {', '.join(scheme_names())}")
    if shared.model not in scheme_names():
        scheme_module(shared.model)
    check_shared(shared)
    scheme = scheme_module(shared.model)
    values = _second_pass(scheme, arguments)
    if shared.resume:
        _refuse_changes(_second_pass(scheme, given_now))
    if values.help:
        return types.SimpleNamespace(help=True, text=_help_text(values, scheme))
    given = {name for name in values if values[name].present}
    for name, default in {**SHARED_DEFAULTS, **scheme.DEFAULTS}.items():
        # --steps alone says how long the run is; beside --epochs it caps.
        if name not in given and not (name == "epochs" and "steps" in given):
            values[name].value = default
    settings = types.SimpleNamespace(
        **{name: values[name].value for name in values}, given=given, scheme=scheme
    )
    check_shared(settings)
    return settings


def _first_pass(arguments):
    shared = flags.FlagValues()
    define_shared_flags(shared)
    _read(shared, arguments, known_only=True)
    return shared


def _second_pass(scheme, arguments):
    values = flags.FlagValues()
    define_shared_flags(values)
    scheme.define_flags(values)
    _read(values, arguments, known_only=False)
    return values


def own_flags(define, arguments: Sequence[str]) -> tuple[types.SimpleNamespace, list[str]]:
    """Parses the flags of a command that hands all others on to `kgan.train`.

    Args:
        define: defines the command's own flags on the `FlagValues` that it is given.
        arguments: without the program's name; a flagfile may hold flags of both.

    Returns:
        The own flags as attributes, and the words that are left.

    Raises:
        UserError: one line, for anything that is wrong with the own flags.
    """
    values = flags.FlagValues()
    define(values)
    rest = _parsed(values, arguments, known_only=True)
    return types.SimpleNamespace(**{name: values[name].value for name in values}), rest


def _parsed(values, arguments, known_only):
    try:
        return values(["kgan", *arguments], known_only=known_only)[1:]
    except ValueError as error:  # not in UTF-8, or a file's name with a NUL in it
        raise UserError("--flagfile: holds no text; give a file with one flag a line") from error
    except (flags.Error, OSError) as error:
        raise UserError(_one_line(error)) from error


def _read(values, arguments, known_only):
    rest = _parsed(values, arguments, known_only)
    # The first pass leaves over the flags that it does not know, too.
    strays = [word for word in rest if not (known_only and word.startswith("-"))]
    if strays:
        raise UserError(f"{strays[0]}: flags look like --name=value")
    for name in values:
        value = values[name].value
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"--{name}={value}: must be a finite number")
        if isinstance(value, str) and not _fits_a_line(value):
            raise UserError(
                f"--{name}={value}: must be one line of text, without a blank at its end"
            )


def _fits_a_line(value) -> bool:
    """Says whether a value comes back from a flagfile as it was."""
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
    """Refuses beside `--resume` what would make another run of it."""
    for name in values:
        if values[name].present and name not in FREE_ON_RESUME:
            raise UserError(f"--{name} cannot be changed with --resume; begin a new run for that")


def _own_arguments(values):
    """Reads a resumed run's own flags, to be put before those given now."""
    saved = pathlib.Path(values.resume) / "flags.cfg"
    # Not `Path.is_file`, which raises on a name that no system takes.
    if not os.path.isfile(saved):
        raise UserError(
            f"--resume={values.resume}: no flags.cfg there; give a folder such as runs/00001-…"
        )
    try:
        own = saved.read_text().splitlines()
    except (OSError, ValueError) as error:
        raise UserError(f"--resume={values.resume}: flags.cfg cannot be read ({error})") from error
    if values["steps"].present or values["epochs"].present:
        # Both say how long the run is: what is given now takes the place of both.
        own = [line for line in own if not line.startswith(("--steps=", "--epochs="))]
    return own


def check_shared(settings) -> None:
    """Checks what absl cannot: sizes, intervals, colours, and what does not go together.

    Raises:
        UserError: one line that names the flag.
    """
    if settings.image_size is not None:
        parse_size(settings.image_size)
    parse_palette(settings.palette)
    if settings.classes is not None:
        parse_classes(settings.classes)
    if settings.validate_metrics is not None:
        parse_metrics("validate_metrics", settings.validate_metrics)
    check_name("name", settings.name)
    check_name("job", settings.job)
    for name in ("checkpoint_every", "sample_every", "validate_every"):
        if getattr(settings, name) is not None:
            parse_interval(name, getattr(settings, name))
    for name in ("g_lr", "d_lr", "minutes"):
        # A scheme without a second player has no flags for it.
        if getattr(settings, name, None) == 0:
            raise UserError(f"--{name}=0: must be above 0")
    if settings.beta_1 == 1:
        raise UserError("--beta_1=1: must be below 1, or nothing is ever learned")


def check_name(flag: str, name: str | None) -> None:
    """Checks a `--name`, which becomes part of a folder's name, or a `--job`."""
    if name is not None and not re.fullmatch(r"\w[\w.+=-]*", name):
        raise UserError(f"--{flag}={name}: letters, digits and . _ - + = only, a letter first")


def parse_size(text: str) -> tuple[int, int]:
    """Parses `--image_size`: N or HxW, as (height, width)."""
    match = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", text)
    size = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    low, high = SIZE_LIMITS
    if not all(low <= side <= high for side in size):
        raise UserError(
            f"--image_size={text}: N or HxW in pixels, {low} to {high}, such as 128 or 128x256"
        )
    return size


def parse_palette(text: str | None) -> list[tuple[int, int, int]] | None:
    """Parses `--palette`: RRGGBB,RRGGBB,… as RGB triples in 0..255; None where there is none.

    Raises:
        UserError: on anything else, or fewer than two colours.
    """
    if text is None:
        return None
    words = text.split(",")
    if len(words) < 2 or not all(re.fullmatch(r"[0-9A-Fa-f]{6}", word) for word in words):
        raise UserError(f"--palette={text}: two or more colours as RRGGBB, parted by commas")
    return [tuple(bytes.fromhex(word)) for word in words]


def parse_classes(text: str) -> list[str]:
    """Parses `--classes`: names or numbers of classes, parted by commas."""
    words = [word.strip() for word in text.split(",")]
    if not all(words) or len(set(words)) < len(words):
        raise UserError(f"--classes={text}: different names or numbers, parted by commas")
    return words


def parse_metrics(name: str, text: str) -> list[str]:
    """Parses NAME,NAME….

    Raises:
        UserError: begins with the flag.
    """
    names = [word.strip() for word in text.split(",")]
    if not all(re.fullmatch(r"\w+", word) for word in names):
        raise UserError(f"--{name}={text}: names with commas, such as fid,kid")
    return names


def parse_seeds(name: str, text: str) -> list[int]:
    """Parses seeds: 5, 0-63 or 1,4,9-12.

    Raises:
        UserError: begins with the flag.
    """
    seeds: list[int] = []
    for word in text.split(","):
        match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", word)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first or last - first >= MAX_SEEDS:
            raise UserError(f"--{name}={text}: give 5, 0-63 or 1,4,9-12, up to {MAX_SEEDS} seeds")
        seeds += range(first, last + 1)
    return seeds


def parse_interval(name: str, text: str) -> tuple[float, str]:
    """Parses N, Nepochs, Nmin or Ns as (number, `steps` | `epochs` | `seconds`)."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)(steps?|epochs?|min|s)?", text)
    if not match or float(match[1]) == 0:
        raise UserError(f"--{name}={text}: N (steps), Nepochs, Nmin or Ns, such as 500 or 5min")
    number, unit = float(match[1]), match[2] or "steps"
    if unit in ("min", "s"):
        return number * (60 if unit == "min" else 1), "seconds"
    return number, "epochs" if unit.startswith("epoch") else "steps"


def flagfile_text(settings) -> str:
    """Writes every resolved flag as a flagfile that repeats the run."""
    skipped = {*NOT_STORED, "given", "scheme"}
    return "\n".join(as_arguments(settings, set(vars(settings)) - skipped)) + "\n"


def free_arguments(settings) -> list[str]:
    """Writes the given flags that may stand beside `--resume` as arguments."""
    stay = ("job", "dry_run")
    free = {n for n in FREE_ON_RESUME if n in settings.given and (n not in NOT_STORED or n in stay)}
    return as_arguments(settings, free)


def as_arguments(settings, names) -> list[str]:
    """Writes the resolved flags of these names as arguments that give them."""
    words = [_words(name, value) for name, value in vars(settings).items() if name in names]
    return sum(words, [])


def fixed_on_resume(settings) -> dict[str, str]:
    """Writes, by name, each resolved flag that a checkpoint depends on as it is given.

    A data set's folder may be moved; only its name counts.
    """
    skipped = {*FREE_ON_RESUME, *PLACES, "given", "scheme"}
    values = {**vars(settings), "dataset": pathlib.Path(settings.dataset).name}
    return {
        name: " ".join(_words(name, value)) or f"no --{name}"
        for name, value in values.items()
        if name not in skipped
    }


def _words(name, value):
    """Writes a flag as the words that give it: none for None, several for a list."""
    if value is None:
        return []
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no{name}"]
    if isinstance(value, list):
        return [f"--{name}={item}" for item in value]
    return [f"--{name}={value}"]


def _help_text(values, scheme) -> str:
    lines = ["python -m kgan.train --model=NAME [--flag=value …]", "", "Schemes:"]
    lines += [f"  {name:10} {scheme_summary(name)}" for name in scheme_names()]
    shared = flags.FlagValues()
    define_shared_flags(shared)
    defaults = scheme.DEFAULTS if scheme else {}
    # A scheme may have no use for some of them, and takes these away.
    groups = [("Flags of every run:", [n for n in shared if n != "undefok" and n in values])]
    if scheme:
        groups.append(("Flags of this scheme:", [n for n in values if n not in shared]))
    for title, names in groups:
        lines += ["", title]
        for name in names:
            flag = values[name]
            default = defaults.get(name, flag.default)
            shown = "" if default in (None, "") or default is False else f" [{default}]"
            lines.append(f"  --{name:18} {flag.help}{shown}")
    return "\n".join(lines)


def define_run_flags(values: flags.FlagValues) -> None:
    """Defines `--run` and `--checkpoint`, for commands that use a trained model."""
    flags.DEFINE_string("run", None, "Folder of a run, such as runs/00001-…", flag_values=values)
    about = (
        "Checkpoint of the run: best, last, or auto (default): the best if the run keeps one, "
        "else the last."
    )
    which = ["auto", "best", "last"]
    flags.DEFINE_enum("checkpoint", "auto", which, about, flag_values=values)


def parse_command(
    module: str,
    define,
    arguments: Sequence[str],
    needed: Sequence[str],
    renamed: Mapping[str, str] = types.MappingProxyType({}),
) -> types.SimpleNamespace | None:
    """Parses the flags of a command other than training.

    Args:
        module: such as `kgan.export`, for the help.
        define: defines the flags on the `FlagValues` that it is given.
        arguments: without the program's name.
        needed: flags that have to be given.
        renamed: flags by their earlier names, which still set them but are not in the help.

    Returns:
        The flags as attributes; None where `--help` was asked for and has been printed.

    Raises:
        UserError: one line, for anything that is wrong.
    """
    values = flags.FlagValues()
    flags.DEFINE_string("flagfile", "", "Reads flags from a file.", flag_values=values)
    flags.DEFINE_boolean("help", False, "Shows the flags.", flag_values=values)
    define(values)
    for earlier, name in renamed.items():
        flags.DEFINE_alias(earlier, name, flag_values=values)
    _read(values, arguments, known_only=False)
    if values.help:
        wanted = "".join(f" --{name}=…" for name in needed)
        print(f"python -m {module}{wanted} [--flag=value …]\n")
        for name in values:
            if name not in renamed:
                print(f"  --{name:14} {values[name].help}")
        return None
    for name in needed:
        if not values[name].value:
            raise UserError(f"--{name} is missing; --help lists the flags")
    return types.SimpleNamespace(**{name: values[name].value for name in values})
