"""Flags of every training: the table, and how tables of flags become absl flags."""

from collections.abc import Iterable

from absl import flags

from kgan.models.base.flags import Flag
from kgan.utils.choices import DERIVED_PAIRS, DIRECTIONS, LAYOUTS, OPTIMIZERS
from kgan.utils.schedules import SCHEDULES

MOST_STEPS = 10**9  # a step's number has 32 bits in places

FLAGFILE = Flag("flagfile", str, "", "File with flags, one per line; # starts a comment.")
HELP = Flag("help", bool, False, "Show the flags; with --model=NAME also those of the model.")

PLAYER_FLAGS = tuple(
    flag
    for player, name in (("g", "generator"), ("d", "discriminator"))
    for flag in (
        Flag(f"{player}_lr", float, None, f"Learning rate of the {name}.", 0, 100),
        Flag(
            f"{player}_optimizer",
            str,
            None,
            f"Optimizer of the {name}.",
            choices=OPTIMIZERS,
        ),
        Flag(
            f"{player}_options",
            str,
            None,
            f"Further options of the {name}'s optimizer, such as epsilon=1e-7,rho=0.9.",
        ),
    )
)

SHARED_FLAGS = (
    FLAGFILE,
    Flag("undefok", str, "", "absl's own: names of flags that may be unknown."),
    HELP,
    Flag("model", str, None, "Model to train; the only flag that is always needed."),
    # Data
    Flag(
        "dataset",
        str,
        None,
        "Data set: a built-in name, a TFDS name, a folder or a zip; A+B joins two as an unpaired "
        "set.",
    ),
    Flag("data_dir", str, None, "Folder in which TFDS keeps prepared data sets."),
    Flag(
        "manual_dir",
        str,
        None,
        "Folder with files of a data set that cannot be downloaded here; for A+B, with one folder "
        "for each.",
    ),
    Flag("classes", str, None, "Classes to keep, by name or number, comma-separated."),
    Flag(
        "layout",
        str,
        "auto",
        "Layout of the data folder; auto detects it. Set it if the detection is wrong.",
        choices=LAYOUTS,
    ),
    Flag(
        "direction",
        str,
        "AtoB",
        "Side of a pair that is the input. AtoB: A is translated to B.",
        choices=DIRECTIONS,
    ),
    Flag(
        "pairs",
        str,
        None,
        "Make pairs of single images: the input is their edges, grey values, a low resolution, a "
        "noisy or a masked version.",
        choices=DERIVED_PAIRS,
    ),
    Flag("palette", str, None, "Colours of label maps, comma-separated: RRGGBB,RRGGBB,…"),
    Flag(
        "image_size",
        str,
        None,
        "Size of the images in pixels: N for squares, HxW for rectangles.",
    ),
    Flag(
        "fit",
        str,
        "resize",
        "How images are brought to the size. resize: stretch; crop: keep the aspect ratio and cut "
        "out the centre.",
        choices=("resize", "crop"),
    ),
    Flag(
        "bad_images",
        str,
        "skip",
        "Unreadable images. skip: report them and use others; fail: stop at the first.",
        choices=("skip", "fail"),
    ),
    Flag(
        "bad_limit",
        float,
        0.05,
        "With --bad_images=skip: share of unreadable images above which the run stops.",
        0,
        1,
    ),
    Flag(
        "channels",
        str,
        "auto",
        "Channels of the images: 1 grey, 3 RGB, 4 RGB with alpha; auto: as the images have them.",
        choices=("auto", "1", "3", "4"),
    ),
    Flag(
        "jitter",
        float,
        None,
        "Random crops: training images are read so many times larger and cropped; 1: off.",
        1,
        2,
    ),
    Flag(
        "flip",
        bool,
        None,
        "Mirror training images at random; default: with --jitter, where the data set allows it.",
    ),
    Flag(
        "cache_gb",
        float,
        4.0,
        "Decoded training images up to this size, in GB, are kept in memory.",
        0,
        1e6,
    ),
    # Length and randomness
    Flag(
        "batch_size",
        int,
        None,
        "Images per step over all replicas; default: the model's, times the replicas.",
        1,
        10**6,
    ),
    Flag("epochs", int, None, "Length of the run in passes over the training data.", 1, MOST_STEPS),
    Flag("steps", int, None, "Length of the run in generator updates.", 1, MOST_STEPS),
    Flag(
        "minutes",
        float,
        None,
        "Time limit: training stops after so many minutes, is saved and exported.",
        0,
        1e6,
    ),
    Flag("seed", int, 0, "Random seed.", 0, 2**31 - 1),
    # Optimizers
    *PLAYER_FLAGS,
    Flag("beta_1", float, 0.5, "First decay of Adam; momentum of the momentum optimizer.", 0, 1),
    Flag("beta_2", float, 0.999, "Second decay of Adam.", 0, 1),
    Flag(
        "ema_half_life",
        float,
        0,
        "Half-life, in images, of the generator's weight average (EMA); 0: no average.",
        0,
        1e12,
    ),
    Flag(
        "lr_schedule",
        str,
        "constant",
        "Decay of the learning rates to zero at the end of the run.",
        choices=SCHEDULES,
    ),
    Flag("lr_decay_from", float, 0.5, "Share of the run after which the rates decay.", 0, 1),
    Flag(
        "accumulate",
        int,
        1,
        "Gradient accumulation: split each batch into N parts, to save memory.",
        1,
        4096,
    ),
    Flag(
        "precision",
        str,
        "float32",
        "Type in which layers compute; weights, losses and images stay float32.",
        choices=("float32", "mixed_float16", "mixed_bfloat16"),
    ),
    Flag(
        "deterministic",
        bool,
        False,
        "Deterministic operations: the same bits each time, slower on GPUs.",
    ),
    # Devices
    Flag(
        "strategy",
        str,
        "auto",
        "Distribution. auto: mirrored with several GPUs; multi_worker: the processes of TF_CONFIG "
        "or Slurm.",
        choices=("auto", "none", "mirrored", "multi_worker"),
    ),
    Flag(
        "logical_devices",
        int,
        1,
        "Split the CPU or one GPU into N devices, to try out --strategy=mirrored.",
        1,
        64,
    ),
    Flag(
        "sync_batch_norm",
        bool,
        None,
        "Compute batch statistics over all replicas; default: with several replicas.",
    ),
    # The run
    Flag("runs_dir", str, "runs", "Folder in which numbered run folders are made."),
    Flag("name", str, None, "Name of the run; default: model and data set."),
    Flag("resume", str, None, "Run folder to resume."),
    Flag("init_from", str, None, "Run folder whose trained weights a new run starts from."),
    Flag("job", str, None, "Any name: starts a run, or resumes the run of this name."),
    Flag(
        "export_dir",
        str,
        "saved_models",
        "Folder of exports: <export_dir>/<name>/<version>/.",
    ),
    Flag("evaluate", bool, True, "Evaluate on the test part at the end."),
    Flag("export", bool, True, "Write a SavedModel at the end."),
    Flag("dry_run", bool, False, "Check everything and print the plan; train nothing."),
    Flag(
        "checkpoint_every",
        str,
        "5min",
        "Interval between checkpoints: N (steps), Nepochs, Nmin or Ns.",
    ),
    Flag("keep_checkpoints", int, 2, "Number of the latest checkpoints that are kept.", 1, 10**6),
    Flag(
        "sample_every",
        str,
        None,
        "Interval between sample sheets: N (steps), Nepochs, Nmin or Ns; default: a 20th of the "
        "run.",
    ),
    Flag(
        "validate_every",
        str,
        None,
        "Interval between validations: N (steps), Nepochs, Nmin or Ns; default: a 10th of the run.",
    ),
    Flag(
        "validate_metrics",
        str,
        None,
        "Metrics of the validation, comma-separated, such as fid,modes; the first one selects the "
        "best checkpoint. Default: L1 for pairs, else none.",
    ),
    Flag(
        "validate_features",
        str,
        None,
        "Features of the validation metrics: digits, pixels, inception, …; default: those that fit "
        "the data.",
    ),
    Flag("validate_count", int, 2000, "Images of a validation, at most.", 2, 1_000_000),
    Flag(
        "max_rollbacks",
        int,
        3,
        "After NaN or infinity: number of restarts from the last good checkpoint.",
        0,
        100,
    ),
    Flag(
        "on_collapse",
        str,
        "warn",
        "Action when the generator's images become alike.",
        choices=("warn", "stop", "rollback"),
    ),
    Flag("log_every", int, 20, "Steps between two lines of metrics.jsonl.", 1, MOST_STEPS),
)
RUN = Flag("run", str, None, "Run folder, such as runs/00001-….")
CHECKPOINT = Flag(
    "checkpoint",
    str,
    "auto",
    "Checkpoint to use: best or last; auto: the best where there is one, else the last.",
    choices=("auto", "best", "last"),
)
SHARED_NAMES = tuple(flag.name for flag in SHARED_FLAGS)


def define(values: flags.FlagValues, table: Iterable[Flag]) -> None:
    """Defines absl flags from a table.

    A flag that is not given is None: defaults are filled in later, so that it is known what was
    given.

    Args:
        values: where the flags are defined.
        table: the flags.
    """
    for flag in table:
        where = {"flag_values": values}
        if flag.choices:
            flags.DEFINE_enum(flag.name, None, list(flag.choices), flag.help, **where)
        elif flag.type is bool:
            flags.DEFINE_boolean(flag.name, None, flag.help, **where)
        elif flag.type is int:
            flags.DEFINE_integer(flag.name, None, flag.help, flag.low, flag.high, **where)
        elif flag.type is float:
            flags.DEFINE_float(flag.name, None, flag.help, flag.low, flag.high, **where)
        elif flag.type == list[int]:
            limits = flag.low, flag.high
            flags.DEFINE_multi_integer(flag.name, None, flag.help, *limits, **where)
        elif flag.type == list[str]:
            flags.DEFINE_multi_string(flag.name, None, flag.help, **where)
        else:
            flags.DEFINE_string(flag.name, None, flag.help, **where)
