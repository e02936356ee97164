"""Sizes of what a run writes: checkpoints, the best one, the export."""

import pathlib
import shutil

from kgan.cli.settings import RunSettings
from kgan.runs import checkpoint

LARGE = 256e6  # bytes of a checkpoint of which one is kept, where no number is given
MB = 1e6


def kept_checkpoints(settings: RunSettings, model) -> int:
    """Returns how many checkpoints are kept, without the best one."""
    if settings.keep_checkpoints is not None:
        return settings.keep_checkpoints
    return 1 if checkpoint.size(model.state()) > LARGE else 2


def describe_sizes(settings: RunSettings, model, is_validated: bool) -> list[str]:
    """Describes what a run takes on the disk, and warns where there is not enough.

    Args:
        settings: of the run.
        model: built and compiled.
        is_validated: whether the run keeps a best checkpoint.
    """
    state, kept = model.state(), kept_checkpoints(settings, model)
    each = checkpoint.size(state)
    names = model.training_state()
    best = checkpoint.size({n: v for n, v in state.items() if n not in names}) * is_validated
    served = [v for name in model.served_networks for v in model.networks[name].variables]
    export = checkpoint.size(dict(enumerate(served))) * settings.export
    parts = [f"checkpoints {kept} x {_mb(each)}"]
    parts += [f"best {_mb(best)}"] * is_validated + [f"export {_mb(export)}"] * settings.export
    lines = [f"disk: {', '.join(parts)}"]
    # A new checkpoint is written before an old one is deleted.
    needed = each * (kept + 1) + best
    folder = pathlib.Path(settings.resume or settings.runs_dir).absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed:
        lines.append(
            f"warning: {folder} has {_mb(free)} free, the run needs {_mb(needed)}; make room, or "
            "choose another --runs_dir"
        )
    return lines


def _mb(number):
    return f"{number / MB:.3g} MB" if number < 1000 * MB else f"{number / MB / 1000:.3g} GB"
