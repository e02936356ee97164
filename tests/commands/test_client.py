"""`kgan.client` against an endpoint in a process without kgan, by HTTP and by gRPC."""

import io
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kgan.clients.answers import Retries
from kgan.clients.grpc import GrpcServer
from kgan.clients.rest import RestServer
from kgan.clients.work import Item, Work
from kgan.serving.savedmodel import write_saved_model
from tests.clients.servers import serving
from tests.models.contracts.model import contract_of
from tests.small_runs import command


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Addresses of a server of two small models that refuses every fourth request."""
    place = tmp_path_factory.mktemp("served")
    models, owners = [], []
    for name, kept in (("pix2pix", ("from_files",)), ("cgan", ("png_from_labels",))):
        owner = contract_of(name)().build()
        owners.append(owner)
        signatures = {k: s for k, s in owner.signatures().items() if k in kept}
        version = write_saved_model(signatures, place / name)
        models.append(f"{name}={version}")
    with serving(*models, busy=4, silent=7) as addresses:
        yield addresses, place


@pytest.fixture
def images(tmp_path):
    """Twelve images of different sizes and two files that are none."""
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(12):
        image = Image.fromarray(rng.integers(0, 256, (20 + number, 30, 3), np.uint8))
        image.save(folder / f"{number}.png")
    (folder / "sub" / "damaged.jpg").write_bytes(b"\xff\xd8\xff and no more")
    (folder / "empty.png").write_bytes(b"")
    return folder


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_folder_is_translated_although_the_server_is_busy(protocol, served, images, tmp_path):
    addresses, place = served
    out = tmp_path / "out"
    flags = [f"--url={addresses[protocol]}", "--model=pix2pix", f"--input={images}"]
    flags += [f"--out={out}", "--batch=2", "--parallel=3"]
    outcome = command("client", *flags, "--bad_limit=0.2")
    assert outcome.status == 0, outcome
    assert f"12 images written to {out}, 2 skipped (in skipped.txt)" in outcome.out
    assert [line.split(": ")[0] for line in (out / "skipped.txt").read_text().splitlines()] == [
        "empty.png",
        "sub/damaged.jpg",
    ]
    answer = tf.saved_model.load(str(place / "pix2pix" / "1")).signatures["from_files"]
    for number in (0, 7):
        data = tf.constant([(images / f"{number}.png").read_bytes()])
        expected = Image.open(io.BytesIO(answer(image_bytes=data)["png_bytes"].numpy()[0]))
        written = np.asarray(Image.open(out / f"{number}.png")).astype(int)
        assert np.abs(written - np.asarray(expected)).max() <= 1
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.png")}
    (out / "3.png").unlink()
    again = command("client", *flags)
    assert "1 images written" in again.err and "11 were there" in again.err
    assert again.status == 2 and again.err.startswith("error: --bad_limit=0.05: 2 of 14")
    after = {path: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert {path for path in before if before[path] != after[path]} == {out / "3.png"}


def test_labels_give_images_and_one_that_does_not_exist_is_refused(served, tmp_path):
    flags = [f"--url={served[0]['http']}", "--model=cgan", "--seeds=0-2"]
    assert command("client", *flags, "--label=1", f"--out={tmp_path}/a").status == 0
    names = sorted(path.name for path in (tmp_path / "a").glob("*.png"))
    assert names == ["seed-000000.png", "seed-000001.png", "seed-000002.png"]
    line = command("client", *flags, "--label=99", f"--out={tmp_path}/b").error_line
    assert "3 of 3 inputs were skipped" in line and "99 is not one of 0 to" in line


def test_wrong_calls_end_in_one_line(served, images, tmp_path):
    out = f"--out={tmp_path}/out"
    for address in served[0].values():
        for flags, expected in (
            ([f"--url={address}", "--model=none", "--seeds=1"], "--model=none: the server does"),
            ([f"--url={address}", "--model=cgan", f"--input={images}"], "--model=cgan: Serving"),
            ([f"--url={address}", "--model=cgan", "--seeds=1"], "--model=cgan: Serving signature"),
        ):
            assert command("client", *flags, out).error_line.startswith(expected)
    line = command("client", *flags[1:], f"--url={served[0]['http']}", out).error_line
    assert "; its signatures are png_from_labels" in line
    for flags, expected in (
        (["--url=http://127.0.0.1:9", "--seeds=1", "--retries=0"], "--url=http://127.0.0.1:9: "),
        (["--url=grpc://127.0.0.1:9", "--seeds=1", "--retries=0"], "--url=grpc://127.0.0.1:9: "),
        (["--url=ftp://x", "--seeds=1"], "--url=ftp://x: right would be such as http"),
        (
            ["--url=http://h:85/v1/models/x:predict", "--seeds=1"],
            "--url=http://h:85/v1/models/x:predict: right would be such as http://h:85; --model",
        ),
        (["--url=http://h:99999", "--seeds=1"], "--url=http://h:99999: right would be such as"),
        (["--seeds=1", f"--input={images}"], "--input or --seeds: give one"),
        (["--seeds=1", "--direction=AtoB"], "--direction=AtoB: goes with --input only"),
    ):
        assert command("client", "--model=x", *flags, out).error_line.startswith(expected)


def test_client_starts_without_tensorflow():
    code = "import sys, kgan.client, kgan.clients.work, kgan.clients.rest, kgan.clients.grpc; "
    code += "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_request_of_many_at_a_time_is_lost(served, images, tmp_path):
    data = (images / "0.png").read_bytes()
    for name, server in (
        ("http", RestServer(served[0]["http"], "pix2pix")),
        ("grpc", GrpcServer(served[0]["grpc"].removeprefix("grpc://"), "pix2pix")),
    ):
        items = [Item(str(n), f"{name}/{n}.png", lambda: {"image_bytes": data}) for n in range(40)]
        retries = Retries(12, first_wait=0.02, longest_wait=0.2)
        counts = Work(server, "from_files", tmp_path, retries, parallel=40).run(items)
        assert (counts.written, counts.skipped, len(counts.seconds)) == (40, {}, 40)


def test_messages_are_those_that_are_published():
    predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2")
    from kgan.clients import protocol

    request = protocol.PredictRequest()
    protocol.set_model(request.model_spec, "mine", 3)
    request.model_spec.signature_name = "from_files"
    protocol.add_input(request, "image_bytes", [b"a", b"\xff"])
    protocol.add_input(request, "seeds", [5, 7])
    read = predict_pb2.PredictRequest.FromString(request.SerializeToString())
    assert (read.model_spec.name, read.model_spec.version.value) == ("mine", 3)
    assert read.model_spec.signature_name == "from_files"
    assert tf.make_ndarray(read.inputs["image_bytes"]).tolist() == [b"a", b"\xff"]
    seeds = tf.make_ndarray(read.inputs["seeds"])
    assert seeds.tolist() == [5, 7] and seeds.dtype == np.int32
