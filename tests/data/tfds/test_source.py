"""Data sets of tensorflow-datasets: real MNIST from its four files, small ones made up here."""

import concurrent.futures
import fcntl
import gzip
import http.server
import os
import pathlib
import pickle
import shutil
import socket
import threading
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from kgan.data.dataset import ImageFormat, labels_of
from kgan.data.tfds import preparation
from kgan.data.tfds.source import open_tfds
from kgan.utils.errors import UserError

MNIST = pathlib.Path(__file__).parents[4] / "shared" / "data" / "mnist"
MNIST_FILES = [
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
]
SMALL = ImageFormat((8, 8), (8, 8))


class Made(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A data set of 8x8 images; image i has the value i in every pixel."""

    VERSION = tfds.core.Version("1.0.0")
    FEATURES = {"image": tfds.features.Image(shape=(8, 8, 3))}
    SPLITS = {"train": 20}

    def _info(self):
        features = tfds.features.FeaturesDict(self.FEATURES)
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {name: self._generate_examples(count) for name, count in self.SPLITS.items()}

    def _generate_examples(self, count):
        for i in range(count):
            yield i, self.example(i)

    def example(self, i):
        return {"image": np.full((8, 8, 3), i, np.uint8)}


def make(name, **attributes):
    """Registers a data set with TFDS; `camel_case` becomes its name."""
    return type(name, (Made,), {"__module__": __name__, **attributes})


def opened(name, root, images=SMALL, **options):
    return open_tfds(name, images, data_dir=str(root), **options)


def counts(collection):
    return {part: len(source) for part, source in collection.parts.items()}


def files_below(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob("*")) if root.exists() else []


def refusal(name, root, **options):
    """Opens what cannot be opened; returns the message, having found nothing new on disk."""
    before = root.exists(), files_below(root)
    start = time.monotonic()
    with pytest.raises(UserError) as caught:
        opened(name, root, **options)
    assert time.monotonic() - start < 20
    assert (root.exists(), files_below(root)) == before
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("--")
    return line


@pytest.fixture
def no_network(monkeypatch):
    def fail(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)


# MNIST.


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    """Prepares MNIST once a session, for all of pytest's processes; returns its folder."""
    if not MNIST.exists():
        pytest.skip("MNIST is not here")
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    with open(root / "tfds.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        opened("mnist", root / "tfds", manual_dir=str(MNIST))
    return root / "tfds"


def original(part):
    """Reads the original files: a header of 16 or 8 bytes, then one byte a pixel or label."""
    with gzip.open(MNIST / f"{part}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 28, 28)
    with gzip.open(MNIST / f"{part}-labels-idx1-ubyte.gz") as file:
        return images, np.frombuffer(file.read()[8:], np.uint8)


def test_mnist_is_whole(mnist):
    found = opened("mnist", mnist, ImageFormat((28, 28), (28, 28)))
    assert (found.kind, found.name) == ("labelled", "mnist")
    assert counts(found) == {"train": 60_000, "test": 10_000}
    assert found.class_names == tuple("0123456789")
    assert found.description == "mnist (TFDS 3.0.1): 10 classes, 60000 train, 10000 test"
    images, labels = original("t10k")
    # TFDS has an order of its own; no image is in the set twice.
    number_of = {image.tobytes(): number for number, image in enumerate(images)}
    assert len(number_of) == 10_000
    examples = found.parts["test"].read_many(range(10_000))
    numbers = [number_of[example["image"].tobytes()] for example in examples]
    assert sorted(numbers) == list(range(10_000))
    assert [int(example["label"]) for example in examples] == labels[numbers].tolist()


def test_mnist_training_images_have_their_own_labels(mnist):
    train = opened("mnist", mnist, ImageFormat((28, 28), (28, 28))).parts["train"]
    images, labels = original("train")
    label_of = dict(zip((p.tobytes() for p in images), labels.tolist(), strict=True))
    first = train.read(0)
    assert first["image"].dtype == np.uint8
    assert first["image"].shape == (28, 28, 1)
    assert first["label"].dtype == np.int32
    assert first["label"] == label_of[first["image"].tobytes()]
    examples = train.read_many(range(0, 60_000, 37))
    assert all(label_of[e["image"].tobytes()] == e["label"] for e in examples)
    assert len({e["image"].tobytes() for e in examples}) == len(examples)


def test_mnist_is_scaled_as_pillow_does(mnist):
    small = opened("mnist", mnist, ImageFormat((28, 28), (28, 28))).parts["test"].read(7)["image"]
    found = opened("mnist", mnist, ImageFormat((32, 32), (36, 40), channels=3))
    expected = Image.fromarray(small[..., 0]).resize((32, 32), Image.Resampling.BICUBIC)
    large = found.parts["test"].read(7)["image"]
    np.testing.assert_array_equal(large, np.repeat(np.array(expected)[..., None], 3, -1))
    assert found.parts["train"].read(0)["image"].shape == (36, 40, 3)


def test_mnist_reads_the_same_from_many_threads_and_in_any_order(mnist):
    source = opened("mnist", mnist).parts["train"]
    order = np.random.default_rng(0).integers(0, 60_000, 400)
    expected = [source.read(index) for index in order]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(source.read, order))
        together = sum(pool.map(source.read_many, np.split(order, 4)), [])
    for one, other, third in zip(expected, alone, together, strict=True):
        np.testing.assert_array_equal(one["image"], other["image"])
        np.testing.assert_array_equal(one["image"], third["image"])
        assert one["label"] == other["label"] == third["label"]


def test_labels_are_read_without_the_images(mnist, monkeypatch):
    source = opened("mnist", mnist).parts["test"]
    wanted = [int(example["label"]) for example in source.read_many(range(10_000))]
    monkeypatch.setattr("kgan.data.tfds.source.read_image", None)
    assert labels_of(source).tolist() == wanted
    assert np.bincount(wanted).tolist() == np.bincount(original("t10k")[1]).tolist()


def test_prepared_set_needs_neither_network_nor_files(mnist, no_network):
    assert len(opened("mnist", mnist).parts["test"]) == 10_000


def test_mnist_can_be_pickled_and_read_from_its_end(mnist):
    source = opened("mnist", mnist).parts["train"]
    copy = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(copy.read(3)["image"], source.read(3)["image"])
    np.testing.assert_array_equal(source.read(-1)["image"], source.read(59_999)["image"])
    with pytest.raises(IndexError):
        source.read(60_000)


def test_nothing_but_the_prepared_set_is_kept(mnist):
    assert sorted(os.listdir(mnist)) == ["downloads", "mnist"]
    assert files_below(mnist / "downloads") == []


def test_missing_network_names_the_files_and_where_to_put_them(tmp_path, no_network):
    root = tmp_path / "tfds"
    assert refusal("mnist", root) == (
        f"--dataset=mnist: not prepared in {root}, and cannot be downloaded (no answer from "
        f"storage.googleapis.com); right would be a folder with {', '.join(MNIST_FILES)}, given "
        "as --manual_dir="
    )
    assert "a folder with cifar-10-binary.tar.gz, given as --manual_dir=" in refusal(
        "cifar10", tmp_path
    )


@pytest.mark.skipif(not MNIST.exists(), reason="MNIST is not here")
def test_files_that_are_there_are_not_asked_for(tmp_path, no_network):
    manual = tmp_path / "manual"
    manual.mkdir()
    shutil.copy(MNIST / MNIST_FILES[1], manual)
    root = tmp_path / "tfds"
    line = refusal("mnist", root, manual_dir=str(manual))
    assert f"a folder with {', '.join(MNIST_FILES[:1] + MNIST_FILES[2:])}, given" in line


def test_other_configurations_files_are_not_asked_for(tmp_path, no_network):
    line = refusal("cycle_gan/horse2zebra", tmp_path)
    assert "a folder with horse2zebra.zip, given as --manual_dir=" in line


def test_files_that_are_not_the_original_ones_are_refused(tmp_path, no_network):
    manual = tmp_path / "manual"
    manual.mkdir()
    for name in MNIST_FILES:
        (manual / name).write_bytes(b"something else")
    line = refusal("mnist", tmp_path / "tfds", manual_dir=str(manual))
    assert "--dataset=mnist: a file is not the original one (NonMatchingChecksumError: " in line
    assert f"{manual}/" in line


def test_manual_folder_that_is_not_there_is_named(tmp_path):
    line = refusal("mnist", tmp_path, manual_dir=str(tmp_path / "nowhere"))
    assert line.startswith(f"--manual_dir={tmp_path}/nowhere: no such folder")


def test_files_that_must_be_fetched_by_hand_are_explained(tmp_path, no_network):
    line = refusal("imagenet2012", tmp_path)
    assert "--manual_dir= (manual_dir should contain two files: ILSVRC2012_img_train.tar" in line


# Names.


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cifar", "nor a TFDS name; the nearest such name is cifar10"),
        ("qqqqq", "neither built in, nor a folder or zip that is there, nor a TFDS name"),
        ("cycle_gan/dog2cat", "nor one that TFDS opens (ValueError: BuilderConfig dog2cat not"),
        ("mnist:1.0.0", "nor one that TFDS opens (AssertionError: Dataset mnist cannot be loaded"),
        ("no\nname", "--dataset=no\\nname: "),
    ],
)
def test_unknown_name_is_refused(tmp_path, name, expected):
    assert expected in refusal(name, tmp_path)


