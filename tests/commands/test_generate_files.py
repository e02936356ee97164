"""Files around `kgan.generate`: nothing is lost, and everything that was read is accounted for."""

import functools
import io
import os
import re
import shutil
import urllib.parse
import zipfile
from unittest import mock

import numpy as np
import pytest
from PIL import Image, ImageCms

from kgan.data.transform.derived_pairs import make_input
from kgan.generation import saving, translator
from tests.small_runs import (
    PIX2PIX,
    command,
    copy_of,
    cyclegan_run,
    dcgan_run,
    made_once,
    pairs_folder,
    pix2pix_run,
    shared_folder,
    train_in,
)


@pytest.fixture(autouse=True, scope="module")
def loaded_once():
    """Loads each run once: most of the time of a small command goes into that."""
    with mock.patch.object(translator, "load_run", functools.cache(translator.load_run)):
        yield


def translate(*arguments, run=None):
    return command("generate", f"--run={run or pix2pix_run()}", *arguments)


def refused(*arguments, run=None):
    return translate(*arguments, run=run).error_line


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def image(seed, mode="RGB", size=(32, 32)):
    channels = len(Image.new(mode, (1, 1)).getbands())
    shape = (*size[::-1], channels) if channels > 1 else size[::-1]
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8), mode)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.jpg", "deep/c.webp")):
        image(number).save(folder / name)
    return folder


def test_out_that_holds_an_input_is_refused_by_whatever_name(photos, tmp_path):
    before = contents(photos)
    link, inner = tmp_path / "link", tmp_path / "links"
    link.symlink_to(photos)
    inner.mkdir()
    (inner / "own.png").write_bytes((photos / "a.png").read_bytes())
    (inner / "far.png").hardlink_to(photos / "a.png")
    for given, out in (
        (photos, photos),
        (photos, f"{photos}/"),
        (photos, photos / "deep" / ".."),
        (photos, tmp_path),
        (photos, link),
        (link, photos),
        (photos / "a.png", photos),
        (photos / "a.png", photos / "a.png"),
        (photos / "a.png", link / "a.png"),
    ):
        assert refused(f"--input={given}", f"--out={out}").startswith(f"--out={out}".rstrip("/"))
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.write(photos / "a.png", "a.png")
    zipped = f"--input={tmp_path}/photos.zip"
    assert "holds what is read" in refused(zipped, f"--out={tmp_path}")
    refused(zipped, f"--out={tmp_path}/photos.zip")
    assert contents(photos) == before


def test_files_of_the_user_in_out_are_kept_and_the_call_is_refused(photos, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "b.png").write_bytes(b"the user's")
    line = refused(f"--input={photos}", f"--out={out}")
    assert line.startswith(f"--out={out}: b.png would be overwritten")
    # A single image, and a grid.
    assert (
        "exists and has other contents"
        in translate(f"--input={photos}/b.jpg", f"--out={out}/b.png").err
    )
    assert "exists" in translate("--seeds=0", f"--out={out}/b.png", run=dcgan_run()).err
    assert contents(out)["b.png"] == b"the user's"


def test_later_calls_get_a_place_of_their_own_in_the_run(photos, tmp_path):
    run = copy_of(pix2pix_run(), tmp_path)
    places = [
        translate(f"--input={photos}", *flags, run=run).out.splitlines()[-1]
        for flags in ((), (), ("--seed=1",), ("--seed=1",))
    ]
    names = ["translated", "translated", "translated-2", "translated-2"]
    assert places == [str(run / name) for name in names]
    grids = [
        translate(f"--seeds={seeds}", run=run).out.splitlines()[-1]
        for run in [copy_of(dcgan_run(), tmp_path)]
        for seeds in ("0", "0", "1")
    ]
    assert [os.path.basename(grid) for grid in grids] == ["seeds.png", "seeds.png", "seeds-2.png"]


def test_interrupted_translation_goes_on_and_makes_nothing_twice(photos, tmp_path, monkeypatch):
    out = tmp_path / "out"
    whole = tmp_path / "whole"
    for number in range(10):
        image(number + 10).save(photos / f"{number}.png")
    translate(f"--input={photos}", f"--out={whole}")
    write, made = saving.write, []

    def interrupted(path, content):
        if len(made) in (3, 7):  # once before a file is renamed, once after
            if len(made) == 7:
                write(path, content)
            made.append("interrupted")
            raise KeyboardInterrupt
        write(path, content)
        made.append(path.name)

    monkeypatch.setattr(saving, "write", interrupted)
    for status, last in ((130, None), (130, None), (0, "6 written, 7 were there already")):
        outcome = translate(f"--input={photos}", f"--out={out}", "--nopage")
        assert outcome.status == status, outcome
        assert last is None or outcome.out.splitlines()[-2] == last
    names = [name for name in made if name != "interrupted"]
    assert len(names) == len(set(names)) == 12  # and one was written when it was interrupted
    again = contents(out)
    assert {name: again[name] for name in again if name.endswith(".png")} == {
        name: content for name, content in contents(whole).items() if name.endswith(".png")
    }


