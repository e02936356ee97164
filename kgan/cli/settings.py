"""Settings of a training: the resolved flags, grouped into typed objects.

Values such as sizes, intervals and palettes are parsed here, once. The flags themselves are kept
beside them as they were given, since they are what run folders and checkpoints store.
"""

import dataclasses
from collections.abc import Iterable, Mapping

from kgan.cli import values as parsers
from kgan.models.base.flags import ModelSettings, OptimizerSettings
from kgan.utils.choices import Ids
from kgan.utils.errors import UserError

# What belongs to the command and not to the run: a copied flagfile must not repeat it.
NOT_STORED = ("flagfile", "undefok", "help", "resume", "job", "dry_run")

# What may be changed with --resume, while all cells of a sweep have it in common.
FREE_OF_SWEEPS = (
    *("dataset", "bad_images", "bad_limit", "log_every", "sample_every", "validate_every"),
    "max_rollbacks",
)

# What may be changed with --resume: how long, where, and what is noted, not what is trained. That a
# data set elsewhere has the images of the run is checked by their names, sizes and contents.
FREE_ON_RESUME = (
    *NOT_STORED,
    *("steps", "epochs", "minutes", "lr_schedule_length", "evaluate", "export", "publish"),
    *("export_dir", "strategy", "logical_devices", "checkpoint_every", "keep_checkpoints"),
    *("cache_gb", "data_dir"),
    *("manual_dir", "jit", "steps_per_execution"),
    *FREE_OF_SWEEPS,
)

# Where a run lies and what it is called may change afterwards, too.
PLACES = ("runs_dir", "name")

INTERVALS = ("checkpoint_every", "sample_every", "validate_every")
PARSERS = {
    "image_size": parsers.parse_size,
    "palette": parsers.parse_palette,
    "value_range": parsers.parse_value_range,
    "classes": parsers.parse_names,
    "sides": parsers.parse_sides,
    "validate_metrics": parsers.parse_metrics,
    **dict.fromkeys(INTERVALS, parsers.parse_interval),
    **dict.fromkeys(("g_options", "d_options"), parsers.parse_options),
    **dict.fromkeys(("name", "job"), parsers.parse_name),
    "steps_per_execution": parsers.parse_steps_per_execution,
    "channels": lambda flag, text: None if text == "auto" else int(text),
}
Interval = tuple[float, str]


@dataclasses.dataclass(frozen=True)
class DataSettings:
    """Which data set is read, and how; fields are called like their flags.

    Args:
        image_size: (height, width) in pixels.
        palette: RGB triples in 0..255, `kgan.utils.choices.Ids`, or None.
        value_range: (low, high), the levels that become -1 and 1, or None.
        channels: 1, 3 or 4; None: as the images have them.
        jitter: at least 1; None or 1: off.

    Example:
        >>> from kgan.cli.parsing import parse_training
        >>> parse_training(["--model=gan", "--image_size=8x16"]).data.image_size
        (8, 16)
    """

    dataset: str
    data_dir: str | None
    manual_dir: str | None
    classes: tuple[str, ...] | None
    layout: str
    sides: tuple[str, str] | None
    direction: str
    pairs: str | None
    palette: tuple[tuple[int, int, int], ...] | Ids | None
    label_encoding: str
    value_range: tuple[float, float] | None
    image_size: tuple[int, int]
    fit: str
    bad_images: str
    bad_limit: float
    channels: int | None
    jitter: float | None
    flip: bool | None
    cache_gb: float
    seed: int


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """Where a run lies, how long it is, what it writes; fields are called like their flags.

    Args:
        checkpoint_every: (number, `steps` | `epochs` | `seconds`).
        sample_every: the same, or None.

    Example:
        >>> from kgan.cli.parsing import parse_training
        >>> parse_training(["--model=gan"]).run.checkpoint_every
        (300.0, 'seconds')
    """

    batch_size: int
    epochs: int | None
    steps: int | None
    minutes: float | None
    seed: int
    lr_schedule: str
    lr_decay_from: float
    lr_schedule_length: int | None
    lr_warmup: int
    accumulate: int
    runs_dir: str
    name: str | None
    resume: str | None
    init_from: str | None
    job: str | None
    export_dir: str
    evaluate: bool
    export: bool
    publish: str
    dry_run: bool
    checkpoint_every: Interval
    keep_checkpoints: int | None
    sample_every: Interval | None
    max_rollbacks: int
    on_collapse: str
    log_every: int


@dataclasses.dataclass(frozen=True)
class ValidationSettings:
    """What is measured during training; fields are called like their flags.

    Args:
        validate_every: (number, `steps` | `epochs` | `seconds`), or None.
        validate_metrics: the first one selects the best checkpoint; None: the model's own.

    Example:
        >>> from kgan.cli.parsing import parse_training
        >>> parse_training(["--model=gan", "--validate_count=64"]).validation.validate_count
        64
    """

    validate_every: Interval | None
    validate_metrics: tuple[str, ...] | None
    validate_features: str | None
    validate_count: int


