"""Videos and animations that `kgan.generate` translates and writes."""

import functools
import struct
import sys
from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from kgan.generation import translator, video
from kgan.plots.grids import to_bytes
from tests.small_runs import command, cyclegan_run, dcgan_run

RATE = 12
TIMES = [0, 1, 2, 4, 5, 6]  # in frames: one is missing


@pytest.fixture(autouse=True, scope="module")
def loaded_once():
    with mock.patch.object(translator, "load_run", functools.cache(translator.load_run)):
        yield


def write_film(path, av, sound="aac", size=(34, 20), times=TIMES, ratio=None):
    width, height = size
    with av.open(str(path), "w") as file:
        pictures = file.add_stream("libx264", rate=RATE)
        pictures.pix_fmt, pictures.width, pictures.height = "yuv420p", width, height
        sounds = file.add_stream(sound, rate=8000) if sound else None
        if ratio:
            pictures.codec_context.sample_aspect_ratio = ratio
        for time in times:
            image = np.full((height, width, 3), 30 * time % 256, np.uint8)
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


def test_damaged_parts_of_videos_are_left_out_and_said(tmp_path):
    av = pytest.importorskip("av")
    film = tmp_path / "film.mkv"
    write_film(film, av, sound=None, times=range(2 * RATE), ratio=Fraction(4, 3))
    data = film.read_bytes()
    with av.open(str(film)) as file:
        packets = [bytes(packet) for packet in file.demux(video=0) if packet.size]
    junk = b"\xff" * len(packets[5])
    for content, said, count in (
        (data.replace(packets[5], junk), "damaged in 1 place (Invalid data found", 2 * RATE - 1),
        (data[: data.find(packets[9])], "its images end at 0.", 9),
    ):
        film.write_bytes(content)
        out = tmp_path / f"{count}.mp4"
        outcome = command("generate", f"--run={cyclegan_run()}", f"--input={film}", f"--out={out}")
        assert outcome.status == 0 and said in outcome.err + outcome.out, outcome
        assert abs(len(contents(out, av)[0]) - count) <= 2
        with av.open(str(out)) as file:
            assert file.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
    # A folder may have the name of a video.
    (tmp_path / "frames.mp4").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "frames.mp4" / "a.png")
    flags = f"--input={tmp_path}/frames.mp4", f"--out={tmp_path}/frames"
    assert command("generate", f"--run={cyclegan_run()}", *flags).status == 0


def test_colours_of_videos_are_kept_whatever_their_encoding(tmp_path):
    av = pytest.importorskip("av")
    colours = np.uint8([[255, 0, 0], [0, 255, 0], [20, 60, 200], [250, 250, 250]])
    image = colours.repeat(16, axis=0)[np.newaxis].repeat(32, axis=0)

    def middles(path):
        with av.open(str(path)) as file:
            frame = next(file.decode(video=0))
            return frame.to_ndarray(format="rgb24")[16, 8::16].astype(int), frame.color_range

    for matrix, limits in ((1, 1), (1, 2), (5, 2), (9, 1)):  # BT.709, BT.601 and BT.2020
        given, made = tmp_path / f"{matrix}-{limits}.mp4", tmp_path / "made.mp4"
        with av.open(str(given), "w") as file:
            stream = file.add_stream("libx264", rate=RATE)
            stream.pix_fmt, stream.width, stream.height = "yuv420p", 64, 32
            stream.codec_context.colorspace, stream.codec_context.color_range = matrix, limits
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            file.mux(stream.encode(frame))
            file.mux(stream.encode())
        with av.open(str(given)) as source, av.open(str(made), "w") as target:
            picture = video._Picture(av, target, source.streams.video[0])
            for frame in source.decode(video=0):
                picture.add(frame.to_ndarray(format="rgb24"), frame.pts, frame.time_base)
            picture.end()
        (before, _), (after, made_range) = middles(given), middles(made)
        assert np.abs(after - before).max() <= 5 and made_range == 1, (matrix, limits)


def test_turned_and_mirrored_frames_are_shown_as_players_show_them(tmp_path):
    av = pytest.importorskip("av")
    corner = np.zeros((32, 48, 3), np.uint8)
    corner[:16, :24] = 255  # at the left and top
    with av.open(str(tmp_path / "film.mp4"), "w") as file:
        stream = file.add_stream("libx264", rate=RATE)
        stream.pix_fmt, stream.width, stream.height = "yuv420p", 48, 32
        file.mux(stream.encode(av.VideoFrame.from_ndarray(corner, format="rgb24")))
        file.mux(stream.encode())
    data = (tmp_path / "film.mp4").read_bytes()
    place = data.find(b"tkhd") + 44  # of the matrix in the header of the track
    for (a, b, c, d), shape, where in (
        ((1, 0, 0, 1), (32, 48), (0, 0)),
        ((0, 1, -1, 0), (48, 32), (0, 1)),  # a quarter to the right: the corner is at the right
        ((-1, 0, 0, -1), (32, 48), (1, 1)),
        ((0, -1, 1, 0), (48, 32), (1, 0)),
        ((-1, 0, 0, 1), (32, 48), (0, 1)),  # as a mirror
        ((0, 1, 1, 0), (48, 32), (0, 0)),
    ):
        matrix = [value << 16 for value in (a, b, 0, c, d, 0, 0, 0, 1 << 14)]
        turned = data[:place] + struct.pack(">9i", *matrix) + data[place + 36 :]
        (tmp_path / "turned.mp4").write_bytes(turned)
        with av.open(str(tmp_path / "turned.mp4")) as file:
            image = video._upright(next(file.decode(video=0)))
        assert image.shape[:2] == shape
        quarters = image.reshape(2, shape[0] // 2, 2, shape[1] // 2, 3).mean(axis=(1, 3, 4))
        assert np.unravel_index(quarters.argmax(), (2, 2)) == where, (a, b, c, d)


def test_missing_extra_and_damaged_videos_are_named(tmp_path, monkeypatch):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    flags = f"--run={cyclegan_run()}", f"--input={tmp_path}/bad.mp4"
    if "av" in sys.modules:
        assert "no readable video" in command("generate", *flags).error_line
    monkeypatch.setitem(sys.modules, "av", None)
    line = command("generate", *flags).error_line
    assert line.startswith("--input=") and line.endswith("pip install kgan[video]")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.mp4"]
