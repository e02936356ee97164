"""Every recipe in flags/ is understood, says what it is for, and holds differences only."""

import pathlib
import re

import numpy as np
import pytest
from PIL import Image

from kgan.cli import settings
from tests.small_runs import command, pairs_folder

FOLDER = pathlib.Path(__file__).parents[1] / "flags"
RECIPES = sorted(path.name for path in FOLDER.glob("*.cfg"))
# Data that is no part of the package, by the recipes that need it: what stands in for it here.
STAND_INS = {
    "camvid_to_labels.cfg": "pairs",
    "camvid_to_photo.cfg": "pairs",
    "cyclegan_day2dusk.cfg": "unpaired",
    "dcgan_cifar10.cfg": "colours",
}


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """A folder of small images in colour, by class, with parts."""
    root = tmp_path_factory.mktemp("colours")
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            folder = root / part / name
            folder.mkdir(parents=True)
            for number in range(3):
                image = rng.integers(0, 256, (32, 32, 3), np.uint8)
                Image.fromarray(image).save(folder / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def unpaired(tmp_path_factory):
    """A folder of two domains."""
    root = tmp_path_factory.mktemp("unpaired")
    for domain, level in (("trainA", 60), ("trainB", 200)):
        (root / domain).mkdir()
        for number in range(3):
            Image.new("RGB", (32, 32), (level + number, level, 0)).save(
                root / domain / f"{number}.png"
            )
    return root


def test_there_are_recipes():
    assert len(RECIPES) >= 10
    assert set(STAND_INS) <= set(RECIPES)


@pytest.mark.parametrize("scheme", settings.scheme_names())
def test_every_scheme_has_a_recipe_of_its_name(scheme):
    assert settings.parse([f"--flagfile={FOLDER}/{scheme}.cfg"]).model == scheme


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe_passes_a_dry_run(recipe, colours, unpaired, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = [f"--flagfile={FOLDER}/{recipe}", "--dry_run", "--strategy=none"]
    dataset = {
        "pairs": pairs_folder(),
        "colours": colours,
        "unpaired": unpaired,
    }
    # Built-in digits for those that would have to be downloaded.
    named = re.search(r"^--dataset=(mnist.*)$", (FOLDER / recipe).read_text(), re.MULTILINE)
    if named:
        arguments.append(
            f"--dataset={named[1].replace('mnist', 'digits').replace('usps', 'typeset')}"
        )
        arguments += ["--classes=0,1"] if "7,8" in (FOLDER / recipe).read_text() else []
    if recipe in STAND_INS:
        arguments.append(f"--dataset={dataset[STAND_INS[recipe]]}")
    outcome = command("train", *arguments)
    assert (outcome.status, outcome.err, list(tmp_path.iterdir())) == (0, "", [])
    assert re.search(r"plan: \d+ steps of batch \d+", outcome.out)


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe_opens_with_its_purpose_and_its_time(recipe):
    text = (FOLDER / recipe).read_text()
    comment = re.match(r"(# .*\n)+", text)
    assert comment and len(comment[0]) > 60
    # How long it takes, or that nobody knows.
    assert re.search(r"\b(seconds?|minutes?|hours?|[Nn]ot run)\b", comment[0])
    assert all(len(line) <= 100 for line in text.splitlines() if line.startswith("#"))


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe_holds_only_what_differs_from_the_defaults(recipe):
    given = settings.parse([f"--flagfile={FOLDER}/{recipe}"])
    default = settings.parse([f"--model={given.model}"])
    named = given.given - {"model", "flagfile"}
    assert [name for name in named if getattr(given, name) == getattr(default, name)] == []


def test_data_set_files_that_recipes_name_are_named_in_their_comments():
    for recipe, stand_in in STAND_INS.items():
        text = (FOLDER / recipe).read_text()
        assert stand_in and re.search(r"^# .*--dataset=\S+", text, re.MULTILINE)
