"""Thousands of damaged and hostile inputs, in one process.

Reading them must end with a result or a `UserError` of one line, within seconds, and must not
write files, start programs or use the network.

    python -m tests.faults.fuzz 1500
"""

import contextlib
import io
import json
import os
import pathlib
import resource
import shutil
import stat
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable

import hypothesis
import numpy as np
import tensorflow as tf
from hypothesis import strategies as st

from kgan import doctor, evaluate, export, generate
from kgan.cli.entry import Help
from kgan.cli.flags import SHARED_NAMES
from kgan.cli.models import model_class, model_names
from kgan.cli.parsing import parse_command, parse_training
from kgan.cli.values import parse_seeds
from kgan.data import decode, shaping
from kgan.data.dataset import KINDS, DataSpec, ImageFormat
from kgan.data.folder.layouts import LAYOUTS
from kgan.data.folder.reading import open_images
from kgan.data.preparation import Preparation
from kgan.data.registry import open_dataset
from kgan.data.tfds.source import TFDSSource
from kgan.runs import checkpoint, logs
from kgan.runs.folder import Run, create_run, open_run
from kgan.utils.errors import UserError
from tests.faults import damage
from tests.faults.watch import Watch, quiet

MOST_MEMORY = 2000  # MB that the whole process may have taken at its peak
SIZE = ImageFormat((8, 8), (9, 10))
MOST_READ = 12  # examples of a part

SUFFIXES = (".png", ".jpg", ".gif", ".bmp", ".webp", ".tif", ".PNG", ".txt", "")
PLAIN_WORDS = (
    "a train test val trainA trainB testA testB A B cats dogs 1 2 10 größe -a … ... .hidden "
    "__MACOSX"
)
WORDS = (*PLAIN_WORDS.split(), "x" * 200, "a b", "a\nb", "a\udcffb", "\u202e", "a\x1b[2J")
PLAIN_HOSTILE = "../x /x C:/x a/../../x ./x .//x //x a//x a/ . .. CON ~/x"
HOSTILE = (*PLAIN_HOSTILE.split(), "\\x", "..\\x", "C:\\x", "", "a\x00b")


def run(examples_each: int, folder: pathlib.Path) -> dict:
    """Passes inputs to every reader.

    Args:
        examples_each: approximate number for each kind of input.
        folder: for the inputs; files outside of it must not change.

    Returns:
        `inputs`, of which `refused`, `seconds`, `peak_memory_mb` of the process so far, and
        `by_kind`, the number of inputs of each kind.
    """
    start = time.perf_counter()
    inside = pathlib.Path(folder) / "inside"
    inside.mkdir(parents=True)
    beside = pathlib.Path(folder) / "beside"
    beside.mkdir()
    (beside / "secret.png").write_bytes(damage.images()["pixel.png"])
    before = _listing(beside)
    watch, by_kind = Watch(inside / "run"), {}
    here, byte_code = os.getcwd(), sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # importing a module would write its byte code
    os.chdir(inside)
    try:
        with quiet():
            for kind, fuzz in KINDS_OF_INPUT.items():
                seen = watch.inputs
                fuzz(watch, examples_each, inside)
                by_kind[kind] = watch.inputs - seen
    finally:
        os.chdir(here)
        sys.dont_write_bytecode = byte_code
    assert _listing(beside) == before, "a file outside of the folder was touched"
    assert not (set(os.listdir(folder)) - {"inside", "beside"}), os.listdir(folder)
    return {
        "inputs": watch.inputs,
        "refused": watch.refused,
        "seconds": time.perf_counter() - start,
        "peak_memory_mb": _peak_memory(),
        "by_kind": by_kind,
    }


def report(found: dict) -> str:
    """Describes in one line what `run` returned."""
    return (
        f"{found['inputs']} inputs in {found['seconds']:.0f} s, "
        f"peak memory {found['peak_memory_mb']:.0f} MB"
    )


def _listing(folder):
    return [(str(p), p.lstat().st_size, p.lstat().st_mtime_ns) for p in sorted(folder.rglob("*"))]


