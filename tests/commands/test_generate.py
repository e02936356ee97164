"""`kgan.generate` on runs: images from seeds, interpolations and translations."""

import functools
import zipfile

import numpy as np
import pytest
from PIL import Image

import kgan
from kgan.cli.values import parse_seeds
from kgan.utils.errors import UserError
from tests.small_runs import PALETTE, command, copy_of, dcgan_run, pix2pix_run

GAP = 2
SIDE = 48  # images of 16 pixels are shown three times as large
load = functools.cache(kgan.load)


def levels(images):
    """Rounds images in [-1, 1] to what a PNG holds."""
    return np.clip(np.rint(127.5 * np.asarray(images) + 127.5), 0, 255).astype(int)


def images_of_seeds(seeds):
    model = load(str(dcgan_run()))
    return levels(model.generate(model.latents_from_seeds(seeds)))[..., 0]


def generate(run, *arguments):
    outcome = command("generate", f"--run={run}", *arguments)
    assert (outcome.status, outcome.err) == (0, ""), outcome
    lines = outcome.out.splitlines()
    assert lines[0].startswith("checkpoint: "), lines
    return lines[-1]


def tile(sheet, row, column):
    """Cuts an image out of a grid, at its own size again."""
    top, left = (GAP + place * (SIDE + GAP) for place in (row, column))
    return np.asarray(sheet)[top : top + SIDE : 3, left : left + SIDE : 3].astype(int)


def test_seeds_are_numbers_and_ranges():
    expected = [1, 4, 9, 10, 11, 7, 4, 999_999_999]
    assert parse_seeds("seeds", "1,4,9-11,7-7,4,999999999") == expected


@pytest.mark.parametrize(
    "text", ["", "a", "1-", "-1", "3-1", "1,,2", "1;2", "1.5", "0-100000", "9999999999", "1 2"]
)
def test_other_seeds_are_refused(text):
    with pytest.raises(UserError, match="^--seeds="):
        parse_seeds("seeds", text)


