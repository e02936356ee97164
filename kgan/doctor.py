"""`python -m kgan.doctor`: checks packages, devices, disk space and a run folder."""

from collections.abc import Sequence

from kgan.cli import entry
from kgan.cli.parsing import parse_command
from kgan.models.base.flags import text

FLAGS = (
    text("run", None, "Run folder to inspect; default: none."),
    text("runs_dir", "runs", "Folder in which runs are created; its disk is checked for space."),
    text("data_dir", None, "Folder of prepared TFDS datasets; default: ~/tensorflow_datasets."),
)


def main(arguments: Sequence[str]) -> int:
    """Prints a line for each check; returns 1 if one of them has failed."""
    given = parse_command("kgan.doctor", FLAGS, arguments)
    # Imported here so that help and refusals do not wait for TensorFlow.
    entry.import_tensorflow()
    from kgan.runs import inspection

    findings = [*inspection.inspect_machine(given.runs_dir, given.data_dir)]
    if given.run:
        findings += inspection.inspect_run(given.run)
    print("\n".join(map(str, findings)))
    return 0 if all(finding.ok for finding in findings) else 1


if __name__ == "__main__":
    entry.run(main)