def _peak_memory() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _examples(count: int, *strategies) -> Callable:
    """Returns a decorator that calls a function with `count` inputs, always the same ones."""

    def each(function):
        # Hypothesis passes values by name, and takes only functions without defaults.
        limits = hypothesis.settings(
            max_examples=count,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        )
        limits(hypothesis.given(st.tuples(*strategies))(lambda drawn: function(*drawn)))()

    return each


def _read_all(collection) -> None:
    """Reads examples of every part and checks their shapes, dtypes and labels."""
    for source in collection.parts.values():
        for example in source.read_many(range(min(len(source), MOST_READ))):
            for key, value in example.items():
                if key == "label":
                    assert 0 <= value < max(1, len(collection.class_names)) or (
                        collection.kind == "images"
                    )
                else:
                    assert value.shape[:2] in ((8, 8), (9, 10)), value.shape
                    assert value.shape[2] in (1, 3, 4) and value.dtype in (np.uint8, np.uint16)


def _open_and_read(path, **options) -> None:
    _read_all(open_dataset(str(path), SIZE, **options))


# --- images -----------------------------------------------------------------------------------


def fuzz_images(watch: Watch, count: int, folder: pathlib.Path) -> None:
    """Damaged images, read from bytes, and from a folder that also contains a whole one."""
    home = folder / "pictures"
    home.mkdir()
    for name, data in zip("abc", damage.images().values(), strict=False):
        (home / f"whole-{name}.png").write_bytes(data)
    sizes = st.sampled_from([(8, 8), (1, 1), (5, 90), None])
    fits = st.sampled_from(["resize", "crop"])

    @_examples(
        count, damage.damaged_images(), sizes, st.sampled_from([1, 3, 4]), fits, st.booleans()
    )
    def _(data, size, channels, fit, nearest):
        shape = Preparation(size, channels, fit, nearest)
        found = watch.input(shaping.read_image, data, "it.png", shape)
        watch.outcome(decode.image_size, data, "it.png")
        if not isinstance(found, UserError):
            assert found.shape[2] == channels
            assert size is None or found.shape[:2] == size

    names = st.tuples(st.sampled_from(WORDS), st.sampled_from(SUFFIXES[:7])).map("".join)
    limits, kinds = st.sampled_from([None, 0.0, 0.5, 1.0]), st.sampled_from(["images", "paired"])

    @_examples(count, damage.damaged_images(), names, limits, kinds)
    def _(data, name, limit, kind):
        (home / name).write_bytes(data)
        options = {"pairs": "edges"} if kind == "paired" else {}
        watch.input(_open_and_read, home, kind=kind, layout="images", bad_limit=limit, **options)
        (home / name).unlink()


def fuzz_records(watch: Watch, count: int, folder: pathlib.Path) -> None:
    """Damaged records of a prepared TFDS set, and labels out of range."""
    labels = st.one_of(st.integers(0, 2), st.integers(-(2**63), 2**63 - 1), st.none())

    def record(image, label):
        features = {"image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image]))}
        if label is not None:
            whole = tf.train.Int64List(value=[label])
            features["label"] = tf.train.Feature(int64_list=whole)
        return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()

    records = st.builds(record, damage.damaged_images() | damage.whole_images(), labels)

    @_examples(count, damage.damaged(records) | records, st.sampled_from([0, 3]))
    def _(data, classes):
        split = type(
            "Split",
            (list,),
            {"__getitems__": lambda s, at: [s[i] for i in at], "dataset_info": None},
        )([data])
        source = TFDSSource(split, "made", Preparation((8, 8)), classes)
        found = watch.input(source.read, 0)
        if classes and not isinstance(found, UserError):
            assert 0 <= found["label"] < classes


# --- zips and folders ---------------------------------------------------------------------------

_FILE_NAMES = st.builds(
    lambda folders, name, suffix: "/".join([*folders, name + suffix]),
    st.lists(st.sampled_from(WORDS), max_size=3),
    st.sampled_from(WORDS),
    st.sampled_from(SUFFIXES),
)
_ZIPPED = st.tuples(
    st.one_of(_FILE_NAMES, _FILE_NAMES, st.sampled_from(HOSTILE).map("{}.png".format)),
    st.one_of(
        damage.whole_images(),
        damage.whole_images(),
        damage.damaged_images(),
        st.sampled_from([b"", bytes(3_000_000), b"PK\x03\x04" + bytes(30)]),
    ),
    st.sampled_from(
        [zipfile.ZIP_DEFLATED] * 4
        + [zipfile.ZIP_STORED] * 2
        + [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    ),
    st.sampled_from([0] * 9 + [stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o600]),
)
_OPTIONS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "layout": st.sampled_from(("auto", "auto", *LAYOUTS)),
        "direction": st.sampled_from(["AtoB", "BtoA"]),
        "pairs": st.sampled_from([None, None, "edges", "grey", "lowres", "noisy", "masked"]),
        "palette": st.sampled_from([None, None, [(0, 0, 0), (255, 0, 0)]]),
        "bad_limit": st.sampled_from([None, 0.05, 0.5, 1.0]),
    }
)


