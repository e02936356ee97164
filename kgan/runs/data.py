"""The data set of a run, and what a run of an earlier version did not store of it."""

import dataclasses
import logging
import math

from kgan.cli.settings import Settings
from kgan.data.dataset import Dataset, DataSpec, ImageFormat, spec_of
from kgan.data.registry import Options, open_dataset
from kgan.data.splits import SPLIT_RULE, with_validation
from kgan.runs.folder import Run
from kgan.utils.errors import UserError

logger = logging.getLogger("kgan")


def open_data(
    settings: Settings, jitter: bool = True, stored: DataSpec | None = None
) -> tuple[Dataset, DataSpec]:
    """Opens the data set of the settings.

    Args:
        settings: of a training.
        jitter: whether training images are read larger, to be cropped.
        stored: what a run that exists knows of its data: its images are prepared and split as they
            were, whatever the files look like now.
    """
    data, model = settings.data, settings.model_class
    factor = (data.jitter or 1.0) if jitter else 1.0
    images = ImageFormat(
        size=data.image_size,
        train_size=tuple(math.ceil(side * factor - 1e-9) for side in data.image_size),
        channels=data.channels,
        fit=data.fit,
    )
    known = {field.name for field in dataclasses.fields(Options)} - {"stored", "split_rule"}
    options = {name: getattr(data, name) for name in known}
    if data.bad_images == "fail":
        options["bad_limit"] = None
    if stored is not None and stored.preparation is not None:
        options["stored"] = stored.preparations
    rule = SPLIT_RULE if stored is None else stored.split_rule
    options["split_rule"] = rule
    dataset = open_dataset(data.dataset, images, kind=model.data_kind, **options)
    dataset = with_validation(dataset, model.held_out_share, rule)
    spec = spec_of(dataset, data.image_size, data.fit)
    return dataset, dataclasses.replace(spec, split_rule=rule)


def whole_spec(run: Run, label_maps: bool | None = None) -> DataSpec:
    """Reads what a run knows of its data, and adds what earlier versions did not store.

    Args:
        run: the run folder.
        label_maps: whether the inputs of pairs are label maps, for a run that does not say it;
            None: its training data decide if they can be found.
    """
    spec = run.spec()
    if spec.kind != "paired" or spec.label_maps is not None:
        return spec
    if label_maps is not None:
        return dataclasses.replace(spec, label_maps=label_maps)
    try:
        _, found = open_data(run.settings(), stored=spec)
    except UserError as error:
        logger.warning(
            "warning: %s does not say whether its inputs are label maps, and its training data "
            "cannot be read (%s): images are resized as photographs; give --label_maps or "
            "--nolabel_maps",
            run.folder,
            error,
        )
        return dataclasses.replace(spec, label_maps=False)
    same = found.input_preparation.channels == spec.input_channels
    own = {"input_preparation": found.input_preparation.of_size(spec.size)} if same else {}
    return dataclasses.replace(spec, label_maps=found.label_maps, **own)
