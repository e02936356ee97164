import zipfile

import numpy as np
import pytest
from PIL import Image

import kgan
from kgan.cli import settings
from kgan.utils.errors import UserError
from tests.small_runs import PALETTE, command, copy_of, dcgan_run, pix2pix_run

GAP = 2
SIDE = 48  # images of 16 pixels are shown three times as large


def levels(images):
    """Rounds images in [-1, 1] to what a PNG holds."""
    return np.clip(np.rint(127.5 * np.asarray(images) + 127.5), 0, 255).astype(np.uint8)


def drawn_by_the_model(seeds):
    model = kgan.load(str(dcgan_run()))
    return levels(model.generate(model.latents_from_seeds(seeds)))[..., 0]


def run_command(run, *arguments):
    outcome = command("generate", f"--run={run}", *arguments)
    assert (outcome.status, outcome.err) == (0, ""), outcome
    return outcome.out.strip()


def tile(sheet, row, column):
    """Cuts an image out of a grid, at its own size again."""
    top, left = (GAP + place * (SIDE + GAP) for place in (row, column))
    return np.asarray(sheet)[top : top + SIDE : 3, left : left + SIDE : 3]


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("5", [5]),
        ("0-3", [0, 1, 2, 3]),
        ("1,4,9-11", [1, 4, 9, 10, 11]),
        ("7-7", [7]),
        ("3,3,1", [3, 3, 1]),
        ("999999999", [999_999_999]),
    ],
)
def test_seeds_are_numbers_and_ranges(text, seeds):
    assert settings.parse_seeds("seeds", text) == seeds


@pytest.mark.parametrize(
    "text", ["", "a", "1-", "-1", "3-1", "1,,2", "1;2", "1.5", "0-100000", "9999999999", "1 2"]
)
def test_other_seeds_are_refused(text):
    with pytest.raises(UserError, match="^--seeds="):
        settings.parse_seeds("seeds", text)