def test_changed_input_is_translated_again_and_the_others_are_kept(photos, tmp_path):
    flags = f"--input={photos}", f"--out={tmp_path}/out"
    translate(*flags)
    before = contents(tmp_path / "out")
    image(77).save(photos / "a.png")
    assert "1 written, 2 were there already" in translate(*flags).out
    after = contents(tmp_path / "out")
    assert {name for name in before if before[name] != after[name]} == {
        "a.png",
        "index_files/input/a.png.jpg",
        "translations.jsonl",
    }
    # What the user did to a translation is kept, even where its input changes as well.
    (tmp_path / "out" / "b.png").write_bytes(b"edited")
    assert "0 written, 3 were there already" in translate(*flags).out
    image(78).save(photos / "b.jpg")
    assert "1 skipped: b.jpg" in translate(*flags).out
    assert "b.png: was changed since it was made" in (tmp_path / "out/skipped.txt").read_text()
    assert (tmp_path / "out" / "b.png").read_bytes() == b"edited"


def test_unreadable_images_are_skipped_and_named_up_to_a_limit(photos, tmp_path):
    for number in range(16):
        image(number).save(photos / f"{number}.png")
    (photos / "bad.svg").write_bytes(b"no image")  # a kind that is only named
    out = tmp_path / "out"
    # One of twenty, which is not more than a twentieth.
    outcome = translate(f"--input={photos}", f"--out={out}")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "checkpoint: best, step 8",
        "19 written, 1 skipped: bad.svg (skipped.txt)",
        f"side by side: {out}/index.html",
        str(out),
    ]
    assert (out / "skipped.txt").read_text().startswith(f"{photos}/bad.svg: SVG images")
    assert len(list(out.rglob("*.png"))) == 19
    (photos / "empty.jpg").write_bytes(b"")
    outcome = translate(f"--input={photos}", f"--out={out}")
    assert outcome.status == 2
    assert outcome.err.startswith("error: --bad_limit=0.05: 2 of 21 images cannot be read")
    assert translate(f"--input={photos}", f"--out={out}", "--bad_limit=0.1").status == 0
    # Once they are whole, nothing is left of them.
    (photos / "bad.svg").unlink()
    image(0).save(photos / "empty.jpg")
    assert "1 written, 19 were there already" in translate(f"--input={photos}", f"--out={out}").out
    assert not (out / "skipped.txt").exists()


def test_single_image_is_written_as_its_name_says(photos, tmp_path):
    expected = {}
    for name, kind in {
        "x.jpg": "JPEG",
        "x.PNG": "PNG",
        "x.webp": "WEBP",
        "new/x.tif": "TIFF",
        "folder/": "PNG",
        "plain": "PNG",
    }.items():
        outcome = translate(f"--input={photos}/b.jpg", f"--out={tmp_path}/{name}")
        assert (outcome.status, outcome.err) == (0, ""), outcome
        place = tmp_path / name if "." in name else tmp_path / name / "b.png"
        assert outcome.out.splitlines()[-1] == str(place)
        with Image.open(place) as written:
            assert (written.format, written.size) == (kind, (32, 32))
            expected[name] = np.asarray(written.convert("RGB")).astype(int)
    assert np.abs(expected["x.jpg"] - expected["x.PNG"]).mean() < 3
    assert np.array_equal(expected["new/x.tif"], expected["x.PNG"])


def test_suffixes_that_cannot_be_written_and_wrong_flags_are_refused(photos, tmp_path, monkeypatch):
    one = f"--input={photos}/a.png"
    monkeypatch.chdir(tmp_path)
    os.symlink(tmp_path / "none", "dangling")
    for flags, expected in (
        ((one, "--out=x.gif"), "--out=x.gif: an image cannot be written as .gif"),
        ((one, "--out=x.heic"), "--out=x.heic: "),
        ((one, "--out=x.jpg", "--format=png"), "--format=png: --out=x.jpg is another format"),
        ((f"--input={photos}", "--out=x.png"), "--out=x.png: "),
        ((f"--input={photos}", "--out=x.xyz"), "--out=x.xyz: "),
        ((one, "--made_inputs"), "--made_inputs: "),
        ((f"--input={photos}/none.png",), f"--input={photos}/none.png: no such file or folder"),
        (("--input=",), "--input=: is empty"),
        ((f"--input={photos}", "--out="), "--out=: is empty"),
        ((one, f"--target={photos}/b.jpg"), "--target="),
        (("--seeds=1", "--format=jpg"), "--format=jpg: needs --input="),
        ((one, "--label=7"), "--label=7: is for images from seeds"),
        ((one, "--interpolate=1,2"), "--interpolate=1,2: is for images from seeds"),
        ((f"--input={photos}", f"--out={photos}/b.jpg/"), f"--out={photos}/b.jpg: is a file"),
        ((f"--input={photos}", "--out=dangling"), "--out=dangling: is a link to "),
    ):
        assert refused(*flags).startswith(expected)
    for flags in (("--seeds=0-3", "--out=x.pdf"), ("--interpolate=1,2", "--out=walk.xyz")):
        assert refused(*flags, run=dcgan_run()).startswith(flags[1])
    assert not any(os.path.exists(name) for name in ("x.gif", "x.heic", "x.jpg", "x.pdf"))


