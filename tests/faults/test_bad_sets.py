"""Data sets of every bad kind, given to training as a user would: one line and status 2."""

import io
import stat
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.faults import damage
from tests.small_runs import GAN, PIX2PIX, command

SHORT = ("--steps=12", "--noexport", "--batch_size=8")
MANY = 80  # more than are read to see how reading goes best


def image(number=0, size=(16, 16)) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (*size[::-1], 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def fill(folder, names, size=(16, 16)):
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image(number, size))
    return folder


def numbered(count, prefix=""):
    return [f"{prefix}{number}.png" for number in range(count)]


def pack(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return path


def with_one(data, name="2.png"):
    """A set of six images, of which one is other bytes."""

    def make(root):
        fill(root / "set", numbered(6))
        (root / "set" / name).write_bytes(data)
        return root / "set"

    return make


def zipped(name, data, mode=0):
    """A zip of six images and one member more."""

    def make(root):
        fine = [(each, image(number), 0) for number, each in enumerate(numbered(6))]
        return pack(root / "set.zip", [*fine, (name, data, mode)])

    return make


def filled(*names, size=(16, 16)):
    return lambda root: fill(root / "set", names, size)


def lost_link(root):
    fill(root / "set", numbered(6))
    (root / "set" / "more").symlink_to(root / "gone")
    return root / "set"


def empty_part(root):
    fill(root / "set", numbered(6, "train/"))
    (root / "set" / "test").mkdir()
    (root / "set" / "train").rename(root / "set" / "val")
    (root / "set" / "train").mkdir()
    return root / "set"


# What is made, the scheme's flags, and what the line has to name.
BAD_SETS = {
    "truncated image": (with_one(image()[:100]), GAN, "2.png: "),
    "empty image": (with_one(b""), GAN, "2.png: "),
    "text under an image's name": (with_one(b"no image at all\n"), GAN, "2.png: "),
    "postscript under an image's name": (
        with_one(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
        GAN,
        "2.png: ",
    ),
    "absurdly large image": (with_one(damage.png(60_000, 60_000, 8, 2, b"")), GAN, "2.png: "),
    "decompression bomb of an image": (
        with_one(damage.png(30_000, 30_000, 1, 0, bytes(10**6))),
        GAN,
        "2.png: ",
    ),
    "decompression bomb of a zip": (zipped("x.png", bytes(10**8)), GAN, "x.png"),
    "zip slip": (zipped("../x.png", image()), GAN, "../x.png"),
    "absolute name in a zip": (zipped("/x.png", image()), GAN, "/x.png"),
    "link in a zip": (zipped("x.png", b"/etc/passwd", stat.S_IFLNK | 0o777), GAN, "x.png"),
    "link to a folder that is gone": (lost_link, GAN, "more"),
    "pairs of a wrong size": (filled(*numbered(6, "train/"), size=(17, 16)), PIX2PIX, "--dataset="),
    "unequal pairs": (
        filled("A/1.png", "A/2.png", "B/1.png"),
        (*PIX2PIX, "--layout=paired_folders"),
        "2",
    ),
    "empty part": (empty_part, GAN, "set"),
    "empty folder": (lambda root: root, GAN, "--dataset="),
    "one image only": (filled("1.png"), GAN, "--dataset="),
}


@pytest.mark.parametrize("case", BAD_SETS)
def test_bad_set_ends_in_one_line_and_unpacks_nothing(case, tmp_path, monkeypatch):
    make, scheme, named = BAD_SETS[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    arguments = [*scheme, f"--dataset={make(tmp_path / 'data')}", "--bad_images=fail", "--dry_run"]
    outcome = command("train", *arguments)
    if outcome.status == 0:  # readable but for one: found when it is read
        outcome = command("train", *arguments[:-1], *SHORT)
    assert outcome.status == 2, outcome
    assert outcome.err.startswith("error: ") and outcome.err.count("\n") == 1, outcome
    assert named in outcome.err
    assert list(tmp_path.rglob("x.png")) == []


def bad_last(root):
    """A set whose last image is cut off, where nothing looks before the training comes to it."""
    fill(root / "set", numbered(MANY))
    (root / "set" / f"{MANY - 2}.png").write_bytes(image()[:300])
    return root / "set"


def train_on(folder, tmp_path, *more):
    flags = (f"--dataset={folder}", f"--runs_dir={tmp_path}/runs", *SHORT, *more)
    return command("train", *GAN, *flags)


@pytest.mark.parametrize("cache", [0, 4], ids=["streamed", "cached"])
@pytest.mark.parametrize(
    ("flags", "begins"),
    [
        (("--bad_images=fail",), "{bad}: "),
        (("--bad_limit=0.01",), "--bad_limit=0.01: 1 of 70 images cannot be read, the last one: "),
    ],
)
def test_bad_image_in_the_middle_of_training_ends_it_in_one_line(cache, flags, begins, tmp_path):
    folder = bad_last(tmp_path)
    outcome = train_on(folder, tmp_path, f"--cache_gb={cache}", *flags)
    assert outcome.status == 2, outcome
    line = outcome.err.splitlines()[-1]
    bad = folder / f"{MANY - 2}.png"
    assert line.startswith("error: " + begins.format(bad=bad)) and str(bad) in line
    assert outcome.err.count("error") == 1 and "Traceback" not in outcome.err


@pytest.mark.parametrize("cache", [0, 4], ids=["streamed", "cached"])
def test_bad_image_below_the_limit_is_named_once_and_counted(cache, tmp_path):
    folder = bad_last(tmp_path)
    outcome = train_on(folder, tmp_path, f"--cache_gb={cache}")
    assert outcome.status == 0, outcome
    assert outcome.out.count("skipped (") == 1
    assert f"skipped (1 so far): {folder / f'{MANY - 2}.png'}: " in outcome.out


def test_label_out_of_range_is_refused(tmp_path):
    import tensorflow as tf

    from kgan.data.preparation import Preparation
    from kgan.data.tfds.source import TFDSSource
    from kgan.utils.errors import UserError

    features = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image()])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[3])),
    }
    record = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()

    class Split(list):
        dataset_info = None

        def __getitems__(self, places):
            return [self[place] for place in places]

    source = TFDSSource(Split([record]), "made", Preparation((8, 8)), 3)
    with pytest.raises(UserError, match="label 3; right would be 0 to 2"):
        source.read(0)
