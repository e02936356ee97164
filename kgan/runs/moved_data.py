"""Data sets given again for a run: whether they are those that the run was trained on."""

import logging
from collections.abc import Sequence

from kgan.cli.settings import Settings
from kgan.data.dataset import Dataset, DataSpec
from kgan.data.folder.content import difference
from kgan.data.registry import absolute_name, missing_paths
from kgan.runs.data import open_data
from kgan.runs.folder import Run
from kgan.utils.errors import UserError, printable

logger = logging.getLogger("kgan")


def check_place(name: str) -> None:
    """Checks that the data set of a run is still there, if it lies in a folder or zip."""
    gone = missing_paths(name)
    if gone:
        raise UserError(
            f"--dataset={printable(gone[0])}: no such folder or file, though the run was trained "
            "on it; right would be --dataset= with the place where it is now"
        )


def open_run_data(
    run: Run,
    name: str | None = None,
    parts: Sequence[str] = (),
    settings: Settings | None = None,
) -> tuple[Dataset, str]:
    """Opens the data set of a run, which may have been moved, as it was in the training.

    Args:
        run: the run folder.
        name: where its data are now; None: where they were.
        parts: the parts that have to be those of the run; of two domains both.
        settings: those of the run, in some of which it is opened otherwise; None: its own.

    Returns:
        The data set, without jitter, and its name.

    Raises:
        UserError: the data are gone, or others than those of the run.
    """
    own, spec = run.settings(), run.spec()
    place = absolute_name(name or own.data.dataset)
    check_place(place)
    dataset, _ = open_data((settings or own).replace(dataset=place), jitter=False, stored=spec)
    counted = []
    for part in parts:
        found = [f"{part}{domain}" for domain in dataset.domains]
        counted += [name for name in found if name in dataset.parts] or dataset.training_parts
    check_data(own, spec, place, dataset, counted)
    return dataset, place


def check_data(
    own: Settings, spec: DataSpec, name: str, dataset: Dataset, parts: Sequence[str] | None = None
) -> None:
    """Checks that a data set is the one of a run.

    Args:
        own: settings of the run, as they are stored.
        spec: of the run.
        name: the data set's `--dataset` now, see `absolute_name`.
        dataset: what was opened under that name.
        parts: the parts that count; None: all.

    Raises:
        UserError: it is another one; says how it differs.
    """
    where, same_place = f"--dataset={printable(name)}", name == absolute_name(own.data.dataset)
    right = (
        f"right would be the data of the run, {printable(own.data.dataset)} or where they are now"
    )
    if spec.content is None and dataset.content is None:
        if not same_place:
            raise UserError(f"{where}: the run has another data set; {right}")
    elif dataset.content is None:
        raise UserError(f"{where}: not a folder or zip, as the run has; {right}")
    elif spec.content is None:
        if not same_place:
            logger.warning(
                "warning: the run does not say what its data were; %s is taken for them", where
            )
    elif found := difference(spec.content, dataset.content, _known(parts, spec.content)):
        raise UserError(
            f"{where}: other images than those of the run: {found}; {right}, or a new run, which "
            "--init_from= starts from this one"
        )


def _known(parts, content):
    """Replaces parts that were held out of the training part when the data were opened."""
    if parts is None:
        return None
    return dict.fromkeys(part if part in content else "train" for part in parts)