@dataclasses.dataclass(frozen=True)
class DeviceSettings:
    """What a run computes on and in; fields are called like their flags.

    Args:
        jit: `auto`, `on` or `off`.
        steps_per_execution: None: chosen when the length of the run is known.

    Example:
        >>> from kgan.cli.parsing import parse_training
        >>> parse_training(["--model=gan"]).device.precision
        'float32'
    """

    strategy: str
    logical_devices: int
    sync_batch_norm: bool | None
    precision: str
    deterministic: bool
    jit: str
    steps_per_execution: int | None


class Settings:
    """The resolved flags of a training.

    Args:
        values: by name of the flag: what was given, or a default.
        given: names of the flags that the user gave.
        model_class: the model that `--model` names.

    Attributes:
        data: `DataSettings`.
        run: `RunSettings`.
        validation: `ValidationSettings`.
        device: `DeviceSettings`.
        values, given, model_class: as above; the values are what is stored.

    Example:
        >>> from kgan.cli.parsing import parse_training
        >>> settings = parse_training(["--model=wgan", "--clip=0.02"])
        >>> settings.for_model().values["clip"], settings.as_arguments(settings.given)
        (0.02, ['--model=wgan', '--clip=0.02'])
    """

    def __init__(self, values: Mapping[str, object], given: Iterable[str], model_class: type):
        self.values = dict(values)
        self.given = frozenset(given)
        self.model_class = model_class
        self.typed = {name: typed(name, value) for name, value in self.values.items()}
        for flag in model_class.flags():
            if flag.type is tuple:
                text = self.values[flag.name]
                self.typed[flag.name] = parsers.parse_names(flag.name, text) if text else ()
        check(self.typed)
        self.data = self._group(DataSettings)
        self.run = self._group(RunSettings)
        self.validation = self._group(ValidationSettings)
        self.device = self._group(DeviceSettings)

    def _group(self, group):
        return group(**{f.name: self.typed[f.name] for f in dataclasses.fields(group)})

    def replace(self, **values) -> "Settings":
        """Returns settings in which some flags have other values."""
        return Settings({**self.values, **values}, self.given, self.model_class)

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.values["model"]

    def for_model(self) -> ModelSettings:
        """Returns what the model is built from."""
        return ModelSettings(
            {flag.name: self.typed[flag.name] for flag in self.model_class.flags()},
            {player: self._optimizer(player) for player in self.model_class.player_names},
            self.run.batch_size,
            self.run.accumulate,
            self.run.seed,
            bool(self.device.sync_batch_norm),
            self.values["ema_half_life"],
        )

    def _optimizer(self, player):
        return OptimizerSettings(
            self.typed[f"{player}_optimizer"],
            self.typed[f"{player}_lr"],
            self.typed["beta_1"],
            self.typed["beta_2"],
            self.typed[f"{player}_options"] or {},
        )

    # As text

    def flagfile_text(self) -> str:
        """Writes every resolved flag as a flagfile that repeats the run."""
        return "\n".join(self.as_arguments(set(self.values) - set(NOT_STORED))) + "\n"

    def free_arguments(self) -> list[str]:
        """Writes the given flags that are allowed with `--resume` as arguments."""
        stay = ("job", "dry_run")
        free = [n for n in FREE_ON_RESUME if n not in NOT_STORED or n in stay]
        return self.as_arguments(self.given.intersection(free))

    def as_arguments(self, names: Iterable[str]) -> list[str]:
        """Writes the flags of these names as arguments that give them."""
        chosen = set(names)
        flags = [words(name, value) for name, value in self.values.items() if name in chosen]
        return [word for flag in flags for word in flag]

    def fixed_on_resume(self) -> dict[str, str]:
        """Writes, by name, each flag that a checkpoint depends on as it is given."""
        return self.by_name(set(self.values) - {*FREE_ON_RESUME, *PLACES})

    def by_name(self, names: Iterable[str]) -> dict[str, str]:
        """Writes some flags as they are given, by name; `no --NAME` for None."""
        return {
            name: " ".join(words(name, value)) or f"no --{name}"
            for name, value in self.values.items()
            if name in names
        }


def typed(name: str, value):
    """Parses the value of a flag; None and values that need no parsing stay."""
    if value is None:
        return None
    if name in PARSERS:
        return PARSERS[name](name, value)
    return tuple(value) if isinstance(value, list) else value


def check(values: Mapping[str, object]) -> None:
    """Checks limits that a table of flags cannot express.

    Args:
        values: by name; of those that are missing nothing is checked.
    """
    for name in ("g_lr", "d_lr", "minutes"):
        if values.get(name) == 0:
            raise UserError(f"--{name}=0: must be above 0")
    length = values.get("lr_schedule_length")
    if length is not None and values.get("lr_schedule", "constant") == "constant":
        raise UserError(f"--lr_schedule_length={length}: needs --lr_schedule=linear or cosine")
    if values.get("beta_1") == 1:
        raise UserError("--beta_1=1: must be below 1, or nothing is learned")


def words(name: str, value) -> list[str]:
    """Writes a flag as the words that give it: none for None, several for a list.

    Example:
        >>> words("hidden", [8, 4]), words("flip", False)
        (['--hidden=8', '--hidden=4'], ['--noflip'])
    """
    if value is None:
        return []
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no{name}"]
    if isinstance(value, list):
        return [f"--{name}={item}" for item in value]
    return [f"--{name}={value}"]
