"""Flags and models as other GAN code names them, for the hints in errors.

Each table has kgan's flags, or a sentence, and the names for it in pytorch-CycleGAN-and-pix2pix,
StyleGAN, the DCGAN examples and Keras scripts. `{}` stands for the value that was given, and
`{name}` for the value as one of `CONVERSIONS` changes it.
"""

import difflib
import re
from collections.abc import Collection, Mapping, Sequence

GPUS = "every visible GPU is used; CUDA_VISIBLE_DEVICES=0,1 in front of the command selects two"
CPU = "every visible GPU is used; CUDA_VISIBLE_DEVICES=-1 in front of the command selects the CPU"
TENSORBOARD = "every run folder has TensorBoard events and metrics.jsonl; tensorboard --logdir runs"
VERBS = "each command does one thing: kgan.train, kgan.generate, kgan.evaluate, kgan.export"

TRAINING = {
    # Optimizers
    "--g_lr={} --d_lr={}": "lr learning_rate learningrate base_lr initial_lr lrate",
    "--g_lr={}": "glr lr_g g_learning_rate generator_lr gen_lr",
    "--d_lr={}": "dlr lr_d d_learning_rate discriminator_lr disc_lr critic_lr",
    "--g_optimizer={} --d_optimizer={}": "optimizer optim opt",
    "--beta_1={}": "beta1 b1 adam_beta1 momentum",
    "--beta_2={}": "beta2 b2 adam_beta2",
    "--lr_schedule=linear, cosine or constant": "lr_policy lr_decay scheduler lr_scheduler decay",
    "--lr_schedule=linear; --epochs counts all epochs, --lr_decay_from=0.5 begins in the middle": (
        "niter_decay n_epochs_decay decay_epoch decay_epochs epochs_decay lr_decay_iters"
    ),
    "--lr_warmup={}": "warmup warmup_steps lr_warmup_steps",
    "--accumulate={}": "grad_accum gradient_accumulate_every accumulation_steps accum_iter",
    "--ema_half_life=10000, in images": "ema ema_decay ema_beta use_ema",
    "--ema_half_life={thousands}": "ema_kimg",
    # Length
    "--epochs={}": "epoch niter n_epochs num_epochs nepochs nepoch max_epochs epochs_num",
    "--steps={}": (
        "iterations n_iter num_iter max_iter iters total_iters max_steps num_steps train_steps "
        "num_train_steps total_steps num_iterations"
    ),
    "--steps={thousands} divided by --batch_size": "kimg total_kimg",
    "--epochs counts passes over the images, and --steps updates": "steps_per_epoch epoch_count",
    "--batch_size={}": "batch batchsize bs train_batch_size global_batch_size",
    "--batch_size, of all GPUs together": "batch_gpu per_device_train_batch_size",
    "--seed={}": "random_seed manualseed manual_seed seeds rng_seed",
    "--minutes={}": "time_limit max_time max_minutes",
    # Images
    "--dataset={}": (
        "dataroot data data_path datapath dataset_path dataset_dir data_root dataset_name "
        "datasets input input_dir images img_dir image_dir root train_dir train_data_dir"
    ),
    "--image_size={}": (
        "crop_size cropsize finesize size img_size imagesize imgsize res resolution "
        "image_resolution target_size input_size imsize"
    ),
    "--image_size, such as 128x256": "img_height img_width image_height image_width height",
    "--jitter={jitter}, with --image_size=256 the same": "load_size loadsize",
    "--fit=resize or crop, and --jitter": "preprocess resize_or_crop resize_mode",
    "--noflip": "no_flip no_mirror",
    "--flip": "mirror hflip horizontal_flip random_flip xflip",
    "--channels={}": "nc input_nc output_nc n_channels img_channels num_channels",
    "--channels=4": "transparent rgba",
    "--channels=1": "greyscale grayscale gray",
    "--layout, for a folder that is not read rightly": "dataset_mode",
    "a conditional --model; its --dataset has the classes": (
        "cond conditional n_classes num_classes label_nc"
    ),
    "--direction={}": "which_direction",
    "--classes, to keep some of them": "subset max_dataset_size max_images",
    "--seed; batches are always shuffled": "serial_batches shuffle",
    "--augment=color,translation,cutout": "diffaugment diff_augment diff_aug aug aug_prob augpipe",
    # Devices
    GPUS: "gpus num_gpus n_gpu ngpu n_gpus multi_gpus gpu_ids gpu gpu_id device cuda use_cuda",
    CPU: "no_cuda cpu",
    "the number of readers is chosen by TensorFlow": (
        "workers num_workers nthreads num_threads n_cpu n_workers"
    ),
    "--precision=mixed_float16": "fp16 amp half mixed_precision",
    "--precision=mixed_bfloat16": "bf16 bfloat16",
    "--precision=float32": "fp32",
    "--jit=on": "xla jit_compile",
    "--strategy=auto": "local_rank distributed world_size",
    # Networks and losses
    "--latent_size={}": (
        "latent_dim nz z_dim zdim noise_dim z_size dim_z codings_size latent latentdim noise_size"
    ),
    "--width={}": "ngf ndf gf_dim df_dim base_filters network_capacity cbase",
    "--patch_layers={}": "n_layers_d",
    "--scales={}": "num_d",
    "--blocks={}": "n_residual_blocks n_blocks num_blocks n_blocks_global",
    "--model chooses the networks; --width sets their channels": (
        "netg netd arch architecture cfg config model_netg"
    ),
    "--dropout=0": "no_dropout nodropout",
    "--gan_loss={loss}": "gan_mode loss gan_type adv_loss loss_type",
    "--gan_loss=bce": "no_lsgan",
    "--l1_weight={}": "lambda_l1 lambda_pixel l1_lambda lambda_rec",
    "--cycle_weight_a={} --cycle_weight_b={}": "lambda_cyc lambda_cycle cycle_weight",
    "--cycle_weight_a={}": "lambda_a",
    "--cycle_weight_b={}": "lambda_b",
    "--identity_weight={}": "lambda_identity lambda_id lambda_idt",
    "--penalty_weight={}": "lambda_gp gp_weight gp_lambda gamma r1_gamma grad_penalty_weight",
    "--penalty=unit_slope, r1 or dragan": "gradient_penalty gp use_gp r1",
    "--clip={}": "clip_value weight_clip clip_weights weight_cliping_limit",
    "--n_critic={}": "critic_iters ncritic n_dis d_iters diters critic_steps disc_iters",
    "--d_updates={}": "d_steps disc_steps",
    "--real_label={smooth}": "label_smoothing label_smooth smooth",
    "--minibatch_kernels=16": "mbstd_group minibatch_std",
    # Runs
    "--runs_dir={}": (
        "checkpoints_dir outdir output_dir out_dir results_dir log_dir logdir save_dir outf output "
        "out save_path checkpoint_dir work_dir model_dir ckpt_dir output_path models_dir"
    ),
    "--name={}": "experiment exp_name experiment_name run_name desc",
    "--resume=latest, or a run": (
        "continue_train resume_from load_checkpoint resume_from_checkpoint load restore continue "
        "load_from resume_pkl ckpt"
    ),
    "--init_from, with a run": "pretrained init_weights weights load_weights load_pretrain",
    "--checkpoint_every={checkpoint}": "save_epoch_freq",
    "--checkpoint_every={}": (
        "save_every snap save_freq save_interval snapshot_ticks save_latest_freq checkpoint_freq "
        "ckpt_interval save_steps"
    ),
    "--sample_every={}": (
        "display_freq sample_interval sample_freq image_snapshot_ticks update_html_freq "
        "sample_step display_interval"
    ),
    "--log_every={}": "print_freq log_freq log_interval log_step",
    "--validate_every={}": (
        "evaluate_every eval_freq eval_interval eval_every calculate_fid_every valid_freq"
    ),
    "--validate_metrics=fid": "fid calc_fid eval_metrics metrics",
    TENSORBOARD: (
        "wandb use_wandb comet mlflow visdom display_id tensorboard use_tensorboard no_html"
    ),
    VERBS: "phase istrain is_train train test mode",
    "--dry_run": "dryrun verbose",
    "kgan.generate --seeds=0-63 makes any number of images of a run": (
        "num_test n_samples num_samples sample_size trunc truncation num_images"
    ),
}

