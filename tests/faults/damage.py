"""Files of every kind, and hypothesis strategies that damage their bytes."""

import functools
import io
import struct
import zlib

import numpy as np
from hypothesis import strategies as st
from PIL import Image

NUMBERS = (0, 1, 2, 255, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
SIDES = (0, 1, 2, 7, 300, 20_000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF)


@functools.cache
def images() -> dict[str, bytes]:
    """Returns whole images by a name with the suffix of their kind."""
    rng = np.random.default_rng(3)
    colour = Image.fromarray(rng.integers(0, 256, (9, 14, 3), np.uint8))
    grey = colour.convert("L")
    alpha = Image.fromarray(rng.integers(0, 256, (9, 14, 4), np.uint8))
    wide = Image.fromarray(rng.integers(0, 65536, (9, 14), np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 6
    more = {"save_all": True, "append_images": [colour.rotate(90), colour.rotate(180)]}
    kinds = {
        "colour.png": (colour, {}),
        "alpha.png": (alpha, {}),
        "wide.png": (wide, {}),
        "palette.png": (colour.convert("P"), {"transparency": 3}),
        "turned.png": (grey, {"exif": exif}),
        "bits.png": (colour.convert("1"), {}),
        "animated.png": (colour, more),
        "colour.jpg": (colour, {"exif": exif}),
        "progressive.jpg": (colour, {"progressive": True}),
        "cmyk.jpg": (colour.convert("CMYK"), {}),
        "grey.gif": (grey, {}),
        "animated.gif": (colour, more),
        "colour.bmp": (colour, {}),
        "palette.bmp": (colour.convert("P"), {}),
        "colour.webp": (colour, {}),
        "lossless.webp": (alpha, {"lossless": True}),
        "animated.webp": (colour, more),
        "colour.tif": (colour, {}),
        "packed.tif": (colour, {"compression": "tiff_lzw"}),
        "wide.tif": (wide, {}),
        "colour.ppm": (colour, {}),
        "grey.pgm": (grey, {}),
        "pixel.png": (colour.resize((1, 1)), {}),
    }
    written = {}
    for name, (image, options) in kinds.items():
        file = io.BytesIO()
        suffix = name.rpartition(".")[2]
        image.save(
            file, {"jpg": "JPEG", "tif": "TIFF", "pgm": "PPM"}.get(suffix, suffix), **options
        )
        written[name] = file.getvalue()
    return written


def png(width: int, height: int, depth: int, kind: int, pixels: bytes) -> bytes:
    """Returns a PNG with any header and correct check sums."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b""))
    )


def with_right_checks(data: bytes) -> bytes:
    """Corrects the check sums of a PNG, so that damaged bytes are read."""
    if not data.startswith(b"\x89PNG"):
        return data
    mended, at = bytearray(data), 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        mended[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(mended)


# Where headers stand, near the ends, as often as anywhere.
_PLACES = st.one_of(st.integers(0, 63), st.integers(-63, -1), st.integers(0, 2**16))
_STEPS = st.one_of(
    st.tuples(st.just("flip"), _PLACES, st.integers(1, 255)),
    st.tuples(st.just("cut"), _PLACES, st.just(0)),
    st.tuples(st.just("put"), _PLACES, st.binary(max_size=12)),
    st.tuples(st.just("over"), _PLACES, st.binary(min_size=1, max_size=12)),
    st.tuples(st.just("drop"), _PLACES, st.integers(1, 40)),
    st.tuples(st.just("again"), _PLACES, st.integers(1, 60)),
    st.tuples(st.just("big"), _PLACES, st.sampled_from([struct.pack(">I", n) for n in NUMBERS])),
    st.tuples(
        st.just("small"), _PLACES, st.sampled_from([struct.pack("<H", n & 0xFFFF) for n in NUMBERS])
    ),
)


def _step(data: bytes, what: str, place: int, detail) -> bytes:
    at = place % len(data) if data else 0
    if what == "flip":
        return data[:at] + bytes([data[at] ^ detail]) + data[at + 1 :] if data else data
    if what == "cut":
        return data[:at]
    if what == "put":
        return data[:at] + detail + data[at:]
    if what == "drop":
        return data[:at] + data[at + detail :]
    if what == "again":
        return data[: at + detail] + data[at:]
    return data[:at] + detail + data[at + len(detail) :]


@st.composite
def damaged(draw, whole: st.SearchStrategy[bytes]) -> bytes:
    """Damages bytes at up to five places."""
    data = draw(whole)
    for step in draw(st.lists(_STEPS, max_size=5)):
        data = _step(data, *step)
    return with_right_checks(data) if draw(st.booleans()) else data


def whole_images() -> st.SearchStrategy[bytes]:
    """Samples a whole image."""
    return st.sampled_from(sorted(images().values()))


def damaged_images() -> st.SearchStrategy[bytes]:
    """Samples damaged images, images with absurd sizes in the header, and other bytes."""
    sides = st.sampled_from(SIDES)
    announced = st.builds(
        png,
        sides,
        sides,
        st.sampled_from([1, 8, 16, 3]),
        st.sampled_from([0, 2, 3, 4, 6, 5]),
        st.sampled_from([b"", bytes(100), bytes(100_000)]),
    )
    return st.one_of(
        damaged(whole_images()),
        damaged(st.tuples(whole_images(), whole_images()).map(b"".join)),
        announced,
        st.binary(max_size=40),
    )
