"""Batches of a training."""

from kgan import randomness
from kgan.cli.settings import Settings
from kgan.data import pipeline
from kgan.data.dataset import Dataset
from kgan.data.pipeline import Augmentation, group_batches
from kgan.data.readers import ReadErrors
from kgan.runs.folder import Run
from kgan.runs.moved_data import open_run_data
from kgan.serving.portable import CALIBRATION
from kgan.utils.errors import UserError


def calibration_examples(
    run: Run, moved_to: str | None = None, count: int = CALIBRATION
) -> dict | None:
    """Reads training examples for the calibration of a quantised translation model.

    Args:
        run: the run folder.
        moved_to: where its data are now; None: where they were.
        count: number of examples, or fewer where the data set has no more.

    Returns:
        Images float32 [N, H, W, C] in [-1, 1] by the model's fields; None for models that generate.
    """
    if run.settings().model_class.data_kind not in ("paired", "unpaired"):
        return None
    dataset, _ = open_run_data(run, moved_to, ["train"])
    found = {}
    for domain in dataset.domains:
        part = dataset.parts[f"train{domain}"]
        read = pipeline.examples(part, dataset.fields, min(count, len(part)))
        found |= {f"{field}{domain}": value for field, value in read.items()}
    return found


def augmentation(settings: Settings, dataset: Dataset) -> Augmentation | None:
    """Returns the random crops and flips of training images; None for none."""
    data = settings.data
    jittered = data.jitter is not None and data.jitter > 1
    flip = jittered and dataset.mirrors if data.flip is None else data.flip
    if not (jittered or flip):
        return None
    if dataset.kind == "points":
        raise UserError(f"--{'flip' if flip else 'jitter'}: is for images, not for points")
    return Augmentation(data.image_size, flip)


def training_batches(settings: Settings, dataset: Dataset, model, workers, errors: ReadErrors):
    """Makes the batches of a training from the model's step on, for `fit`.

    Args:
        settings: of the training.
        dataset: see `kgan.runs.data.open_data`.
        model: its step and attempt say which batches come next.
        workers: `kgan.distributed.workers.Workers`; several make their own shards.
        errors: notes what reading raises.
    """
    seed = randomness.attempt_seed(settings.run.seed, model.current_attempt)

    def batches(shard=pipeline.WHOLE_BATCH):
        batches = pipeline.joint_training_batches(
            [dataset.parts[part] for part in dataset.training_parts],
            dataset.fields,
            batch_size=settings.run.batch_size,
            seed=seed,
            start_batch=model.completed_steps * model.batches_per_step,
            augmentation=augmentation(settings, dataset),
            cache_bytes=settings.data.cache_gb * 1e9,
            shard=shard,
            errors=errors,
        )
        return group_batches(batches, shard.batches_per_step)

    if workers.count == 1:
        return group_batches(batches(), model.batches_per_step)
    return workers.distribute(batches, model.batches_per_step)