def test_grid_shows_the_seeds_in_order_and_leaves_the_rest_white(tmp_path):
    out = tmp_path / "new folder" / "grid.png"
    assert generate(dcgan_run(), "--seeds=4,0-3", f"--out={out}") == str(out)
    sheet = Image.open(out)
    # Five images: three columns, two rows.
    assert sheet.size == (3 * (SIDE + GAP) + GAP, 2 * (SIDE + GAP) + GAP)
    for place, image in enumerate(images_of_seeds([4, 0, 1, 2, 3])):
        np.testing.assert_allclose(tile(sheet, place // 3, place % 3), image, atol=1)
    assert (tile(sheet, 1, 2) == 255).all()


def test_folder_gets_a_file_for_each_seed_whatever_the_other_seeds_are(tmp_path):
    # More than one batch, with the second seed in the second batch.
    assert generate(dcgan_run(), "--seeds=0-69", f"--out={tmp_path}/many") == f"{tmp_path}/many"
    names = sorted(path.name for path in (tmp_path / "many").iterdir())
    assert names == [f"seed-{seed:06}.png" for seed in range(70)]
    files = [tmp_path / "many" / f"seed-{seed:06}.png" for seed in (7, 66)]
    images = np.int32([np.asarray(Image.open(file)) for file in files])
    np.testing.assert_allclose(images, images_of_seeds([7, 66]), atol=1)
    assert images.shape == (2, 16, 16) and np.any(images[0] != images[1])


def test_interpolation_leads_from_one_seed_to_the_other(tmp_path):
    out = tmp_path / "line.png"
    generate(dcgan_run(), "--interpolate=3,17", "--frames=5", f"--out={out}")
    sheet = Image.open(out)
    assert sheet.size == (5 * (SIDE + GAP) + GAP, SIDE + 2 * GAP)
    first, last = images_of_seeds([3, 17])
    assert np.abs(first - last).max() > 10
    np.testing.assert_allclose(tile(sheet, 0, 0), first, atol=1)
    np.testing.assert_allclose(tile(sheet, 0, 4), last, atol=1)
    # The middle is generated from the mean of both latents.
    model = load(str(dcgan_run()))
    middle = np.asarray(model.latents_from_seeds([3, 17])).mean(axis=0, keepdims=True)
    expected = levels(model.generate(middle))[0, ..., 0]
    np.testing.assert_allclose(tile(sheet, 0, 2), expected, atol=1)


@pytest.mark.parametrize(
    ("flag", "name"), [("--seeds=0", "seeds.png"), ("--interpolate=1,2", "interpolation-1-2.png")]
)
def test_images_go_into_the_run_without_out(flag, name, tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    assert generate(run, flag) == str(run / name)
    assert (run / name).is_file()


@pytest.mark.parametrize(
    ("run", "flag", "error"),
    [
        (dcgan_run, "--label=7", "--label=7: this model is unconditional; remove --label"),
        (dcgan_run, "--input=x", "--input=x: "),
        (dcgan_run, "--interpolate=1", "--interpolate=1: give two seeds or more"),
        (pix2pix_run, "--seeds=1", "--run="),
        (pix2pix_run, "--input=x", "--input=x: "),
    ],
)
def test_flags_that_do_not_fit_the_model_are_refused(run, flag, error):
    assert command("generate", f"--run={run()}", flag).error_line.startswith(error)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Label maps of mixed sizes, modes and formats, one in a folder of its own."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "deep" / "er").mkdir(parents=True)
    rng = np.random.default_rng(0)
    flat = PALETTE[rng.integers(0, 3, (4, 4))]
    maps = {
        "small.png": flat.repeat(8, axis=0).repeat(8, axis=1),
        "deep/large.v2.png": flat.repeat(16, axis=0).repeat(16, axis=1),
        "deep/er/wide.bmp": flat.repeat(8, axis=0).repeat(24, axis=1),
    }
    for name, colours in maps.items():
        Image.fromarray(colours).save(folder / name)
    Image.fromarray(maps["small.png"][..., 0]).save(folder / "grey.gif")
    Image.fromarray(maps["small.png"]).save(folder / "small.jpg", quality=95)
    (folder / "notes.txt").write_text("no image")
    return folder, maps["small.png"]


NAMES = {
    "deep/er/wide.png",
    "deep/large.v2.png",
    "grey.png",
    # Two images that differ only in their suffix both keep it.
    "small.jpg.png",
    "small.png.png",
}


def translate(source, out, *arguments):
    assert generate(pix2pix_run(), f"--input={source}", f"--out={out}", *arguments) == str(out)
    return {
        str(path.relative_to(out)): np.asarray(Image.open(path)).astype(int)
        for path in out.rglob("*.png")
    }


def translated_by_model(image):
    model = load(str(pix2pix_run()))
    return levels(model.translate(image[np.newaxis] / np.float32(127.5) - 1))[0]


@pytest.fixture(scope="module")
def translations(inputs, tmp_path_factory):
    return translate(inputs[0], tmp_path_factory.mktemp("translations"))


def test_folder_is_translated_into_pngs_of_the_same_names(inputs, translations):
    assert set(translations) == NAMES
    assert {answer.shape for answer in translations.values()} == {(32, 32, 3)}
    expected = translated_by_model(inputs[1])
    np.testing.assert_allclose(translations["small.png.png"], expected, atol=1)
    assert np.abs(translations["grey.png"] - expected).max() > 1


def test_label_maps_of_another_size_are_resized_as_in_training(tmp_path):
    rng = np.random.default_rng(4)
    # At 70 pixels no block of 32 is met exactly; nearest takes pixel ⌊(i + ½) · 70 / 32⌋.
    large = PALETTE[rng.integers(0, len(PALETTE), (70, 70))]
    rows = ((np.arange(32) + 0.5) * 70 / 32).astype(int)
    (tmp_path / "in").mkdir()
    Image.fromarray(large).save(tmp_path / "in" / "map.png")
    answers = translate(tmp_path / "in", tmp_path / "out")
    expected = translated_by_model(large[np.ix_(rows, rows)])
    np.testing.assert_allclose(answers["map.png"], expected, atol=1)


def test_zip_is_translated_like_its_folder(inputs, translations, tmp_path):
    folder, _ = inputs
    with zipfile.ZipFile(tmp_path / "inputs.zip", "w") as archive:
        for path in folder.rglob("*.*"):
            archive.write(path, path.relative_to(folder))
    again = translate(tmp_path / "inputs.zip", tmp_path / "out")
    assert set(again) == NAMES
    for name in NAMES:
        np.testing.assert_array_equal(again[name], translations[name])


def test_another_seed_gives_other_translations(inputs, translations, tmp_path):
    other = translate(inputs[0], tmp_path / "out", "--seed=1")
    assert set(other) == NAMES
    assert all(np.any(other[name] != translations[name]) for name in NAMES)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("notes.txt", b"no image", "--input={folder}: contains no images"),
        ("broken.png", b"\x89PNG\r\n\x1a\n and no more", "{folder}/broken.png"),
    ],
)
def test_folder_without_images_or_with_damaged_ones_is_refused(name, content, error, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / name).write_bytes(content)
    flags = (f"--input={folder}", f"--out={tmp_path}/out")
    line = command("generate", f"--run={pix2pix_run()}", *flags).error_line
    assert error.format(folder=folder) in line
    assert not (tmp_path / "out").exists()