def test_alpha_profile_and_folders_are_kept(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    alpha = np.zeros((48, 64), np.uint8)
    alpha[:, 32:] = 255
    cut_out = image(1, size=(64, 48))
    cut_out.putalpha(Image.fromarray(alpha))
    cut_out.save(folder / "cut_out.png", icc_profile=profile)
    opaque = image(2)
    opaque.putalpha(255)
    opaque.save(folder / "opaque.png")
    image(3, "CMYK").save(folder / "ink.jpg", icc_profile=b"\0" * 16 + b"CMYK" + b"\0" * 108)
    assert translate(f"--input={folder}", f"--out={out}").status == 0
    with Image.open(out / "cut_out.png") as written:
        assert written.mode == "RGBA" and written.info["icc_profile"] == profile
        found = np.asarray(written.getchannel("A"))
        assert (found[:, :14] == 0).all() and (found[:, 18:] == 255).all()
    for name in ("opaque.png", "ink.png"):
        with Image.open(out / name) as written:
            assert written.mode == "RGB" and "icc_profile" not in written.info
    # A JPEG has no alpha.
    translate(f"--input={folder}", f"--out={tmp_path}/jpg", "--format=jpg")
    with Image.open(tmp_path / "jpg" / "cut_out.jpg") as written:
        assert written.mode == "RGB" and written.info["icc_profile"] == profile


@made_once
def edges_run():
    rng = np.random.default_rng(0)
    folder = shared_folder() / "small_photos"
    folder.mkdir()
    for number in range(12):
        blocks = rng.integers(0, 256, (4, 4, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
        Image.fromarray(blocks).save(folder / f"{number}.png")
    flags = (*PIX2PIX, "--steps=4", "--g_lr=0.002", "--name=edges", "--noevaluate", "--noexport")
    return train_in(shared_folder(), *flags, f"--dataset={folder}", "--pairs=edges")


def test_run_of_derived_pairs_gets_its_inputs_made_as_in_training(tmp_path):
    photos, edges = tmp_path / "photos", tmp_path / "edges"
    photos.mkdir()
    edges.mkdir()
    rng = np.random.default_rng(3)
    array = rng.integers(0, 256, (4, 4, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    Image.fromarray(array).save(photos / "a.png")
    Image.fromarray(make_input(array, "edges", rng)).save(edges / "a.png")
    made = {}
    for name, flags in {
        "made": (f"--input={photos}",),
        "given": (f"--input={edges}", "--made_inputs"),
        "raw": (f"--input={photos}", "--made_inputs"),
    }.items():
        assert translate(*flags, f"--out={tmp_path}/{name}", run=edges_run()).status == 0
        made[name] = contents(tmp_path / name)["a.png"]
    assert made["made"] == made["given"] != made["raw"]


def test_outputs_in_the_folder_of_the_inputs_are_not_translated(photos):
    flags = f"--input={photos}", f"--out={photos}/made"
    assert "3 written" in translate(*flags).out
    assert "0 written, 3 were there already" in translate(*flags).out


def test_other_suffixes_and_files_without_one_are_images_by_their_content(tmp_path):
    file = io.BytesIO()
    image(5).save(file, "PNG")
    (tmp_path / "photo").write_bytes(file.getvalue())
    outcome = translate(f"--input={tmp_path}/photo", f"--out={tmp_path}/x.png")
    assert outcome.status == 0 and (tmp_path / "x.png").is_file()
    shutil.copy(tmp_path / "x.png", tmp_path / "photo.zip")
    assert "not a whole zip" in refused(f"--input={tmp_path}/photo.zip", f"--out={tmp_path}/y.png")


def test_own_size_keeps_size_and_shape_and_equals_the_model_where_that_has_the_size(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, size in {"as_trained": (16, 16), "wide": (50, 23), "one": (3, 1)}.items():
        image(4, size=size).save(folder / f"{name}.png")
    places = {}
    for flag in ("input", "trained"):
        flags = f"--output_size={flag}", f"--out={tmp_path}/{flag}"
        outcome = translate(f"--input={folder}", *flags, run=cyclegan_run())
        assert (outcome.status, outcome.err) == (0, ""), outcome
        noted = outcome.out.count("2 of them have another shape than the 16x16")
        assert noted == (flag == "trained")
        places[flag] = {
            path.stem: np.asarray(Image.open(path)).astype(int)
            for path in (tmp_path / flag).glob("*.png")
        }
    shapes = {name: array.shape for name, array in places["input"].items()}
    assert shapes == {"as_trained": (16, 16, 3), "wide": (23, 50, 3), "one": (1, 3, 3)}
    own, trained = (places[flag]["as_trained"] for flag in ("input", "trained"))
    assert np.abs(own - trained).max() <= 1
    assert np.ptp(own) > 20
    # In parts, and a paired model.
    flags = f"--input={folder}/wide.png", "--output_size=input"
    translate(*flags, "--tile=64", f"--out={tmp_path}/parts.png", run=cyclegan_run())
    parts = np.asarray(Image.open(tmp_path / "parts.png")).astype(int)
    assert np.abs(parts - places["input"]["wide"]).max() <= 1
    assert translate(*flags, f"--out={tmp_path}/pair.png").status == 0
    assert Image.open(tmp_path / "pair.png").size == (50, 23)


def test_page_shows_input_output_and_target_of_every_translation(photos, tmp_path):
    targets = tmp_path / "targets"
    targets.mkdir()
    image(5).save(targets / "A.tiff")
    (photos / "x & <b>.png").write_bytes((photos / "a.png").read_bytes())
    (photos / "bad.png").write_bytes(b"<i>")
    flags = f"--input={photos}", f"--out={tmp_path}/out", f"--target={targets}", "--bad_limit=1"
    for _ in range(2):  # the second call has nothing to translate
        assert translate(*flags).status == 0
        page = (tmp_path / "out" / "index.html").read_text()
        sources = re.findall(r'<img src="([^"]+)"', page)
        assert len(sources) == 9 and page.count('loading="lazy"') == 9
        for source in sources:
            with Image.open(tmp_path / "out" / urllib.parse.unquote(source)) as shown:
                assert shown.size == (32, 32)
        assert [s for s in sources if "target" in s] == ["index_files/target/a.png.jpg"]
        assert "x &amp; &lt;b&gt;.png" in page and "<b>" not in page
        assert "checkpoint: best" in page and "1 images could not be read" in page
    plain = "--nopage", "--bad_limit=1", f"--out={tmp_path}/plain"
    assert translate(flags[0], *plain).status == 0
    assert not (tmp_path / "plain" / "index.html").exists()
    line = refused(flags[0], f"--target={tmp_path}/out/index_files/output", "--out=x")
    assert line.startswith("--target=")


def test_page_of_derived_pairs_shows_what_the_model_got(photos, tmp_path):
    translate(f"--input={photos}", f"--out={tmp_path}/out", run=edges_run())
    folder = tmp_path / "out" / "index_files"
    assert (
        np.isin(np.asarray(Image.open(folder / "input" / "a.png.jpg")) // 64, (0, 3)).mean() > 0.8
    )
    target = np.asarray(Image.open(folder / "target" / "a.png.jpg")).astype(int)
    assert np.abs(target - np.asarray(image(0)).astype(int)).mean() < 30


def test_part_of_the_own_data_is_translated_next_to_its_targets(tmp_path):
    out = tmp_path / "out"
    flags = "--part=test", f"--out={out}"
    assert "5 written" in translate(*flags).out
    assert "0 written, 5 were there already" in translate(*flags).out
    rows = Image.open(pairs_folder() / "test" / "3.png").convert("RGB")
    for kind, left in (("input", 0), ("target", 32)):
        shown = Image.open(out / "index_files" / kind / "00003.png.jpg")
        expected = np.asarray(rows.crop((left, 0, left + 32, 32))).astype(int)
        assert np.abs(np.asarray(shown).astype(int) - expected).mean() < 30
    # The translation is that of the given image alone.
    rows.crop((0, 0, 32, 32)).save(tmp_path / "given.png")
    translate(f"--input={tmp_path}/given.png", f"--out={tmp_path}/alone.png")
    pair = [
        np.asarray(Image.open(path)).astype(int)
        for path in (tmp_path / "alone.png", out / "00003.png")
    ]
    assert np.abs(pair[0] - pair[1]).max() <= 1
    outcome = translate(
        "--part=test", "--direction=BtoA", f"--out={tmp_path}/ba", run=cyclegan_run()
    )
    assert "2 written" in outcome.out
    line = refused("--part=validation", run=cyclegan_run())
    assert line.endswith("have no such part; there are test, train")
    assert refused("--part=test", run=dcgan_run()).startswith("--part=test: ")
    assert refused("--part=test", "--input=x").startswith("--input=x: is not for --part=")