def _zipped(members) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data, method, mode in members:
            info = zipfile.ZipInfo("placeholder")
            info.filename = name.encode("utf-8", "replace").decode()
            info.external_attr, info.compress_type = mode << 16, method
            archive.writestr(info, data)
    return file.getvalue()


def fuzz_zips(watch: Watch, count: int, folder: pathlib.Path) -> None:
    """Zips with hostile members, and zips whose bytes are damaged."""
    path = folder / "it.zip"
    whole = st.lists(_ZIPPED, max_size=6).map(_zipped)
    # Two images that are all right, or nearly every zip would be refused for having too few.
    fine = [(f"{n}.png", damage.images()[n + ".png"], 8, 0) for n in ("colour", "pixel")]
    with_fine = st.lists(_ZIPPED, max_size=4).map(lambda members: _zipped([*members, *fine]))

    @_examples(count, st.one_of(whole, with_fine, damage.damaged(with_fine)), _OPTIONS)
    def _(data, options):
        path.write_bytes(data)
        watch.input(_open_and_read, path, **options)


LINKS = "../beside ../beside/secret.png / . .. nothing it tree /dev/zero a.png"
_WHOLE, _DAMAGED = damage.whole_images(), damage.damaged_images()
_FOUND = st.one_of(
    st.tuples(st.just("file"), st.one_of(_WHOLE, _WHOLE, _DAMAGED)),
    st.tuples(st.just("file"), _WHOLE),
    st.tuples(st.just("link"), st.sampled_from(LINKS.split())),
    st.tuples(st.sampled_from(["folder", "pipe", "huge"]), st.none()),
)


def _plant(root, name, kind, detail):
    """Makes one entry of a tree; what the system does not allow is left out."""
    path = root.joinpath(*[piece for piece in name.split("/") if piece])
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path):
            return  # to open a pipe would wait for ever
        if kind == "file":
            path.write_bytes(detail)
        elif kind == "link":
            path.symlink_to(detail)
        elif kind == "folder":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            with open(path, "wb") as file:
                file.truncate(2**36)  # takes no room on the disk


def fuzz_folders(watch: Watch, count: int, folder: pathlib.Path) -> None:
    """Trees of folders with odd names, links, pipes and holes."""
    root = folder / "tree"
    # Pairs of whole images under names that mean something, and whatever else may lie there.
    trees = (
        "",
        "a.png b.png",
        "A/1.png A/2.png B/1.png B/2.png",
        "trainA/1.png trainA/2.png trainB/1.png trainB/2.png",
        "cats/1.png cats/2.png dogs/1.png",
        "train/1.png train/2.png val/3.png",
    )
    base = st.sampled_from([tree.split() for tree in trees])

    @_examples(count, base, st.lists(st.tuples(_FILE_NAMES, _FOUND), max_size=5), _OPTIONS)
    def _(names, found, options):
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        for name in names:
            _plant(root, name, "file", damage.images()["colour.png"])
        for name, (kind, detail) in found:
            _plant(root, name, kind, detail)
        watch.input(_open_and_read, root, **options)
        watch.outcome(lambda: _read_some(open_images(root, Preparation((8, 8)))))


