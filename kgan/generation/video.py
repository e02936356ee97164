"""Videos: translated frame by frame, and made of images. They need the extra `video` (PyAV)."""

import collections
import contextlib
import io
import logging
import os
import pathlib
from collections.abc import Iterable

import numpy as np
from PIL import Image

from kgan.generation import saving
from kgan.generation.names import numbered
from kgan.generation.translator import Translator
from kgan.utils import progress
from kgan.utils.atomic import atomic_write, make_folder
from kgan.utils.errors import UserError, printable

logger = logging.getLogger("kgan")

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
WRITTEN = (".mp4",)
QUALITY = {"crf": "18", "preset": "medium"}  # of x264: hardly different from the original
COPIED_AUDIO = ("aac", "mp3", "ac3", "eac3", "alac")  # what players read in an MP4 file
COLOURS = ("color_range", "color_primaries", "color_trc", "colorspace")


def is_video(path: str) -> bool:
    """Checks whether a path has the suffix of a video."""
    return os.path.splitext(path)[1].lower() in SUFFIXES


def _av(what: str):
    """Imports PyAV, or raises a UserError that names the extra."""
    try:
        import av
    except ImportError as error:
        raise UserError(
            f"{what}: videos need the extra `video`; right would be: pip install kgan[video]"
        ) from error
    return av


def translate_video(translator: Translator, path: str, out: str | None = None) -> pathlib.Path:
    """Translates each frame of a video into an MP4 file, with the same times and the same sound.

    All frames have the same seed, so that nothing changes between them but the images.

    Args:
        translator: the model.
        path: the video.
        out: the file or folder to write; None: in the run.

    Returns:
        The path of the file.
    """
    av = _av(f"--input={path}")
    place = _place(translator, path, out)
    with contextlib.ExitStack() as opened:
        try:
            source = opened.enter_context(av.open(path))
        except (av.FFmpegError, OSError) as error:
            reason = error.strerror or error
            raise UserError(f"--input={printable(path)}: no readable video ({reason})") from error
        if not source.streams.video:
            raise UserError(f"--input={printable(path)}: has no images; right would be a video")
        make_folder(place.parent, f"--out={place}")
        writing = opened.enter_context(atomic_write(place))
        target = opened.enter_context(av.open(str(writing), "w", format="mp4"))
        try:
            count = _translate_streams(av, translator, source, target, path)
        except av.InvalidDataError as error:
            raise UserError(
                f"--input={printable(path)}: the video is damaged ({error.strerror})"
            ) from error
        target.close()  # before the file is renamed
    logger.info("%s; %d frames", translator.description, count)
    return place


def _place(translator, path, out) -> pathlib.Path:
    name = f"{pathlib.Path(path).stem}-translated.mp4"
    if out and saving.file_suffix(out, WRITTEN, "a video"):
        place = pathlib.Path(out)
    else:
        place = pathlib.Path(out or pathlib.Path(translator.run, translator.default_name)) / name
    if not out:
        return next(found for found in numbered(place) if not os.path.lexists(found))
    if os.path.lexists(place):
        raise UserError(f"--out={printable(str(place))}: exists; remove it, or give another name")
    return place


def _translate_streams(av, translator, source, target, path):
    video = source.streams.video[0]
    video.thread_type = "AUTO"
    sound = source.streams.audio[0] if source.streams.audio else None
    picture = _Picture(av, target, video)
    copied = _Sound(av, target, sound) if sound else None
    early = collections.deque()  # packets of sound
    known = video.frames or None
    with progress.bar(total=known, unit="frame", delay=2) as bar:
        for packet in source.demux([video, sound] if sound else [video]):
            if packet.stream is sound:
                early.append(packet)
            else:
                for frame in packet.decode():
                    picture.add(_translated(translator, frame, path), frame.pts, frame.time_base)
                    bar.update()
            # The file begins when the size of the answers is known.
            while picture.sized and early:
                copied.add(early.popleft())
    if not picture.sized:
        raise UserError(f"--input={printable(path)}: none of its images can be read")
    picture.end()
    if copied:
        copied.end()
    return bar.n


def _translated(translator, frame, path) -> np.ndarray:
    """Translates a frame, upright; returns uint8 [H, W, 3]."""
    upright = np.rot90(frame.to_ndarray(format="rgb24"), round((frame.rotation or 0) / 90))
    # The name is the same for all frames, and so are noise and masks of `--pairs`.
    prepared = translator.prepare(Image.fromarray(np.ascontiguousarray(upright)), path, path)
    (answer,) = translator.translate([prepared])
    return np.asarray(translator.shown(prepared, answer)["output"].convert("RGB"))


class _Picture:
    """The stream of images of a file that is written: H.264 in the form that all players read."""

    def __init__(self, av, target, like=None, rate=None):
        self._av, self._target = av, target
        self.stream = target.add_stream("libx264", rate=rate or like.average_rate or 25)
        self.stream.pix_fmt, self.stream.options = "yuv420p", QUALITY
        if like is not None:
            self.stream.codec_context.time_base = like.time_base
            for name in COLOURS:
                setattr(self.stream.codec_context, name, getattr(like.codec_context, name))
        self.sized = False

    def add(self, image, pts=None, time_base=None):
        height, width = image.shape[:2]
        # This form has one colour for four pixels: odd sides get a pixel more.
        image = np.pad(image, [(0, height % 2), (0, width % 2), (0, 0)], "edge")
        if not self.sized:
            self.stream.height, self.stream.width = image.shape[:2]
            self.sized = True
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        if pts is not None:
            frame.pts, frame.time_base = pts, time_base
        self._target.mux(self.stream.encode(frame))

    def end(self):
        self._target.mux(self.stream.encode())


class _Sound:
    """The stream of sound: copied bit for bit where players read it, else converted to AAC."""

    def __init__(self, av, target, sound):
        self._target = target
        self._is_copy = sound.codec_context.name in COPIED_AUDIO
        if self._is_copy:
            self._stream = target.add_stream_from_template(sound)
        else:
            rate, layout = sound.codec_context.sample_rate, ("mono", "stereo")[sound.channels > 1]
            self._stream = target.add_stream("aac", rate=rate, layout=layout)
            self._converter = av.AudioResampler("fltp", layout, rate)

    def add(self, packet):
        if self._is_copy:
            if packet.dts is not None:
                packet.stream = self._stream
                self._target.mux(packet)
            return
        for frame in packet.decode():
            for part in self._converter.resample(frame):
                self._target.mux(self._stream.encode(part))

    def end(self):
        if not self._is_copy:
            for part in self._converter.resample(None):
                self._target.mux(self._stream.encode(part))
            self._target.mux(self._stream.encode())


def animate(images: Iterable[np.ndarray], suffix: str, fps: int, what: str) -> bytes:
    """Returns the contents of an animation.

    Args:
        images: uint8 [H, W] or [H, W, C], of one size.
        suffix: `.gif`, which repeats itself, or `.mp4`.
        fps: images per second.
        what: the flag that asks for it, for messages.
    """
    file = io.BytesIO()
    if suffix == ".gif":
        first, *others = map(Image.fromarray, images)
        first.save(
            file, "GIF", save_all=True, append_images=others, duration=round(1000 / fps), loop=0
        )
        return file.getvalue()
    av = _av(what)
    with av.open(file, "w", format="mp4") as target:
        picture = _Picture(av, target, rate=fps)
        for image in images:
            picture.add(np.asarray(Image.fromarray(image).convert("RGB")))
        picture.end()
    return file.getvalue()
