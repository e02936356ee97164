"""Flags of every training: the table, and how tables of flags become absl flags."""

from collections.abc import Iterable

from absl import flags

from kgan.models.base.flags import Flag, choice, integer, number, share, switch, text
from kgan.utils.choices import DERIVED_PAIRS, DIRECTIONS, LAYOUTS, OPTIMIZERS, PUBLISH
from kgan.utils.schedules import SCHEDULES

MOST_STEPS = 10**9  # a step's number has 32 bits in places

FLAGFILE = text("flagfile", "", "File with flags, one per line; # starts a comment.")
HELP = switch("help", False, "Show the flags; with --model=NAME also those of the model.")

PLAYER_FLAGS = tuple(
    flag
    for player, name in (("g", "generator"), ("d", "discriminator"))
    for flag in (
        number(f"{player}_lr", None, (0, 100), f"Learning rate of the {name}."),
        choice(f"{player}_optimizer", None, OPTIMIZERS, f"Optimizer of the {name}."),
        text(
            f"{player}_options", None, f"Options of the {name}'s optimizer, such as epsilon=1e-7."
        ),
    )
)

BAD_LIMIT = share(
    "bad_limit", 0.05, "Share of unreadable images above which skipping them ends with an error."
)
SHARED_FLAGS = (
    FLAGFILE,
    text("undefok", "", "absl's own: names of flags that may be unknown."),
    HELP,
    text("model", None, "Model to train; the only flag that is always needed."),
    # Data
    text(
        "dataset",
        None,
        "Data set: a built-in name, a TFDS name, a folder or a zip; A+B joins two as an unpaired "
        "set.",
    ),
    text("data_dir", None, "Folder in which TFDS keeps prepared data sets."),
    text(
        "manual_dir",
        None,
        "Folder with files of a data set that cannot be downloaded here; for A+B, with one folder "
        "for each.",
    ),
    text("classes", None, "Classes to keep, by name or number, comma-separated."),
    choice(
        "layout", "auto", LAYOUTS, "Layout of the data folder; auto detects it, which can go wrong."
    ),
    text(
        "sides",
        None,
        "The images of A and of B in a data folder: two of its folders, or patterns of file names, "
        "comma-separated, such as images,masks or *.jpg,*_mask.png; default: they are recognised.",
    ),
    choice("direction", "AtoB", DIRECTIONS, "Direction in which pairs are translated: AtoB, BtoA."),
    choice(
        "pairs",
        None,
        DERIVED_PAIRS,
        "Make pairs of single images: the input is their edges, grey values, a low resolution, a "
        "noisy or a masked version.",
    ),
    text(
        "palette",
        None,
        "Label maps of pairs: their colours, comma-separated, RRGGBB,RRGGBB,…; or ids, or ids:N, "
        "if grey levels are the numbers of (N) classes. Default: recognised in lossless files.",
    ),
    choice(
        "label_encoding",
        "auto",
        ("auto", "colours", "one_hot"),
        "Label maps as the networks get them. auto: colours as RGB, numbers of classes one-hot; "
        "colours: levels and colours as they are; one_hot: all with one channel per class.",
        earlier="colours",
    ),
    text(
        "value_range",
        None,
        "Levels that become black and white, LOW,HIGH, such as 0,4095 for 12 bits in 16-bit files. "
        "Default: those of the files; for floating point images, the lowest and highest found.",
    ),
    text("image_size", None, "Size of the images in pixels: N for squares, HxW for rectangles."),
    choice(
        "fit",
        "resize",
        ("resize", "crop"),
        "How images are brought to the size. resize: stretch; crop: keep the aspect ratio and cut "
        "out the centre.",
    ),
    choice(
        "bad_images",
        "skip",
        ("skip", "fail"),
        "Unreadable images. skip: report them and use others; fail: stop at the first.",
    ),
    BAD_LIMIT,
    choice(
        "channels",
        "auto",
        ("auto", "1", "3", "4"),
        "Channels of the images: 1 grey, 3 RGB, 4 RGB with alpha; auto: as the images have them.",
    ),
    number(
        "jitter", None, (1, 2), "Random crops of training images read so many times larger; 1: off."
    ),
    switch(
        "flip",
        None,
        "Mirror training images at random; default: with --jitter, if the data allow it.",
    ),
    number("cache_gb", 4.0, (0, 1e6), "Most decoded images to keep in memory, in GB."),
    # Length and randomness
    integer("batch_size", None, (1, 10**6), "Images per step; default: the model's per replica."),
    integer("epochs", None, (1, MOST_STEPS), "Length of the run in passes over the training data."),
    integer("steps", None, (1, MOST_STEPS), "Length of the run in generator updates."),
    number(
        "minutes",
        None,
        (0, 1e6),
        "Time limit of the training, which is then saved and exported. It holds for this command: "
        "a resumed run has none, or another one.",
    ),
    integer("seed", 0, (0, 2**31 - 1), "Random seed."),
    # Optimizers
    *PLAYER_FLAGS,
    share("beta_1", 0.5, "First decay of Adam; momentum of the momentum optimizer."),
    share("beta_2", 0.999, "Second decay of Adam."),
    number(
        "ema_half_life",
        0,
        (0, 1e12),
        "Half-life, in images, of the generator's average weights (EMA); 0: none.",
    ),
    choice(
        "lr_schedule",
        "constant",
        SCHEDULES,
        "Decay of the learning rates to zero at the end of the run.",
    ),
    share("lr_decay_from", 0.5, "Share of the schedule after which the rates decay."),
    integer(
        "lr_schedule_length",
        None,
        (1, MOST_STEPS),
        "Steps in which --lr_schedule reaches zero. Default: the length of the run; if a resumed "
        "run becomes longer or shorter, the length that it had, so that its rates do not jump.",
    ),
    integer(
        "lr_warmup",
        0,
        (0, MOST_STEPS),
        "Steps at the start in which the learning rates of both players rise linearly from 0, "
        "multiplied by --lr_schedule; 0: none. For large batches or high rates.",
    ),
    integer("accumulate", 1, (1, 4096), "Gradient accumulation: parts of a batch, to save memory."),
    choice(
        "precision",
        "float32",
        ("float32", "mixed_float16", "mixed_bfloat16"),
        "Type in which layers compute; weights, losses and images stay float32.",
    ),
    switch(
        "deterministic", False, "Deterministic operations: equal bits each time, slower on GPUs."
    ),
    choice(
        "jit",
        "auto",
        ("auto", "on", "off"),
        "Compile training steps with XLA. auto: on a single GPU, without --deterministic; on a CPU "
        "it is slower. The first step takes up to some minutes longer.",
        earlier="off",
    ),
    text(
        "steps_per_execution",
        "auto",
        "Training steps that are executed by one call, auto or N; saves time where steps take a "
        "few milliseconds. N must divide all intervals, the epoch and the run. auto: up to 10 for "
        "small networks, else 1.",
        earlier="1",
    ),
    # Devices
    choice(
        "strategy",
        "auto",
        ("auto", "none", "mirrored", "multi_worker"),
        "Distribution. auto: mirrored with several GPUs; multi_worker: the processes of TF_CONFIG "
        "or Slurm.",
    ),
    integer(
        "logical_devices", 1, (1, 64), "Split the CPU or a GPU into N, to try --strategy=mirrored."
    ),
    switch(
        "sync_batch_norm",
        None,
        "Batch statistics over all replicas; default: with several replicas.",
    ),
    # The run
    text("runs_dir", "runs", "Folder in which numbered run folders are made."),
    text("name", None, "Name of the run; default: model and data set."),
    text("resume", None, "Run to resume: folder, number, part of its name, or latest."),
    text("init_from", None, "Run whose trained weights a new run starts from (see --resume)."),
    text("job", None, "Any name: starts a run, or resumes the run of this name."),
    text("export_dir", "saved_models", "Folder of exports: <export_dir>/<name>/<version>/."),
    switch("evaluate", True, "Evaluate on the test part at the end."),
    switch("export", True, "Write a SavedModel at the end."),
    choice(
        "publish",
        "auto",
        PUBLISH,
        "Whether the export becomes the version of its name that TensorFlow Serving serves. auto: "
        "the first one, then those whose validation metric is better; better (--publish alone): if "
        "it is not known to be worse; never: it is written into the run folder.",
    ),
    switch("dry_run", False, "Check everything and print the plan; train nothing."),
    text(
        "checkpoint_every", "5min", "Interval between checkpoints: N (steps), Nepochs, Nmin or Ns."
    ),
    integer(
        "keep_checkpoints",
        None,
        (1, 10**6),
        "Number of the latest checkpoints that are kept; default: 2, or 1 if each has over 256 MB.",
    ),
    text(
        "sample_every",
        None,
        "Interval between sample sheets (see --checkpoint_every); default: a 20th of the run.",
    ),
    text(
        "validate_every",
        None,
        "Interval between validations (see --checkpoint_every); default: a 10th of the run.",
    ),
    text(
        "validate_metrics",
        None,
        "Metrics of the validation, comma-separated, such as fid,modes; the first one selects the "
        "best checkpoint. Default: L1 for pairs, else none.",
    ),
    text(
        "validate_features",
        None,
        "Features of the validation metrics: digits, pixels, keras_inception, …; default: those "
        "that fit the data.",
    ),
    integer("validate_count", 2000, (2, 1_000_000), "Images of a validation, at most."),
    integer(
        "max_rollbacks",
        3,
        (0, 100),
        "Restarts from the last good checkpoint after NaN or infinity.",
    ),
    choice(
        "on_collapse",
        "warn",
        ("warn", "stop", "rollback"),
        "Action when the generator's images become alike.",
    ),
    integer("log_every", 20, (1, MOST_STEPS), "Steps between two lines of metrics.jsonl."),
)
MOVED_DATA = text(
    "dataset",
    None,
    "Where the folder or zip that --run was trained on is now; its content is checked. Default: "
    "where it was.",
)
RUN = text(
    "run", None, "Run: folder, number, part of its name, or latest; works without --run=, too."
)
RUNS_DIR = text("runs_dir", "runs", "Folder in which a run is looked for by its number or name.")
CHECKPOINT = choice(
    "checkpoint",
    "auto",
    ("auto", "best", "last"),
    "Checkpoint to use: best or last; auto: the best where there is one, else the last.",
)
DEFINERS = {
    bool: flags.DEFINE_boolean,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
    tuple: flags.DEFINE_string,
    list[int]: flags.DEFINE_multi_integer,
    list[str]: flags.DEFINE_multi_string,
}
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
            continue
        limits = () if flag.high is flag.low is None else (flag.low, flag.high)
        DEFINERS[flag.type](flag.name, None, flag.help, *limits, **where)