# Of the commands that take a run; a hint holds where the command has its flags.
COMMANDS = {
    "--run={}": (
        "network name resume model_path model checkpoint_path ckpt load weights pretrained "
        "checkpoints_dir experiment model_dir run_dir checkpoint_dir runs run_id"
    ),
    "--input={}": "dataroot dataset data images input_dir img source src test_dir",
    "--out={}": "outdir results_dir output output_dir out_dir outfile save_dir outf save_path",
    "--format=tflite --quantize=int8": "int8 quantization quantise optimize",
    "--format={}": "to fmt export_format target",
    "--format=saved_model": "saved_model savedmodel as_saved_model",
    "--export_dir={}": "outdir output output_dir out out_dir save_path",
    "--images={}": "fake generated gen_path fake_dir path1",
    "--real={}": "dataset data real_path dataroot real_dir reference path2",
    "--checkpoint=best or last": "epoch which_epoch load_iter step",
    "--seeds=0-63": "num_images n_samples num_samples num n samples count num_test n_images",
    "--seeds={}": "seed random_seed",
    "--count={}": "num_images n_samples num_samples num num_test",
    "--label={}": "class classes class_idx classes_idx labels",
    "--direction={}": "which_direction",
    "--interpolate=3,17": "walk interpolation",
    "--metrics={}": "metric eval_metrics",
    "--part={}": "phase split",
    "the batch is chosen by the command": "batch batch_size batchsize",
    "the size is that of the run": "image_size crop_size load_size size img_size",
    GPUS: "gpus num_gpus gpu_ids gpu gpu_id device cuda",
    CPU: "no_cuda cpu",
}

