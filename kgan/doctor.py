"""`python -m kgan.doctor`: checks packages, devices, disk space, a run folder or a data set."""

from collections.abc import Sequence

from kgan.cli import entry, values
from kgan.cli.models import check_model_name
from kgan.cli.parsing import parse_command
from kgan.models.base.flags import choice, text
from kgan.utils.choices import LAYOUTS
from kgan.utils.errors import UserError

FLAGS = (
    text("run", None, "Run folder to inspect; default: none."),
    text("dataset", None, "Folder or zip of images to inspect for a training; default: none."),
    text("model", None, "Model that --dataset is for; default: the first one that it fits."),
    choice("layout", "auto", LAYOUTS, "Layout of --dataset; auto: it is recognised."),
    text("sides", None, "The images of A and of B in --dataset, as in kgan.train."),
    text("runs_dir", "runs", "Folder in which runs are created; its disk is checked for space."),
    text("data_dir", None, "Folder of prepared TFDS datasets; default: ~/tensorflow_datasets."),
)


def main(arguments: Sequence[str]) -> int:
    """Prints a line for each check; returns 1 if one of them has failed."""
    given = parse_command("kgan.doctor", FLAGS, arguments)
    if given.model is not None:
        check_model_name(given.model)
    for name in ("model", "sides"):
        if getattr(given, name) and not given.dataset:
            raise UserError(f"--{name}={getattr(given, name)}: is for --dataset=")
    sides = values.parse_sides("sides", given.sides) if given.sides else None
    # Imported here so that help and refusals do not wait for TensorFlow.
    entry.import_tensorflow()
    from kgan.runs import inspection

    if given.dataset:
        from kgan.training.data_check import inspect_data

        findings = list(inspect_data(given.dataset, given.model, given.layout, sides))
        print("\n".join(map(str, findings)))
        return 0 if all(finding.ok for finding in findings) else 1
    findings = [*inspection.inspect_machine(given.runs_dir, given.data_dir)]
    if given.run:
        findings += inspection.inspect_run(given.run)
    print("\n".join(map(str, findings)))
    return 0 if all(finding.ok for finding in findings) else 1


if __name__ == "__main__":
    entry.run(main)