@pytest.mark.parametrize("name", ["imdb_reviews", "moving_mnist"])
def test_set_without_images_is_refused_before_it_is_downloaded(tmp_path, name, no_network):
    has = {"imdb_reviews": "text, label", "moving_mnist": "image_sequence"}[name]
    assert f"has no images, only {has}; right would be" in refusal(name, tmp_path)


def test_images_of_floating_point_numbers_are_refused(tmp_path):
    make("MadeFloat", FEATURES={"image": tfds.features.Image(shape=(8, 8, 1), dtype=np.float32)})
    assert "has images of float32; right would be 8 or 16 bits" in refusal("made_float", tmp_path)


# What becomes of features and splits.


def first_values(collection, part):
    source = collection.parts[part]
    return sorted(int(source.read(i)["image"][0, 0, 0]) for i in range(len(source)))


def test_set_without_labels_gives_images_and_a_held_out_part(tmp_path):
    make("MadePlain")
    found = opened("made_plain", tmp_path)
    assert (found.kind, found.class_names) == ("images", ())
    assert counts(found) == {"train": 18, "test": 2}
    assert found.description == (
        "made_plain (TFDS 1.0.0): 18 train, 2 test; test held out of train (the last 10%)"
    )
    assert set(found.parts["train"].read(0)) == {"image"}
    both = first_values(found, "train") + first_values(found, "test")
    assert sorted(both) == list(range(20))


