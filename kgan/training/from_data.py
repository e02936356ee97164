"""Size and length of a training that its images decide, where no flag does."""

import statistics

from kgan.cli.settings import Settings
from kgan.data.registry import Options, image_sizes
from kgan.training.plan import Plan

TOLERANCE = 1.05  # ratio of aspects up to which stretching is not seen


def choose_size(settings: Settings) -> tuple[Settings, list[str]]:
    """Chooses --image_size, and --fit, from the images of a folder or zip.

    Args:
        settings: of a new training.

    Returns:
        The settings with what was chosen, and lines for the user; unchanged for a data set that is
        built in or of TFDS, and where --image_size is given.
    """
    if "image_size" in settings.given:
        return settings, []
    sizes = image_sizes(settings.data.dataset, settings.model_class.data_kind, _options(settings))
    if not sizes:
        return settings, []
    height, width = _typical(sizes)
    own = settings.model_class.own_data
    size = own.size_for(height, width)
    chosen = {"image_size": str(size[0]) if size[0] == size[1] else f"{size[0]}x{size[1]}"}
    ratios = [h / w * size[1] / size[0] for h, w in sizes]
    stretched = sum(max(ratio, 1 / ratio) > TOLERANCE for ratio in ratios)
    if own.square and stretched and "fit" not in settings.given:
        chosen["fit"] = "crop"
    lines = [f"size: --image_size={chosen['image_size']}, since {_sizes_text(sizes)}"]
    if chosen.get("fit"):
        lines.append("size: --fit=crop, which keeps the aspect ratio and cuts out the centre")
    elif stretched > len(sizes) // 10 and settings.data.fit == "resize":
        lines.append(
            f"size: {stretched} of {len(sizes)} images that were looked at have another aspect "
            "ratio and are stretched; --fit=crop would cut instead"
        )
    return settings.replace(**chosen), lines


def choose_length(
    settings: Settings, pass_length: int, batches_per_step: int
) -> tuple[Settings, list[str]]:
    """Chooses --steps from the number of images, where neither --steps nor --epochs is given.

    Args:
        settings: of a new training on images of one's own.
        pass_length: images in a pass over the training data.
        batches_per_step: of the model.

    Returns:
        The settings, and a line for the user.
    """
    if settings.given & {"steps", "epochs"}:
        return settings, []
    own = settings.model_class.own_data
    longest = settings.replace(steps=1, epochs=None)
    per_epoch = Plan.of(longest.run, pass_length, batches_per_step).steps_per_epoch
    steps = own.steps_for(per_epoch)
    low, high = own.updates
    reason = f"{own.epochs} epochs"
    if steps == low:
        reason = f"for few images as many as are needed at least, {steps / per_epoch:.4g} epochs"
    elif steps == high:
        reason = f"for many images {steps / per_epoch:.4g} epochs"
    line = f"length: --steps={steps}, {reason}; --epochs, --steps or --minutes change it"
    return settings.replace(steps=steps, epochs=None), [line]


def _options(settings):
    data = settings.data
    return Options(layout=data.layout, sides=data.sides, pairs=data.pairs)


def _typical(sizes):
    """Returns the median height and width of upright or of lying images, whichever are more."""
    lying = [size for size in sizes if size[1] >= size[0]]
    common = lying if 2 * len(lying) >= len(sizes) else [s for s in sizes if s[1] < s[0]]
    return tuple(round(statistics.median(sides)) for sides in zip(*common, strict=True))


def _sizes_text(sizes):
    """Says what sizes images have, as WIDTH x HEIGHT."""
    widths, heights = [w for _, w in sizes], [h for h, _ in sizes]
    if len(set(sizes)) == 1:
        return f"images have {widths[0]} x {heights[0]} pixels (width x height)"
    return (
        f"images have {min(widths)} to {max(widths)} x {min(heights)} to {max(heights)} pixels "
        "(width x height)"
    )