def _read_some(source):
    return [source.read(index) for index in range(min(len(source), MOST_READ))]


# --- flags --------------------------------------------------------------------------------------

PLAIN_VALUES = (
    "0 1 -1 3 8 0.5 1e-3 1e400 -0.0 nan inf x true auto 0x10 1_000 ٣ 5min 32x32 64 0.3epochs "
    "000000,ffffff --seed=1 # ../x ~ none adam dcgan digits /dev/null . {} %s 0-63 1,2"
)
VALUES = (
    *PLAIN_VALUES.split(),
    "",
    "9" * 30,
    "9" * 5000,
    "9" * 400 + "s",
    "a\nb",
    "a\x00b",
    "a\udcffb",
    " x ",
    "x\u2028y",
    "x\r",
)
COMMANDS = {
    "kgan.generate": (generate.FLAGS, ("run",)),
    "kgan.evaluate": (evaluate.FLAGS, ()),
    "kgan.export": (export.FLAGS, ("run",)),
    "kgan.doctor": (doctor.FLAGS, ()),
}


def _flag_names() -> list[str]:
    """Lists the flags of all models and commands."""
    tables = [model_class(name).flags() for name in model_names()]
    tables += [table for table, _ in COMMANDS.values()]
    return sorted({*SHARED_NAMES, *(flag.name for table in tables for flag in table)})


def _words() -> st.SearchStrategy[str]:
    names = st.sampled_from(_flag_names())
    values = st.one_of(st.sampled_from(VALUES), st.sampled_from(VALUES), st.text(max_size=12))
    files = st.sampled_from(["self.cfg", "it.cfg", "pictures", "nothing.cfg"])
    return st.one_of(
        st.builds("--{}={}".format, names, values),
        st.builds("--{}={}".format, names, values),
        st.builds("--no{}".format, names),
        st.builds("-{}".format, names),
        st.builds("--flagfile={}".format, files),
        st.text(max_size=12),
        st.sampled_from(["--", "-", "--help", "--undefok=x", "--resume=tree", "--=", "--model"]),
    )


def _parsed_command(module, table, arguments, needed) -> None:
    with contextlib.suppress(Help):
        parse_command(module, table, arguments, needed)


def _held_by_its_flagfile(arguments) -> None:
    """Parses a command line; what is accepted has to come back from its own flagfile."""
    try:
        resolved = parse_training(arguments)
    except Help:
        return
    text = resolved.flagfile_text()
    pathlib.Path("run/flags.cfg").write_text(text)
    assert parse_training(["--flagfile=run/flags.cfg"]).flagfile_text() == text


def fuzz_flags(watch: Watch, count: int, folder: pathlib.Path) -> None:
    """Command lines and flagfiles, of training and of the other commands."""
    (folder / "run").mkdir(exist_ok=True)
    (folder / "self.cfg").write_text("--flagfile=self.cfg\n--seed=3\n--flagfile=it.cfg\n")
    (folder / "it.cfg").write_text("")
    words = _words()
    models = st.sampled_from([[f"--model={name}"] for name in model_names()] * 2 + [[]])
    lines = st.tuples(models, st.lists(words, min_size=1, max_size=4)).map(lambda two: sum(two, []))

    @_examples(count, lines)
    def _(arguments):
        watch.input(_held_by_its_flagfile, arguments)

    encodable = st.lists(words, max_size=5).map(
        lambda lines: "\n".join(lines).encode("utf-8", "replace")
    )

    @_examples(count, damage.damaged(encodable), models)
    def _(data, model):
        (folder / "it.cfg").write_bytes(data)
        watch.input(_held_by_its_flagfile, [*model, "--flagfile=it.cfg"])

    (folder / "it.cfg").write_text("")

    @_examples(count, st.sampled_from(sorted(COMMANDS)), st.lists(words, max_size=4))
    def _(module, arguments):
        table, needed = COMMANDS[module]
        watch.input(_parsed_command, module, table, arguments, needed)
        for word in arguments:
            watch.outcome(parse_seeds, "seeds", word.partition("=")[2])


