import errno

import pytest
import tensorflow as tf
from safetensors import SafetensorError

from kgan.utils.atomic import atomic_write, check_writable, find_leftovers, report_write_errors
from kgan.utils.errors import UserError
from tests.faults.limits import TOO_LARGE, cannot_be_written, largest_file


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (
            tf.errors.ResourceExhaustedError(
                None, None, "{{function_node f}} /a/b; No space left on device [Op:Save] name: "
            ),
            "No space left on device",
        ),
        (
            SafetensorError("Error while serializing: I/O error: No space left (os error 28)"),
            "No space left",
        ),
        (OSError("encoder error -2 when writing image file"),) * 2,
    ],
)
def test_write_error_is_reported_with_the_path_and_the_reason_of_the_system(error, reason):
    with pytest.raises(UserError) as raised, report_write_errors("--out=a.png"):
        raise error
    assert str(raised.value) == f"--out=a.png: {cannot_be_written(reason)}"


def test_other_errors_are_not_converted():
    with pytest.raises(ZeroDivisionError), report_write_errors("a"):
        raise ZeroDivisionError


def test_temporary_file_replaces_the_old_one_at_the_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_write(path) as place:
        place.write_text("new")
        assert path.read_text() == "old" and find_leftovers(tmp_path) == [place]
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_file_that_does_not_fit_leaves_the_old_one_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(UserError) as raised, largest_file(10), atomic_write(path) as place:
        place.write_text("more than ten bytes")
    assert str(raised.value) == f"{path}: {TOO_LARGE}"
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_check_of_a_folder_leaves_nothing(tmp_path):
    check_writable("--runs_dir", str(tmp_path / "a" / "b"))
    assert list(tmp_path.iterdir()) == []
