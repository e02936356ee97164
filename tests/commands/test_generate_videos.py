"""Videos and animations that `kgan.generate` translates and writes."""

import functools
import sys
from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from kgan.generation import translator
from kgan.plots.grids import to_bytes
from tests.small_runs import command, cyclegan_run, dcgan_run

RATE = 12
TIMES = [0, 1, 2, 4, 5, 6]  # in frames: one is missing


@pytest.fixture(autouse=True, scope="module")
def loaded_once():
    with mock.patch.object(translator, "load_run", functools.cache(translator.load_run)):
        yield


def write_film(path, av, sound="aac", size=(34, 20)):
    width, height = size
    with av.open(str(path), "w") as file:
        pictures = file.add_stream("libx264", rate=RATE)
        pictures.pix_fmt, pictures.width, pictures.height = "yuv420p", width, height
        sounds = file.add_stream(sound, rate=8000) if sound else None
        for time in TIMES:
            image = np.full((height, width, 3), 30 * time, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, RATE)
            file.mux(pictures.encode(frame))
        file.mux(pictures.encode())
        if sounds:
            tone = np.sin(np.arange(4096) / 5)[np.newaxis].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            frame.sample_rate = 8000
            resampler = av.AudioResampler(sounds.codec_context.format, "mono", 8000)
            for part in resampler.resample(frame):
                file.mux(sounds.encode(part))
            file.mux(sounds.encode())


def contents(path, av):
    """Returns the frames, their times in frames, and the packets of sound."""
    with av.open(str(path)) as file:
        frames = [*file.decode(video=0)]
        times = [round(float(frame.pts * frame.time_base) * RATE) for frame in frames]
        images = [frame.to_ndarray(format="rgb24").astype(int) for frame in frames]
        codec = file.streams.video[0].codec_context
        described = (codec.name, codec.pix_fmt)
    with av.open(str(path)) as file:
        packets = [bytes(p) for p in file.demux(audio=0) if p.size] if file.streams.audio else []
    return images, times, packets, described


def test_video_keeps_times_sound_and_size(tmp_path):
    av = pytest.importorskip("av")
    film = tmp_path / "film.mp4"
    write_film(film, av)
    outcome = command(
        "generate", f"--run={cyclegan_run()}", f"--input={film}", f"--out={tmp_path}/"
    )
    assert (outcome.status, outcome.err) == (0, ""), outcome
    place = tmp_path / "film-translated.mp4"
    assert outcome.out.splitlines() == ["checkpoint: last, step 6; 6 frames", str(place)]
    given, made = contents(film, av), contents(place, av)
    assert made[1] == given[1] == TIMES and made[2] == given[2] != []
    assert made[3] == ("h264", "yuv420p")
    assert {image.shape for image in made[0]} == {(20, 34, 3)}
    # It is the translation of each frame.
    own = translator.Translator(str(cyclegan_run()), own_size=True)
    for before, after in zip(given[0], made[0], strict=True):
        prepared = own.prepare(Image.fromarray(before.astype(np.uint8)), "", "")
        expected = to_bytes(own.translate([prepared])[0]).astype(int)
        assert np.abs(after - expected).mean() < 12
    # A second call replaces nothing, and an odd size is no obstacle.
    again = command("generate", f"--run={cyclegan_run()}", f"--input={film}", f"--out={place}")
    assert "exists" in again.error_line
    write_film(tmp_path / "other.avi", av, "pcm_s16le", (36, 20))
    flags = f"--input={tmp_path}/other.avi", "--output_size=trained", f"--out={tmp_path}/small.mp4"
    assert command("generate", f"--run={cyclegan_run()}", *flags).status == 0
    small = contents(tmp_path / "small.mp4", av)
    assert small[0][0].shape == (16, 16, 3) and len(small[0]) == len(TIMES) and small[2]


def test_interpolation_becomes_an_animation(tmp_path):
    av = pytest.importorskip("av")
    flags = f"--run={dcgan_run()}", "--interpolate=3,17,5", "--frames=4", f"--fps={RATE}"
    sheet, gif, film = (tmp_path / f"walk.{suffix}" for suffix in ("png", "gif", "mp4"))
    for out in (sheet, gif, film):
        assert command("generate", *flags, f"--out={out}").status == 0
    row = np.asarray(Image.open(sheet)).astype(int)
    images = [row[2:50, 2 + 50 * n : 50 + 50 * n] for n in range(7)]
    with Image.open(gif) as animation:
        assert (animation.format, animation.n_frames, animation.info["loop"]) == ("GIF", 7, 0)
        for number, image in enumerate(images):
            animation.seek(number)
            assert np.abs(np.asarray(animation.convert("L")).astype(int) - image).max() < 8
    frames, times, _, _ = contents(film, av)
    assert times == [*range(7)] and frames[0].shape == (48, 48, 3)
    assert np.abs(frames[3][..., 0] - images[3]).mean() < 8


def test_missing_extra_and_damaged_videos_are_named(tmp_path, monkeypatch):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    flags = f"--run={cyclegan_run()}", f"--input={tmp_path}/bad.mp4"
    if "av" in sys.modules:
        assert "no readable video" in command("generate", *flags).error_line
    monkeypatch.setitem(sys.modules, "av", None)
    line = command("generate", *flags).error_line
    assert line.startswith("--input=") and line.endswith("pip install kgan[video]")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.mp4"]