def test_grid_shows_the_seeds_in_order_and_leaves_the_rest_white(tmp_path):
    out = tmp_path / "new folder" / "grid.png"
    assert run_command(dcgan_run(), "--seeds=4,0-3", f"--out={out}") == str(out)
    sheet = Image.open(out)
    # Five images: three columns, two rows.
    assert sheet.size == (3 * (SIDE + GAP) + GAP, 2 * (SIDE + GAP) + GAP)
    for place, image in enumerate(drawn_by_the_model([4, 0, 1, 2, 3])):
        shown = tile(sheet, place // 3, place % 3)
        np.testing.assert_allclose(shown.astype(int), image.astype(int), atol=1)
    assert (tile(sheet, 1, 2) == 255).all()


def test_out_that_is_no_png_gets_one_file_a_seed(tmp_path):
    assert run_command(dcgan_run(), "--seeds=7,12", f"--out={tmp_path}/single") == (
        f"{tmp_path}/single"
    )
    names = sorted(path.name for path in (tmp_path / "single").iterdir())
    assert names == ["seed-000007.png", "seed-000012.png"]
    images = [np.asarray(Image.open(tmp_path / "single" / name)) for name in names]
    assert images[0].shape == (16, 16)
    np.testing.assert_allclose(np.int32(images), np.int32(drawn_by_the_model([7, 12])), atol=1)
    assert np.any(images[0] != images[1])


def test_a_seed_gives_its_image_whatever_stands_beside_it(tmp_path):
    # More than one batch, with the seed in the second.
    for name, seeds in (("many", "0-69"), ("alone", "66")):
        run_command(dcgan_run(), f"--seeds={seeds}", f"--out={tmp_path}/{name}")
    many, alone = (
        np.asarray(Image.open(tmp_path / name / "seed-000066.png")).astype(int)
        for name in ("many", "alone")
    )
    np.testing.assert_allclose(many, alone, atol=1)


def test_interpolation_goes_from_one_seed_s_image_to_the_other_s(tmp_path):
    out = tmp_path / "way.png"
    run_command(dcgan_run(), "--interpolate=3,17", "--frames=5", f"--out={out}")
    sheet = Image.open(out)
    assert sheet.size == (5 * (SIDE + GAP) + GAP, SIDE + 2 * GAP)
    first, last = drawn_by_the_model([3, 17]).astype(int)
    assert np.abs(first - last).max() > 10
    np.testing.assert_allclose(tile(sheet, 0, 0).astype(int), first, atol=1)
    np.testing.assert_allclose(tile(sheet, 0, 4).astype(int), last, atol=1)
    # The middle is drawn from the mean of both latents.
    model = kgan.load(str(dcgan_run()))
    middle = np.asarray(model.latents_from_seeds([3, 17])).mean(axis=0, keepdims=True)
    expected = levels(model.generate(middle))[0, ..., 0].astype(int)
    np.testing.assert_allclose(tile(sheet, 0, 2).astype(int), expected, atol=1)


def test_images_go_into_the_run_where_no_place_is_given(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    assert run_command(run, "--seeds=0") == str(run / "seeds.png")
    assert run_command(run, "--interpolate=1,2") == str(run / "interpolation-1-2.png")
    assert (run / "seeds.png").is_file() and (run / "interpolation-1-2.png").is_file()


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
    # Two images that differ in their suffix alone both keep it.
    "small.jpg.png",
    "small.png.png",
}


def translated(folder):
    return {
        str(path.relative_to(folder)): np.asarray(Image.open(path)).astype(int)
        for path in folder.rglob("*.png")
    }


def test_folder_is_translated_into_pngs_of_the_same_names(inputs, tmp_path):
    folder, small = inputs
    said = run_command(pix2pix_run(), f"--input={folder}", f"--out={tmp_path}/out")
    assert said == f"{tmp_path}/out"
    answers = translated(tmp_path / "out")
    assert set(answers) == NAMES
    assert {answer.shape for answer in answers.values()} == {(32, 32, 3)}
    model = kgan.load(str(pix2pix_run()))
    expected = levels(model.translate(small[np.newaxis] / np.float32(127.5) - 1))[0].astype(int)
    np.testing.assert_allclose(answers["small.png.png"], expected, atol=1)
    assert np.abs(answers["grey.png"] - expected).max() > 1


def test_zip_is_translated_as_its_folder_is(inputs, tmp_path):
    folder, _ = inputs
    with zipfile.ZipFile(tmp_path / "inputs.zip", "w") as archive:
        for path in folder.rglob("*.*"):
            archive.write(path, path.relative_to(folder))
    for source, out in ((folder, "a"), (tmp_path / "inputs.zip", "b")):
        run_command(pix2pix_run(), f"--input={source}", f"--out={tmp_path}/{out}")
    first, second = translated(tmp_path / "a"), translated(tmp_path / "b")
    assert set(first) == set(second) == NAMES
    for name in NAMES:
        np.testing.assert_array_equal(first[name], second[name])


def test_label_maps_of_another_size_are_resized_as_in_training(tmp_path):
    rng = np.random.default_rng(4)
    # At 70 pixels no block of 32 is met exactly; nearest takes pixel ⌊(i + ½) · 70 / 32⌋.
    large = PALETTE[rng.integers(0, len(PALETTE), (70, 70))]
    rows = ((np.arange(32) + 0.5) * 70 / 32).astype(int)
    small = large[np.ix_(rows, rows)]
    (tmp_path / "in").mkdir()
    Image.fromarray(large).save(tmp_path / "in" / "map.png")
    run_command(pix2pix_run(), f"--input={tmp_path}/in", f"--out={tmp_path}/out")
    model = kgan.load(str(pix2pix_run()))
    expected = levels(model.translate(small[np.newaxis] / np.float32(127.5) - 1))[0].astype(int)
    np.testing.assert_allclose(translated(tmp_path / "out")["map.png"], expected, atol=1)


def test_seed_chooses_among_the_possible_translations(inputs, tmp_path):
    folder, _ = inputs
    for out, seed in (("a", 0), ("b", 0), ("c", 1)):
        run_command(pix2pix_run(), f"--input={folder}", f"--out={tmp_path}/{out}", f"--seed={seed}")
    first, again, other = (translated(tmp_path / out) for out in "abc")
    for name in NAMES:
        np.testing.assert_array_equal(first[name], again[name])
        assert np.any(first[name] != other[name])


def test_folder_without_images_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    line = command("generate", f"--run={pix2pix_run()}", f"--input={tmp_path}").error_line
    assert line.startswith(f"--input={tmp_path}: contains no images")


def test_damaged_image_is_refused_by_its_name(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    outcome = command(
        "generate", f"--run={pix2pix_run()}", f"--input={tmp_path}", f"--out={tmp_path}/out"
    )
    assert "broken.png" in outcome.error_line
    assert not (tmp_path / "out").exists()