def test_numbers_that_are_no_classes_are_no_labels(tmp_path):
    make(
        "MadeScored",
        FEATURES={**Made.FEATURES, "label": tfds.features.Scalar(np.float32)},
        example=lambda self, i: {**Made.example(self, i), "label": i / 7},
    )
    assert opened("made_scored", tmp_path).kind == "images"


@pytest.mark.parametrize(
    ("splits", "expected", "note"),
    [
        ({"train": 20, "validation": 3}, {"train": 20, "test": 3}, "TFDS' validation part"),
        (
            {"train": 20, "validation": 3, "test": 4},
            {"train": 20, "validation": 3, "test": 4},
            "20 train, 3 validation, 4 test",
        ),
        ({"train": 4}, {"train": 3, "test": 1}, "held out"),
        ({"train": 7, "test": 2, "extra": 9}, {"train": 7, "test": 2}, "7 train, 2 test"),
    ],
)
def test_splits_become_parts(tmp_path, splits, expected, note):
    make("MadeSplits" + "".join(f"{k.title()}{v}" for k, v in splits.items()), SPLITS=splits)
    name = "made_splits_" + "_".join(f"{k}{v}" for k, v in splits.items())
    found = opened(name, tmp_path)
    assert counts(found) == expected
    assert note in found.description


