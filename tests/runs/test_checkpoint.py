import os

import keras
import numpy as np
import pytest

from kgan.runs import checkpoint
from kgan.utils.errors import UserError

ARRAYS = {
    "step": np.int64(7),
    "generator/dense/kernel": np.float32([[1.5, -2.0], [np.pi, 1e-30]]),
    "generator/dense/bias": np.zeros(3, np.float32),
    "pool": np.arange(6, dtype=np.uint8).reshape(1, 2, 3),
}
HEADER = {"scheme": "dcgan", "step": 7, "callbacks": {"best": 0.1 + 0.2, "none": None}}


def written(folder):
    path = folder / "step-00000007.safetensors"
    checkpoint.write(path, ARRAYS, HEADER)
    return path


@pytest.fixture
def refusal():
    """Returns a function that returns the one line with which a function ends."""

    def line(function, *arguments):
        with pytest.raises(UserError) as error:
            function(*arguments)
        assert "\n" not in str(error.value)
        return str(error.value)

    return line


def test_arrays_and_header_come_back_bit_for_bit(tmp_path):
    arrays, header = checkpoint.read(written(tmp_path))
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        np.testing.assert_array_equal(arrays[name], array)
    assert header == {"format_version": checkpoint.FORMAT_VERSION, **HEADER}


def test_transposed_arrays_are_written_as_they_read(tmp_path):
    path = tmp_path / "a.safetensors"
    array = np.arange(6.0).reshape(2, 3).T
    checkpoint.write(path, {"a": array}, {})
    np.testing.assert_array_equal(checkpoint.read(path)[0]["a"], array)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_incomplete_file_is_refused(tmp_path, share, refusal):
    path = written(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert str(path) in refusal(checkpoint.read, path)


def test_missing_or_foreign_file_is_refused(tmp_path, refusal):
    assert "missing.safetensors" in refusal(checkpoint.read, tmp_path / "missing.safetensors")
    path = tmp_path / "foreign.safetensors"
    checkpoint.save_file({"a": np.zeros(2)}, path)
    assert "foreign.safetensors" in refusal(checkpoint.read, path)


def test_any_flipped_bit_is_noticed_or_changes_nothing(tmp_path):
    path = written(tmp_path)
    content = path.read_bytes()
    refused = 0
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            arrays, header = checkpoint.read(path)
        except UserError as error:
            assert "\n" not in str(error)
            refused += 1
            continue
        assert header["step"] == 7
        for name, array in ARRAYS.items():
            assert arrays[name].tobytes() == array.tobytes()
    # What may pass is padding.
    assert refused > len(content) - 16


def test_another_format_version_is_refused(tmp_path, monkeypatch, refusal):
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "FORMAT_VERSION", 99)
        path = written(tmp_path)
    line = refusal(checkpoint.read, path)
    assert line == f"{path}: format version 99, this kgan reads 2"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_arrays_that_are_not_finite_are_named(value):
    arrays = {"a": np.float32([1, value]), "b": np.float32([1]), "c": np.int64([1])}
    assert checkpoint.non_finite(arrays) == ["a"]


@pytest.mark.parametrize("failing", ["save_file", "replace"])
def test_a_write_that_fails_leaves_the_older_file_and_no_other(tmp_path, monkeypatch, failing):
    path = written(tmp_path)
    older = path.read_bytes()

    def tear(arrays, beside, metadata):
        beside.write_bytes(b"half of it")
        raise OSError("no space left on device")

    def fail(beside, place):
        raise OSError("no space left on device")

    if failing == "save_file":
        monkeypatch.setattr(checkpoint, "save_file", tear)
    else:
        monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(UserError, match="no space"):
        checkpoint.write(path, {"step": np.int64(8)}, {})
    assert path.read_bytes() == older
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_write_replaces_the_older_file_and_leaves_no_other(tmp_path):
    path = written(tmp_path)
    checkpoint.write(path, {"step": np.int64(8)}, {})
    assert checkpoint.read(path)[0]["step"] == 8
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_steps_are_listed_in_order_and_strays_are_left_out(tmp_path):
    for step in (20, 3, 100_000_000):
        checkpoint.step_path(tmp_path, step).touch()
    for name in ("best.safetensors", ".step-00000004.safetensors.1.writing", "step-5.txt"):
        (tmp_path / name).touch()
    assert checkpoint.saved_steps(tmp_path) == [3, 20, 100_000_000]
    assert checkpoint.step_path(tmp_path, 3).name == "step-00000003.safetensors"


def make_state():
    return {
        "step": keras.Variable(np.int64(1), dtype="int64"),
        "kernel": keras.Variable(np.float32([[1, 2], [3, 4]])),
    }


def test_restored_variables_are_those_captured():
    state, other = make_state(), make_state()
    state["kernel"].assign([[5, 6], [7, 8]])
    state["step"].assign(9)
    checkpoint.restore(other, checkpoint.capture(state), "a.safetensors")
    np.testing.assert_array_equal(other["kernel"], [[5, 6], [7, 8]])
    assert int(other["step"]) == 9


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda arrays: arrays.pop("kernel"), "kernel is not in the checkpoint"),
        (lambda arrays: arrays.update(bias=np.zeros(2)), "bias is not in the model"),
        (
            lambda arrays: arrays.update(kernel=np.zeros((2, 3), np.float32)),
            "kernel has shape (2, 3), the model's is (2, 2)",
        ),
    ],
)
def test_other_variables_are_refused_and_nothing_is_assigned(change, says, refusal):
    state = make_state()
    arrays = {"step": np.int64(9), "kernel": np.ones((2, 2), np.float32)}
    change(arrays)
    assert f"a.safetensors: {says}" in refusal(checkpoint.restore, state, arrays, "a.safetensors")
    assert int(state["step"]) == 1
    np.testing.assert_array_equal(state["kernel"], [[1, 2], [3, 4]])
