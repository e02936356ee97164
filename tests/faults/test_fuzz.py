"""Damaged and hostile input ends in a result or in one line; see fuzz.py for the inputs.

The long form, of more than 10,000 inputs: `python -m pytest -m slow tests/faults/test_fuzz.py -s`.
"""

import json
import subprocess
import sys

import pytest

from tests.faults import fuzz

SHORT, LONG = 8, 1000  # examples of each kind; there are 11 inputs to one


def test_hostile_input_ends_in_a_result_or_in_one_line(tmp_path):
    found = fuzz.run(SHORT, tmp_path)
    assert set(found["by_kind"]) == set(fuzz.KINDS_OF_INPUT)
    assert min(found["by_kind"].values()) >= SHORT
    assert 0 < found["refused"] < found["inputs"]


@pytest.mark.slow
def test_ten_thousand_hostile_inputs_end_in_a_result_or_in_one_line_and_take_little_memory():
    # In a process of its own, because the peak of memory is measured for a whole process.
    command = [sys.executable, "-m", "tests.faults.fuzz", str(LONG)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    line, found = ended.stdout.splitlines()
    print(line)
    found = json.loads(found)
    assert found["inputs"] >= 10_000
    assert found["peak_memory_mb"] < fuzz.MOST_MEMORY
