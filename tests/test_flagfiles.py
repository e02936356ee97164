"""Every recipe in flags/ is accepted, describes itself, and contains only differences."""

import pathlib
import re

import pytest

from kgan.cli.models import model_names
from kgan.cli.parsing import parse_training
from kgan.utils.errors import UserError
from tests.small_runs import command

FOLDER = pathlib.Path(__file__).parents[1] / "flags"
RECIPES = sorted(path.name for path in FOLDER.glob("*.cfg"))
# Recipes whose data are not part of the package: their comments name the flag to add.
OWN_DATA = (
    "camvid_to_labels.cfg",
    "camvid_to_photo.cfg",
    "cyclegan_day2dusk.cfg",
    "dcgan_cifar10.cfg",
    "pix2pix_256.cfg",
)
# Networks that are built in a moment; the path from flagfile to plan stays the same.
NARROW = {
    "cdcgan": "--g_width=2 --d_width=2",
    "cgan": "--g_width=2 --d_width=2",
    "cyclegan": "--width=2 --blocks=1",
    "flow": "--hidden=4",
    "gan": "--g_hidden=4 --d_hidden=4",
    "pix2pix": "--width=1 --image_size=32 --patch_layers=1",
    "sngan": "--g_width=2 --d_width=2",
    "vae": "--hidden=4",
}


@pytest.mark.parametrize("model", model_names())
def test_recipe_of_a_model_passes_a_dry_run(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    narrow = NARROW.get(model, "--width=2").split()
    outcome = command("train", f"--flagfile={FOLDER}/{model}.cfg", "--dry_run", *narrow)
    assert (outcome.status, outcome.err, list(tmp_path.iterdir())) == (0, "", [])
    assert f"--model={model} " in outcome.out
    assert re.search(r"plan: \d+ steps of batch \d+", outcome.out)


def own_data(recipe):
    return ["--dataset=somewhere"] if recipe in REQUIRED else []


REQUIRED = [name for name in RECIPES if "--dataset=REQUIRED" in (FOLDER / name).read_text()]


@pytest.mark.parametrize("recipe", REQUIRED)
def test_recipe_for_own_images_is_refused_without_them(recipe):
    with pytest.raises(UserError, match="REQUIRED: this recipe is for images of your own"):
        parse_training([f"--flagfile={FOLDER}/{recipe}"])
    assert recipe in OWN_DATA


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe_opens_with_its_purpose_and_its_time(recipe):
    comment = re.match(r"(# .*\n)+", (FOLDER / recipe).read_text())[0]
    assert len(comment) > 60 and all(len(line) <= 100 for line in comment.splitlines())
    # How long it takes, or that nobody knows.
    assert re.search(r"\b(seconds?|minutes?|hours?|[Nn]ot run)\b", comment)
    if recipe in OWN_DATA:
        assert re.search(r"--dataset=\w+", comment)


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe_contains_only_what_differs_from_the_defaults(recipe):
    given = parse_training([f"--flagfile={FOLDER}/{recipe}", *own_data(recipe)])
    default = parse_training([f"--model={given.model}"])
    named = given.given - {"model", "flagfile"}
    assert [name for name in named if given.values[name] == default.values[name]] == []