def test_two_domains_are_unpaired(tmp_path):
    make(
        "MadeDomains",
        SPLITS={"trainA": 5, "trainB": 6, "testA": 2, "testB": 3},
        FEATURES={**Made.FEATURES, "label": tfds.features.ClassLabel(names=["A", "B"])},
        example=lambda self, i: {**Made.example(self, i), "label": 0},
    )
    found = opened("made_domains", tmp_path)
    assert found.kind == "unpaired"
    assert counts(found) == {"train_a": 5, "train_b": 6, "test_a": 2, "test_b": 3}
    assert set(found.parts["train_a"].read(0)) == {"image"}


def test_set_without_a_training_part_is_refused(tmp_path):
    make("MadeTestOnly", SPLITS={"test": 4, "extra": 2})
    with pytest.raises(UserError, match="has no part to train on, only extra, test; right would"):
        opened("made_test_only", tmp_path)


def test_alpha_is_laid_over_white_unless_asked_for(tmp_path):
    make(
        "MadeAlpha",
        FEATURES={"image": tfds.features.Image(shape=(8, 8, 4))},
        example=lambda self, i: {"image": np.full((8, 8, 4), (0, 100, 200, 0), np.uint8)},
    )
    found = opened("made_alpha", tmp_path).parts["train"].read(0)["image"]
    assert found.shape == (8, 8, 3)
    assert (found == 255).all()
    kept = opened("made_alpha", tmp_path, ImageFormat((8, 8), (8, 8), 4)).parts["train"].read(0)
    assert kept["image"][0, 0, 3] == 0


def test_sixteen_bits_are_kept(tmp_path):
    make(
        "MadeDeep",
        FEATURES={"image": tfds.features.Image(shape=(8, 8, 1), dtype=np.uint16)},
        example=lambda self, i: {"image": np.full((8, 8, 1), 1000 * i, np.uint16)},
    )
    found = opened("made_deep", tmp_path)
    assert found.parts["train"].read(0)["image"].dtype == np.uint16
    assert first_values(found, "train")[-1] >= 17_000


# Preparing, and what can go wrong.


def test_set_prepared_in_another_format_is_prepared_again_beside_it(tmp_path):
    make("MadeEarlier")
    tfds.builder("made_earlier", data_dir=tmp_path).download_and_prepare()
    before = files_below(tmp_path / "made_earlier")
    assert any("tfrecord" in name for name in before)
    assert counts(opened("made_earlier", tmp_path)) == {"train": 18, "test": 2}
    assert files_below(tmp_path / "made_earlier") == before
    assert (tmp_path / "array_record" / "made_earlier" / "1.0.0").is_dir()
    written = (tmp_path / "array_record" / "made_earlier" / "1.0.0").stat().st_mtime_ns
    opened("made_earlier", tmp_path)
    assert (tmp_path / "array_record" / "made_earlier" / "1.0.0").stat().st_mtime_ns == written


def test_packed_files_of_one_name_are_not_mixed_up(tmp_path):
    def split_generators(self, dl_manager):
        path = dl_manager.extract(dl_manager.manual_dir / "data.gz")
        return {"train": self._generate_examples(int(pathlib.Path(path).read_bytes()))}

    for name, count in (("MadeOne", 11), ("MadeOther", 12)):
        # As fashion_mnist has files of the names of mnist's.
        make(name, _split_generators=split_generators, MANUAL_DOWNLOAD_INSTRUCTIONS="data.gz")
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.gz").write_bytes(gzip.compress(str(count).encode()))
    root = tmp_path / "tfds"
    one = opened("made_one", root, manual_dir=str(tmp_path / "MadeOne"))
    other = opened("made_other", root, manual_dir=str(tmp_path / "MadeOther"))
    assert (sum(counts(one).values()), sum(counts(other).values())) == (11, 12)


def failing_with(error):
    def generate_examples(self, count):
        yield 0, self.example(0)
        raise error

    return generate_examples


