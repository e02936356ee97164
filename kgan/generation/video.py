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

from kgan.data.dataset import plural
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
COLOURS = ("color_primaries", "color_trc")
# Numbers of ITU-T H.273. Of matrices from RGB, by the number in a file that of FFmpeg's conversion.
LIMITED, BT601 = 1, 5
MATRICES = {1: 1, 4: 4, BT601: BT601, 6: BT601, 7: 7, 9: 9}
SHORT = 0.5  # seconds by which a video may end before the time that its header names


def is_video(path: str) -> bool:
    """Checks whether a path has the suffix of a video, and is no folder."""
    return os.path.splitext(path)[1].lower() in SUFFIXES and not os.path.isdir(path)


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
        frames = _Frames(av, source, path)
        _translate_streams(av, translator, frames, target, path)
        target.close()  # before the file is renamed
    logger.info("%s; %s", translator.description, plural(frames.count, "frame"))
    for note in frames.notes():
        logger.warning("%s: %s", printable(path), note)
    return place


class _Frames:
    """The frames of a video and the packets of its sound, without what is damaged.

    Args:
        av: PyAV.
        source: the opened video.
        path: its name in messages.
    """

    def __init__(self, av, source, path):
        self._av, self._source, self._path = av, source, path
        self.video = source.streams.video[0]
        self.video.thread_type = "AUTO"
        self.sound = source.streams.audio[0] if source.streams.audio else None
        self.count = self._damaged = 0
        self._end, self._duration = 0.0, (source.duration or 0) / 1e6
        if self.video.duration:  # that of the whole may be that of a longer sound
            self._duration = float(self.video.duration * self.video.time_base)
        self._reason = ""

    def __iter__(self):
        streams = [self.video, self.sound] if self.sound else [self.video]
        packets = self._source.demux(streams)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except self._av.FFmpegError as error:  # what follows cannot be found
                self._note(error)
                return
            if packet.stream is self.sound:
                yield packet
                continue
            try:
                frames = packet.decode()
            except self._av.FFmpegError as error:
                self._note(error)
                continue
            for frame in frames:
                self.count += 1
                self._damaged += bool(frame.is_corrupt)
                self._end = max(self._end, frame.time or 0.0)
                yield frame

    def _note(self, error):
        self._damaged += 1
        self._reason = f" ({error.strerror})"

    def notes(self) -> list[str]:
        """Returns what the user should know of the video."""
        found = []
        if self._damaged:
            found.append(
                f"damaged in {plural(self._damaged, 'place')}{self._reason}; images there are "
                "missing or wrong"
            )
        if self._duration - self._end > max(SHORT, 0.05 * self._duration):
            found.append(
                f"its images end at {self._end:.1f} of {self._duration:.1f} seconds; it may be cut "
                "off"
            )
        return found

    def refusal(self) -> UserError:
        """Returns the error for a video without a frame."""
        return UserError(
            f"--input={printable(self._path)}: none of its images can be read{self._reason}"
        )


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


def _translate_streams(av, translator, frames, target, path):
    picture = _Picture(av, target, frames.video)
    copied = _Sound(av, target, frames.sound) if frames.sound else None
    early = collections.deque()  # packets of sound
    known = frames.video.frames or None
    with progress.bar(total=known, unit="frame", delay=2) as bar:
        for part in frames:
            if isinstance(part, av.VideoFrame):
                if translator.own_size is not None and not picture.sized:
                    picture.set_pixels(frames.video.sample_aspect_ratio, _is_turned(part))
                picture.add(_translated(translator, part, path), part.pts, part.time_base)
                bar.update()
            else:
                early.append(part)
            # The file begins when the size of the answers is known.
            while picture.sized and early:
                copied.add(early.popleft())
    if not picture.sized:
        raise frames.refusal()
    picture.end()
    if copied:
        copied.end()


def _translated(translator, frame, path) -> np.ndarray:
    """Translates a frame, upright; returns uint8 [H, W, 3]."""
    upright = _upright(frame)
    # The name is the same for all frames, and so are noise and masks of `--pairs`.
    prepared = translator.prepare(Image.fromarray(np.ascontiguousarray(upright)), path, path)
    (answer,) = translator.translate([prepared])
    return np.asarray(translator.shown(prepared, answer)["output"].convert("RGB"))


def _display_matrix(frame) -> np.ndarray:
    """Returns where a frame's columns and rows go when it is shown, [2, 2]."""
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            return np.frombuffer(bytes(data), np.int32)[:9].reshape(3, 3)[:2, :2]
    return np.eye(2)


def _is_turned(frame) -> bool:
    """Checks whether the columns of a frame become rows."""
    (across, down), _ = np.abs(_display_matrix(frame))
    return bool(down > across)


def _upright(frame) -> np.ndarray:
    """Returns a frame as players show it: turned and mirrored; uint8 [H, W, 3]."""
    image, matrix = frame.to_ndarray(format="rgb24"), _display_matrix(frame)
    if _is_turned(frame):
        image, matrix = image.swapaxes(0, 1), matrix[::-1]
    steps = np.where(np.diagonal(matrix) < 0, -1, 1)
    return image[:: steps[1], :: steps[0]]


class _Picture:
    """The stream of images of a file that is written: H.264 in the form that all players read."""

    def __init__(self, av, target, like=None, rate=None):
        self._av, self._target = av, target
        self.stream = target.add_stream("libx264", rate=rate or like.average_rate or 25)
        self.stream.pix_fmt, self.stream.options = "yuv420p", QUALITY
        codec = self.stream.codec_context
        if like is not None:
            codec.time_base = like.time_base
            for name in COLOURS:
                setattr(codec, name, getattr(like.codec_context, name))
            if like.codec_context.colorspace in MATRICES:
                codec.colorspace = like.codec_context.colorspace
            codec.color_range = LIMITED
        # Of itself FFmpeg converts as if all videos were BT.601, which changes the others' colours.
        matrix = MATRICES.get(codec.colorspace, BT601)
        self._as = {"format": "yuv420p", "dst_colorspace": matrix, "dst_color_range": LIMITED}
        self._convert = av.video.reformatter.VideoReformatter().reformat
        self.sized = False

    def set_pixels(self, ratio, turned):
        """Takes over the ratio of a pixel's sides, which is not 1 in some cameras' videos."""
        if ratio:
            self.stream.codec_context.sample_aspect_ratio = 1 / ratio if turned else ratio

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
        self._target.mux(self.stream.encode(self._convert(frame, **self._as)))

    def end(self):
        self._target.mux(self.stream.encode())


class _Sound:
    """The stream of sound: copied bit for bit where players read it, else converted to AAC."""

    def __init__(self, av, target, sound):
        self._av, self._target = av, target
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
        try:
            frames = packet.decode()
        except self._av.FFmpegError:  # damaged
            return
        for frame in frames:
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