# --- run folders --------------------------------------------------------------------------------


def _make_run(folder: pathlib.Path) -> pathlib.Path:
    resolved = parse_training(["--model=dcgan", "--image_size=16"])
    run = create_run(str(folder), "it", resolved, DataSpec("images", (16, 16), 1, 1))
    for step in (2, 4):
        arrays = {"generator/kernel": np.arange(6, dtype=np.float32), "steps": np.int64(step)}
        path = checkpoint.step_path(run.checkpoints, step)
        header = {"scheme": "dcgan", "settings": resolved.fixed_on_resume(), "step": step}
        checkpoint.write(path, arrays, {**header, "callbacks": {}})
    lines = [{"kind": "train", "step": step, "g_loss": 0.5} for step in (2, 4)]
    run.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run.folder


def _look_through(folder) -> None:
    run = open_run(str(folder))
    resolved, spec = run.settings(), run.spec()
    assert resolved.model_class is not None and spec.kind in KINDS
    assert len(spec.size) == 2 and all(isinstance(side, int) for side in spec.size)


def _resume(run: Run) -> None:
    _, header = checkpoint.read(run.newest_whole())
    logs.cut_back(run.metrics, run.tensorboard, header["step"])


def fuzz_run_folders(watch: Watch, count: int, folder: pathlib.Path) -> None:
    """Run folders with a damaged file, looked through as every command does, and resumed."""
    home = folder / "run"
    home.mkdir(exist_ok=True)
    whole = _make_run(home)
    files = {
        path.relative_to(whole): path.read_bytes()
        for path in whole.rglob("*")
        if path.is_file() and path.name != "log.txt"
    }
    known = "kind step size channels format_version input_channels class_names"
    keys = st.sampled_from(known.split())
    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner),
        max_leaves=8,
    )
    spec = json.loads(files[pathlib.Path("dataset.json")])
    changed = st.builds(
        lambda key, value: {**spec, key: value}, st.sampled_from(sorted(spec)), json_values
    )
    foreign = st.one_of(json_values, changed).map(lambda value: json.dumps(value).encode() + b"\n")

    @_examples(
        3 * count,
        st.sampled_from(sorted(files)).flatmap(
            lambda name: st.tuples(st.just(name), damage.damaged(st.just(files[name])) | foreign)
        ),
    )
    def _(drawn):
        name, data = drawn
        (whole / name).write_bytes(data)
        run = Run(whole)
        watch.input(_look_through, whole)
        watch.outcome(logs.read_metrics, run.metrics)
        watch.outcome(parse_training, [f"--resume={whole}", "--steps=9"])
        watch.outcome(run.latest)
        for step in checkpoint.saved_steps(run.checkpoints):
            found = watch.outcome(checkpoint.read, checkpoint.step_path(run.checkpoints, step))
            assert isinstance(found, UserError) or isinstance(found[1]["step"], int)
        watch.outcome(_resume, run)
        for put_aside in whole.rglob(f"*{checkpoint.DAMAGED_SUFFIX}"):
            put_aside.unlink()
        for restored in {name, pathlib.Path("metrics.jsonl")}:
            (whole / restored).write_bytes(files[restored])


KINDS_OF_INPUT = {
    "pictures": fuzz_images,
    "records": fuzz_records,
    "zips": fuzz_zips,
    "folders": fuzz_folders,
    "flags": fuzz_flags,
    "run folders": fuzz_run_folders,
}


def main(examples_each: int) -> None:
    """Prints what a run found, as a line and as JSON."""
    with tempfile.TemporaryDirectory(prefix="kgan-fuzz-") as folder:
        found = run(examples_each, pathlib.Path(folder))
    print(report(found))
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]))
