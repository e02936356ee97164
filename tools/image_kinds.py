"""Files of every kind that is read, for docs/images.md and for the tests of reading.

Each kind is an image of few pixels, written here byte by byte where Pillow cannot write it.
"""

import dataclasses
import io
import struct
import zlib

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 31, 45
RNG = np.random.default_rng(7)
COLOUR = RNG.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
ALPHA = RNG.integers(0, 256, (HEIGHT, WIDTH, 1), np.uint8)
ALPHA[:9], ALPHA[9:15] = 0, 255
DEEP = RNG.integers(0, 65536, (HEIGHT, WIDTH, 4), np.uint16)
DEEP[:9, :, 3], DEEP[9:15, :, 3] = 0, 65535
UNIT = (DEEP / 65535).astype(np.float32)
SMOOTH = np.stack(np.meshgrid(np.arange(90) * 2, np.arange(62) * 4, [90]), -1)[:, :, 0].astype("u1")
IDS = np.kron(RNG.integers(0, 12, (8, 9)), np.ones((4, 5))).astype(np.uint8)[:HEIGHT]
IDS[3, :7] = 255
INDEX = RNG.integers(0, 4, (HEIGHT, WIDTH), np.uint8)
RGB, RGBA = Image.fromarray(COLOUR), Image.fromarray(np.concatenate([COLOUR, ALPHA], 2))
PALETTE = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (90, 90, 90)]
LOSSY = 3  # levels of 255 by which decoders of JPEG and WebP may differ


@dataclasses.dataclass(frozen=True)
class Case:
    """One file.

    Args:
        name: what the table calls it.
        suffix: of the file's name.
        data: its bytes.
        served: whether an export reads it.
        lossy: whether decoders may differ.
        depth: bits of its levels, 32 for floating point.

    Example:
        >>> Case("empty", ".png", b"").served
        True
    """

    name: str
    suffix: str
    data: bytes
    served: bool = True
    lossy: bool = False
    depth: int = 8

    @property
    def tolerance(self) -> float:
        """By how many levels of 255 a served model may read it differently from training."""
        return LOSSY if self.lossy else 0