@pytest.mark.parametrize("existing", [False, True])
def test_failure_in_the_middle_leaves_nothing_and_touches_nothing_older(tmp_path, existing):
    name = f"made_failing_{'twice' if existing else 'once'}"
    make(
        "MadeFailing" + ("Twice" if existing else "Once"),
        _generate_examples=failing_with(KeyError("no such column")),
        BUILDER_CONFIGS=[tfds.core.BuilderConfig(name="plain", version="1.0.0")],
    )
    root = tmp_path / "tfds"
    if existing:
        (root / "downloads" / name).mkdir(parents=True)
        (root / "downloads" / name / "whole.zip").write_bytes(b"x")
        for older in (".config/metadata.json", "plain/0.9.0/features.json"):
            (root / name / older).parent.mkdir(parents=True)
            (root / name / older).write_text("{}")
    line = refusal(name, root)
    assert line.startswith(f"--dataset={name}: TFDS cannot prepare it (KeyError: ")
    assert root.exists() == existing


def test_interruption_leaves_nothing_behind(tmp_path):
    make("MadeStopped", _generate_examples=failing_with(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        opened("made_stopped", tmp_path / "tfds")
    assert not (tmp_path / "tfds").exists()


def test_another_process_that_was_faster_is_no_failure(tmp_path, monkeypatch):
    make("MadeRaced")
    own = tfds.core.GeneratorBasedBuilder.download_and_prepare

    def overtaken(self, **kwargs):
        own(self, **kwargs)
        raise OSError(39, "Directory not empty")

    monkeypatch.setattr(tfds.core.GeneratorBasedBuilder, "download_and_prepare", overtaken)
    assert counts(opened("made_raced", tmp_path)) == {"train": 18, "test": 2}


def test_folder_that_cannot_be_written_names_the_flag(tmp_path):
    make("MadeHomeless")
    (tmp_path / "file").write_text("x")
    line = refusal("made_homeless", tmp_path / "file")
    assert f"cannot be prepared in {tmp_path}/file (" in line
    assert line.endswith("given as --data_dir=")


@pytest.fixture
def server():
    """A server that has `whole.zip` and no `missing.zip`, and breaks off within `half.zip`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(404 if "missing" in self.path else 200)
            self.send_header("Content-Length", "100000" if "half" in self.path else "40000")
            self.end_headers()
            self.wfile.write(b"x" * 40_000)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize(
    ("file", "reason"), [("missing.zip", "HTTP code: 404"), ("half.zip", "IncompleteRead")]
)
def test_download_that_fails_is_named_and_taken_away(tmp_path, server, file, reason):
    def split_generators(self, dl_manager):
        dl_manager.download(f"{server}/{file}")
        return {}

    name = f"Made{file.split('.')[0].title()}"
    make(name, _split_generators=split_generators)
    line = refusal(f"made_{file.split('.')[0]}", tmp_path / "tfds")
    assert "and cannot be downloaded (" in line
    assert reason in line


def test_whole_downloads_are_kept_for_the_next_attempt(tmp_path, server):
    def split_generators(self, dl_manager):
        assert pathlib.Path(dl_manager.download(f"{server}/whole.zip")).stat().st_size == 40_000
        dl_manager.download(f"{server}/missing.zip")
        return {}

    make("MadeHalfway", _split_generators=split_generators)
    with pytest.raises(UserError, match="cannot be downloaded"):
        opened("made_halfway", tmp_path)
    kept = [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix == ".zip"]
    assert [p.parent for p in kept] == [tmp_path / "downloads" / "made_halfway"]
    refusal("made_halfway", tmp_path)


def test_damaged_shard_is_named(tmp_path):
    make("MadeCut")
    opened("made_cut", tmp_path)
    shards = list(tmp_path.rglob("*.array_record*"))
    whole = shards[0].read_bytes()
    for content in (whole[:-2000], None):
        shards[0].unlink() if content is None else shards[0].write_bytes(content)
        with pytest.raises(UserError) as caught:
            opened("made_cut", tmp_path).parts["train"].read(0)
        line = str(caught.value)
        assert "\n" not in line
        assert line.startswith(f"--dataset=made_cut: {tmp_path}/made_cut/1.0.0 is damaged (")
        assert line.endswith("right would be to delete that folder, so that it is prepared again")


def test_long_reasons_are_cut():
    assert preparation.reason(ValueError("no  such\nthing")) == "ValueError: no such"
    reason = preparation.reason(ValueError("word " * 100))
    assert reason.startswith("ValueError: word word")
    assert len(reason) < 220
    assert reason.endswith("…")