# By how they begin, lsgan and wgangp among them.
LOSSES = {"ls": "least_squares", "mse": "least_squares", "w": "wasserstein", "vanilla": "bce"}


def _scaled(text, factor):
    try:
        return f"{round(float(text) * factor)}"
    except (ValueError, OverflowError):
        return "N"


def _jitter(text):
    try:
        return f"{min(2.0, max(1.0, float(text) / 256)):.4g}"
    except ValueError:
        return "1.12"


def _real_label(text):
    try:
        value = float(text)
    except ValueError:
        return "0.9"
    return f"{value if value > 0.5 else 1 - value:.4g}"


def _loss(text):
    return next((ours for start, ours in LOSSES.items() if text.lower().startswith(start)), text)


CONVERSIONS = {
    "{}": lambda text: text,
    "{thousands}": lambda text: _scaled(text, 1000),
    "{jitter}": _jitter,
    "{loss}": _loss,
    "{smooth}": _real_label,
    "{checkpoint}": lambda text: f"{text}epochs",
}


def hint(name: str, value: str, known: Collection[str], *, all_known: bool = True) -> str | None:
    """Returns what to write instead of a flag that a command does not know.

    Args:
        name: as it was given, without dashes.
        value: as it was given; empty if it was not.
        known: flags of the command.
        all_known: whether these are all of them; else only what is certain is returned.

    Returns:
        The end of a sentence that begins with the flag; None where there is nothing to say.

    Example:
        >>> hint("niter", "100", {"epochs"})
        'no such flag; right would be --epochs=100'
    """
    plain, is_training = name.lower().replace("-", "_"), "epochs" in known
    if plain in known:
        return f"no such flag; right would be --{plain}{'=' * bool(value)}{value}"
    advices = _advices(TRAINING if is_training else COMMANDS, plain)
    for advice in advices:
        flags = flags_in(advice)
        if flags <= set(known):
            lead = "right would be " if flags else ""
            return f"no such flag; {lead}{_filled(advice, value)}"
    if not all_known:
        return None
    if advices and is_training:
        return f"no such flag of this model; others have {_filled(advices[0], value)}"
    for advice in _advices(TRAINING, plain):
        return f"no such flag; kgan.train has {_filled(advice, value)}"
    return None


def flags_in(advice: str) -> set[str]:
    """Lists the flags that an advice names.

    Example:
        >>> sorted(flags_in("--g_lr={} --noflip"))
        ['flip', 'g_lr']
    """
    own = re.sub(r"(kgan\.\w+|tensorboard) --\w+", "", advice)
    return {name.removeprefix("no") for name in re.findall(r"--(\w+)", own)}


def nearest_model(name: str, models: Sequence[str]) -> str | None:
    """Returns the model that a name may mean: its spelling aside, or the one most alike.

    Example:
        >>> nearest_model("WGAN-GP", ["gan", "wgan", "wgan_gp"])
        'wgan_gp'
    """
    bare = {model.replace("_", ""): model for model in models}
    wanted = re.sub(r"\W|_", "", name.lower())
    if wanted in bare:
        return bare[wanted]
    starting = [word for word in bare if wanted.startswith(word)]
    if starting:
        return bare[max(starting, key=len)]
    return next((bare[word] for word in difflib.get_close_matches(wanted, bare, 1)), None)


def _advices(table: Mapping[str, str], plain: str) -> list[str]:
    return [advice for advice, names in table.items() if plain in names.split()]


def _filled(advice, value):
    for place, convert in CONVERSIONS.items():
        advice = advice.replace(place, convert(value) if value else "…")
    return advice
