"""Preparation of TFDS data sets: what is kept, and errors of one line."""

import gzip
import http.server
import pathlib
import shutil
import threading

import numpy as np
import pytest
import tensorflow_datasets as tfds

from kgan.data.tfds import preparation
from kgan.utils.errors import UserError
from tests.data.folder.images import counts
from tests.data.tfds.made import MNIST, MNIST_FILES, files_below, make, opened, refusal

# Files that are missing.


def test_prepared_set_needs_neither_network_nor_files(mnist, no_network):
    assert len(opened("mnist", mnist).parts["test"]) == 10_000


def test_nothing_but_the_prepared_set_is_kept(mnist):
    assert sorted(path.name for path in mnist.iterdir()) == ["downloads", "mnist"]
    assert files_below(mnist / "downloads") == []


@pytest.mark.skipif(not MNIST.exists(), reason="MNIST is not here")
def test_files_that_are_there_are_not_asked_for(tmp_path, no_network):
    manual = tmp_path / "manual"
    manual.mkdir()
    shutil.copy(MNIST / MNIST_FILES[1], manual)
    root = tmp_path / "tfds"
    line = refusal("mnist", root, manual_dir=str(manual))
    assert f"a folder with {', '.join(MNIST_FILES[:1] + MNIST_FILES[2:])}, given" in line


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


# Names.


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cifar", "nor a TFDS name; the nearest such name is cifar10"),
        ("qqqqq", "neither built in, nor a folder or zip that is there, nor a TFDS name"),
        ("cycle_gan/dog2cat", "nor one that TFDS opens (ValueError: BuilderConfig dog2cat not"),
        ("mnist:1.0.0", "nor one that TFDS opens (AssertionError: Dataset mnist cannot be loaded"),
        ("no\nname", "--dataset=no\\nname: "),
        # Without a download:
        ("imdb_reviews", "has no images, only text, label; right would be"),
        ("moving_mnist", "has no images, only image_sequence; right would be"),
        # With one, of the files of this configuration:
        ("cifar10", "right would be a folder with cifar-10-binary.tar.gz, given as --manual_dir="),
        ("cycle_gan/horse2zebra", "a folder with horse2zebra.zip, given as --manual_dir="),
        ("imagenet2012", "--manual_dir= (manual_dir should contain two files: ILSVRC2012_img_tr"),
    ],
)
def test_what_cannot_be_opened_without_a_network_is_refused(tmp_path, no_network, name, expected):
    assert expected in refusal(name, tmp_path)


def test_missing_network_names_the_files_and_where_to_put_them(tmp_path, no_network):
    root = tmp_path / "tfds"
    assert refusal("mnist", root) == (
        f"--dataset=mnist: not prepared in {root}, and cannot be downloaded (no answer from "
        f"storage.googleapis.com); right would be a folder with {', '.join(MNIST_FILES)}, given "
        "as --manual_dir="
    )
    assert len(no_network) <= 4 * (1 + preparation.RETRIES)  # attempts, for four files


def test_images_of_floating_point_numbers_are_refused(tmp_path):
    make("MadeFloat", FEATURES={"image": tfds.features.Image(shape=(8, 8, 1), dtype=np.float32)})
    assert "has images of float32; right would be 8 or 16 bits" in refusal("made_float", tmp_path)


# Failures.


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
