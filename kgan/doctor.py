"""`python -m kgan.doctor`: versions of packages, devices, disk space and the state of a run."""

from collections.abc import Sequence

from absl import flags

from kgan.cli import entry, settings

HELP = {
    "run": (None, "A run folder to inspect; default: none."),
    "runs_dir": (
        "runs",
        "Folder in which runs are created; its disk is checked for space. Default: runs.",
    ),
    "data_dir": (
        None,
        "Folder in which TFDS keeps prepared datasets. Default: ~/tensorflow_datasets.",
    ),
}


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    for name, (default, about) in HELP.items():
        flags.DEFINE_string(name, default, about, flag_values=values)


def main(arguments: Sequence[str]) -> int:
    """Prints a line for each check; returns 1 if one of them has failed."""
    given = settings.parse_command("kgan.doctor", define_flags, arguments, needed=())
    if given is None:
        return 0
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
