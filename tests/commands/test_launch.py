import subprocess
import sys

import pytest

from kgan import launch
from kgan.utils.errors import UserError


@pytest.fixture
def launched(monkeypatch):
    """Returns a function that launches and returns the number of workers and their flags."""

    def run(*given):
        found = []

        class Recorded(launch.Launcher):
            def run(self):
                found.append((self.workers, self.arguments))
                return 0

        with monkeypatch.context() as patch:
            patch.setattr(launch, "Launcher", Recorded)
            assert launch.main(given) == 0
        return found[0]

    return run


def test_flags_of_the_launcher_are_removed_and_the_others_passed_to_the_workers(launched):
    workers, rest = launched("--model=dcgan", "--workers=3", "--steps", "5")
    assert workers == 3
    assert rest[1:] == ["--model=dcgan", "--steps", "5", "--strategy=multi_worker"]


def test_new_run_has_a_job_name_of_its_own(launched):
    names = {launched("--model=dcgan")[1][0] for _ in range(2)}
    assert len(names) == 2 and all(name.startswith("--job=launch-") for name in names)


@pytest.mark.parametrize("word", ["--job=mine", "--resume=runs/1", "-job"])
def test_given_job_or_run_is_kept(launched, word):
    assert launched(word)[1] == [word, "--strategy=multi_worker"]


def test_wrong_number_of_workers_is_one_line():
    with pytest.raises(UserError, match="--workers=0: "):
        launch.main(["--workers=0"])


@pytest.mark.parametrize(
    ("module", "flag"), [("kgan.launch", "--max_restarts"), ("kgan.sweep", "--repeats")]
)
def test_help_names_the_flags_without_importing_tensorflow(module, flag):
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", module, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert flag in ended.stdout
    assert "tensorflow" not in ended.stderr and "matplotlib" not in ended.stderr