def encoded(image, kind: str, **options) -> bytes:
    """Writes a Pillow image or an array."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(array: np.ndarray, bits: int, colour: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """Writes a PNG of any kind.

    Args:
        array: levels or indices [H, W] or [H, W, C].
        bits: of a level: 1, 2, 4, 8 or 16.
        colour: PNG's number of the kind of pixels: 0 grey, 2 RGB, 3 palette, 4 and 6 with alpha.
        *chunks: names and contents of those before the pixels.
    """
    rows = array.reshape(len(array), -1)
    if bits == 16:
        packed = rows.astype(">u2").view(np.uint8).reshape(len(rows), -1)
    elif bits == 8:
        packed = rows.astype(np.uint8)
    else:
        digits = (rows[..., np.newaxis] >> np.arange(bits - 1, -1, -1)) & 1
        packed = np.packbits(digits.reshape(len(rows), -1).astype(np.uint8), axis=1)
    pixels = zlib.compress(np.pad(packed, ((0, 0), (1, 0))).tobytes())
    header = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], bits, colour, 0, 0, 0)
    pieces = ((b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in pieces
    )


def tiff(array: np.ndarray, **options) -> bytes:
    """Writes a TIFF of a kind that Pillow cannot write."""
    import tifffile

    file = io.BytesIO()
    photometric = "rgb" if array.ndim == 3 else "minisblack"
    tifffile.imwrite(file, array, photometric=photometric, **options)
    return file.getvalue()


def small_frame(**options) -> bytes:
    """Writes a GIF whose frame is smaller than its canvas."""
    data = bytearray(encoded(RGB.quantize(16).crop((0, 0, 30, 20)), "GIF", **options))
    data[6:10] = struct.pack("<HH", WIDTH, HEIGHT)
    place = data.index(b"\x2c\0\0\0\0" + struct.pack("<HH", 30, 20))
    data[place + 1 : place + 5] = struct.pack("<HH", 9, 4)
    return bytes(data)


def turned(orientation: int) -> Image.Exif:
    """Makes EXIF data with an orientation."""
    exif = Image.Exif()
    exif[0x010E] = "a description, before the orientation in the directory"
    exif[0x0112] = orientation
    return exif


def _in_palette():
    image = Image.fromarray(INDEX)
    image.putpalette(np.uint8(PALETTE).tobytes())
    return image


def _cases():
    clear = np.where(ALPHA < 128, np.uint8([10, 20, 30]), COLOUR)
    alphas = bytes(RNG.integers(0, 256, 16, np.uint8))
    sixteen = RGB.quantize(16)
    yield "PNG, grey, 8 bits", ".png", encoded(RGB.convert("L"), "PNG")
    yield "PNG, grey, 1 bit", ".png", encoded(RGB.convert("1"), "PNG")
    yield "PNG, grey, 2 bits", ".png", png(INDEX, 2, 0)
    yield "PNG, grey, 4 bits", ".png", png(COLOUR[..., 0] >> 4, 4, 0)
    yield (
        "PNG, grey, 4 bits, a transparent level",
        ".png",
        png(COLOUR[..., 0] >> 4, 4, 0, (b"tRNS", b"\0\5")),
    )
    yield (
        "PNG, grey, 8 bits, a transparent level",
        ".png",
        png(COLOUR[..., 0] >> 4, 8, 0, (b"tRNS", b"\0\5")),
    )
    yield "PNG, grey with alpha", ".png", encoded(RGBA.convert("LA"), "PNG")
    yield "PNG, RGB", ".png", encoded(RGB, "PNG")
    yield (
        "PNG, RGB, a transparent colour",
        ".png",
        encoded(clear, "PNG", transparency=(10, 20, 30)),
    )
    yield "PNG, RGB with alpha", ".png", encoded(RGBA, "PNG")
    yield "PNG, palette, 8 bits", ".png", encoded(RGB.quantize(200), "PNG")
    yield "PNG, palette, 4 bits", ".png", encoded(_in_palette(), "PNG", bits=4)
    yield "PNG, palette with alpha", ".png", encoded(sixteen, "PNG", transparency=alphas)
    yield "PNG, turned by EXIF", ".png", encoded(RGB, "PNG", exif=turned(6))
    yield "PNG, grey, 16 bits", ".png", encoded(DEEP[..., 0], "PNG"), {"depth": 16}
    yield "PNG, RGB, 16 bits", ".png", png(DEEP[..., :3], 16, 2), {"depth": 16}
    yield "PNG, RGB with alpha, 16 bits", ".png", png(DEEP, 16, 6), {"depth": 16}
    yield "PNG, grey with alpha, 16 bits", ".png", png(DEEP[..., 2:], 16, 4), {"depth": 16}
    lossy = {"lossy": True}
    yield "JPEG", ".jpg", encoded(SMOOTH, "JPEG", quality=95), lossy
    yield "JPEG, noise", ".jpg", encoded(RGB, "JPEG", quality=80), lossy
    yield "JPEG, grey", ".jpg", encoded(Image.fromarray(SMOOTH).convert("L"), "JPEG"), lossy
    yield "JPEG, progressive", ".jpg", encoded(SMOOTH, "JPEG", progressive=True), lossy
    yield "JPEG, CMYK", ".jpg", encoded(Image.fromarray(SMOOTH).convert("CMYK"), "JPEG"), lossy
    yield "JPEG, turned by EXIF", ".jpg", encoded(SMOOTH, "JPEG", exif=turned(8)), lossy
    yield "JPEG, large", ".jpg", encoded(np.kron(SMOOTH, np.ones((4, 4, 1), "u1")), "JPEG"), lossy
    yield "GIF", ".gif", encoded(RGB.quantize(64), "GIF")
    yield "GIF, transparent", ".gif", encoded(sixteen, "GIF", transparency=3)
    several = {"save_all": True, "append_images": [RGB.quantize(8)], "comment": b"some"}
    yield "GIF, animated (first frame)", ".gif", encoded(sixteen, "GIF", **several)
    yield "GIF, frame smaller than the canvas", ".gif", small_frame()
    yield "GIF, transparent, frame smaller", ".gif", small_frame(transparency=3)
    yield "BMP, RGB", ".bmp", encoded(RGB, "BMP")
    yield "BMP, grey", ".bmp", encoded(RGB.convert("L"), "BMP")
    yield "BMP, palette", ".bmp", encoded(RGB.quantize(100), "BMP")
    yield "BMP, 32 bits", ".bmp", encoded(RGBA, "BMP")
    unserved = {"served": False}
    yield "BMP, 1 bit", ".bmp", encoded(RGB.convert("1"), "BMP"), unserved
    yield "WebP, lossless, with alpha", ".webp", encoded(RGBA, "WEBP", lossless=True, exact=True)
    yield "WebP", ".webp", encoded(SMOOTH, "WEBP", quality=90), lossy
    yield "TIFF, RGB", ".tif", encoded(RGB, "TIFF"), unserved
    yield "TIFF, LZW", ".tiff", encoded(RGB, "TIFF", compression="tiff_lzw"), unserved
    yield "TIFF, RGB with alpha", ".tif", encoded(RGBA, "TIFF"), unserved
    deep = {"served": False, "depth": 16}
    yield "TIFF, grey, 16 bits", ".tif", encoded(DEEP[..., 0], "TIFF"), deep
    yield "TIFF, RGB, 16 bits", ".tif", tiff(DEEP[..., :3]), deep
    floating = {"served": False, "depth": 32}
    yield "TIFF, grey, 32-bit float", ".tif", encoded(UNIT[..., 0], "TIFF"), floating
    yield "TIFF, grey, 64-bit float", ".tif", tiff(UNIT[..., 0].astype("f8")), floating
    yield "TIFF, RGB, 32-bit float", ".tif", tiff(UNIT[..., :3]), floating
    yield "PPM", ".ppm", encoded(RGB, "PPM"), unserved
    yield "PGM", ".pgm", encoded(RGB.convert("L"), "PPM"), unserved
    yield "AVIF", ".avif", encoded(SMOOTH, "AVIF"), {"served": False, "lossy": True}
    yield "JPEG 2000", ".jp2", encoded(RGB, "JPEG2000"), unserved


CASES = tuple(
    Case(name, suffix, data, **(more[0] if more else {})) for name, suffix, data, *more in _cases()
)
# Label maps whose levels, or indices of a palette, are the numbers of 12 classes.
ID_CASES = tuple(
    Case(*case)
    for case in (
        ("PNG, grey, 8 bits", ".png", encoded(IDS, "PNG")),
        ("PNG, grey, 16 bits", ".png", encoded(IDS.astype(np.uint16), "PNG")),
        ("PNG, grey, 4 bits", ".png", png(IDS % 12, 4, 0)),
        ("PNG, grey, 2 bits", ".png", png(IDS % 4, 2, 0)),
        ("PNG, grey, 1 bit", ".png", png(IDS % 2, 1, 0)),
        ("PNG, grey with alpha", ".png", encoded(Image.fromarray(IDS).convert("LA"), "PNG")),
        ("PNG, RGB", ".png", encoded(Image.fromarray(IDS).convert("RGB"), "PNG")),
        (
            "PNG, palette, 8 bits",
            ".png",
            png(IDS, 8, 3, (b"PLTE", COLOUR.tobytes()[:768])),
        ),
        (
            "PNG, palette with alpha",
            ".png",
            png(IDS, 8, 3, (b"PLTE", COLOUR.tobytes()[:768]), (b"tRNS", bytes(range(250)))),
        ),
        ("PNG, palette, 4 bits", ".png", png(IDS % 12, 4, 3, (b"PLTE", bytes(48)))),
        ("PNG, turned by EXIF", ".png", encoded(IDS, "PNG", exif=turned(6))),
        ("BMP, grey", ".bmp", encoded(IDS, "BMP")),
        ("TIFF, grey", ".tif", encoded(IDS, "TIFF"), False),
        ("PGM", ".pgm", encoded(IDS, "PPM"), False),
    )
)
