"""Decoding of one image: formats, sizes, channels, and damaged files."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from kgan.data import decode, file_kinds, shaping
from kgan.data.preparation import Preparation
from kgan.utils.errors import UserError

RNG = np.random.default_rng(7)
COLOUR = RNG.integers(0, 256, (24, 36, 3), np.uint8)
SMOOTH = np.stack(np.meshgrid(np.arange(48) * 5, np.arange(40) * 6, [90]), -1)[:, :, 0].astype("u1")


def encode(array, kind, **options):
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def read(data, size=None, channels=3, **options):
    return shaping.read_image(data, "some.file", Preparation(size, channels, **options))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("PPM", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
def test_lossless_colour_comes_back_exactly(kind, options):
    found = read(encode(COLOUR, kind, **options))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, COLOUR)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_colour_comes_back_nearly(kind):
    found = read(encode(SMOOTH, kind, quality=95))
    assert found.shape == SMOOTH.shape
    assert np.abs(found.astype(int) - SMOOTH).mean() < 3


def test_gif_gives_its_first_frame():
    frames = [Image.new("P", (6, 4)) for _ in range(2)]
    for frame, colour in zip(frames, [(10, 20, 30), (200, 100, 0)], strict=True):
        frame.putpalette([*colour, *([0] * 765)])
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read(data), np.full((4, 6, 3), (10, 20, 30)))


def palette_image(numbers, *colours):
    image = Image.fromarray(np.array(numbers, np.uint8)).convert("P")
    image.putpalette(sum(colours, ()))
    return image


RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
WIDE = np.array([[1, 256], [40000, 65535]], np.uint16)
# What is saved, how, with how many channels it is read, and what is expected.
CONVERSIONS = {
    "palette": (palette_image([[0, 1, 2]], RED, GREEN, BLUE), {}, 3, [[RED, GREEN, BLUE]]),
    "one bit": (np.array([[True, False]]), {}, 1, [[[255], [0]]]),
    "grey repeated": (np.uint8([[0, 77]]), {}, 3, [[[0] * 3, [77] * 3]]),
    # 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2
    "luminance": (np.uint8([[[200, 100, 50]]]), {}, 1, [[[124]]]),
    # Cyan ink alone absorbs red; no ink is white, also in a JPEG.
    "CMYK": (Image.new("CMYK", (1, 1), (255, 0, 0, 0)), {"kind": "TIFF"}, 3, [[[0, 255, 255]]]),
    "CMYK JPEG": (Image.new("CMYK", (1, 1)), {"kind": "JPEG"}, 3, [[WHITE]]),
    "big-endian 16 bits": (
        Image.frombytes("I;16B", (2, 2), WIDE.astype(">u2").tobytes()),
        {"kind": "TIFF"},
        1,
        WIDE[..., None],
    ),
    "16 bits, opaque": (np.full((1, 1), 300, np.uint16), {}, 4, [[[300, 300, 300, 65535]]]),
    # 128/255 of red over white: green and blue are 255 * (1 - 128 / 255) = 127.
    "alpha over white": (
        np.uint8([[[255, 0, 0, 128], [9, 9, 9, 0], [1, 2, 3, 255]]]),
        {},
        3,
        [[[255, 127, 127], WHITE, [1, 2, 3]]],
    ),
    "grey with alpha": (np.uint8([[[0, 0], [40, 255]]]), {}, 1, [[[255], [40]]]),
    "transparent palette entry": (
        palette_image([[0, 1]], RED, GREEN),
        {"transparency": 0},
        3,
        [[WHITE, GREEN]],
    ),
    "transparent colour": (
        np.uint8([[[10, 20, 30], [40, 50, 60]]]),
        {"transparency": (10, 20, 30)},
        3,
        [[WHITE, [40, 50, 60]]],
    ),
    "alpha kept": (
        np.uint8([[[255, 0, 0, 128], [9, 9, 9, 0]]]),
        {},
        4,
        [[[255, 0, 0, 128], [9, 9, 9, 0]]],
    ),
    "opaque alpha": (np.uint8([[RED]]), {}, 4, [[[255, 0, 0, 255]]]),
}


@pytest.mark.parametrize("case", CONVERSIONS)
def test_pixels_are_converted_to_the_channels(case):
    image, options, channels, expected = CONVERSIONS[case]
    found = read(encode(image, **{"kind": "PNG"} | options), channels=channels)
    assert found.dtype == (np.uint16 if "16 bits" in case else np.uint8)
    tolerance = 1 if case in ("alpha over white", "CMYK JPEG") else 0
    np.testing.assert_allclose(found.astype(int), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_more_than_256_levels(kind):
    levels = (np.arange(64 * 64).reshape(64, 64) * 16).astype(np.uint16)
    found = read(encode(levels, kind), channels=1)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[..., 0], levels)
    half = read(encode(levels, kind), (32, 32), 1)
    assert half.dtype == np.uint16
    assert len(np.unique(half)) == 32 * 32
    # In the middle, where no border is near, a ramp's mean over 2 x 2 pixels.
    mean = levels.reshape(32, 2, 32, 2).mean((1, 3))[8:24, 8:24]
    assert np.abs(half[8:24, 8:24, 0] - mean).max() <= 1


# What a corner marked in the upright image looks like when saved under each orientation.
SAVED_AS = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, 1),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: np.rot90(p, -1),
}


@pytest.mark.parametrize("orientation", SAVED_AS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(orientation, kind):
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :16] = 250
    upright[16:, 32:, 0] = 120
    exif = Image.Exif()
    exif[0x0112] = orientation
    saved = np.ascontiguousarray(SAVED_AS[orientation](upright))
    data = encode(saved, kind, exif=exif, **({} if kind == "TIFF" else {"quality": 95}))
    found = read(data)
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).mean() < 8
    assert decode.image_size(data, "some.file") == (32, 48)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow comments on what it skips
def test_damaged_exif_does_not_spoil_the_image():
    data = encode(SMOOTH, "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")
    assert read(data).shape == SMOOTH.shape


def test_fine_checkerboard_shrinks_to_mid_grey():
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    for size in [(16, 16), (17, 23)]:
        found = read(encode(board, "PNG"), size, 1)
        assert found.shape == (*size, 1)
        assert np.abs(found.astype(int) - 127).max() <= 4


def test_hidden_colour_does_not_bleed_out_of_transparent_pixels():
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[:, 16:] = 0, 0, 255, 255
    pixels[:, :16] = 255, 0, 0, 0
    found = read(encode(pixels, "PNG"), (5, 5), 4)
    assert found[..., 0].max() == 0


def test_nearest_keeps_label_colours():
    colours = np.array([[128, 0, 0], [0, 128, 0], [60, 40, 222]], np.uint8)
    labels = colours[RNG.integers(0, 3, (30, 41))]
    found = read(encode(labels, "PNG"), (16, 16), nearest=True)
    assert {tuple(c) for c in found.reshape(-1, 3)} <= {tuple(c) for c in colours}
    mixed = read(encode(labels, "PNG"), (16, 16))
    assert len(np.unique(mixed.reshape(-1, 3), axis=0)) > 3


def test_resize_stretches_to_the_size():
    wide = np.zeros((20, 80, 1), np.uint8)
    wide[:, 40:] = 255
    found = read(encode(wide[..., 0], "PNG"), (20, 20), 1)
    assert found[:, :8].max() < 10
    assert found[:, 12:].min() > 245


def test_crop_keeps_the_shape_of_things():
    # A disc of diameter 40 in the middle of 60 x 120, brought to 30 x 30, has diameter 20.
    y, x = np.mgrid[:60, :120]
    disc = ((np.hypot(y - 29.5, x - 59.5) < 20) * 255).astype(np.uint8)
    found = read(encode(disc, "PNG"), (30, 30), 1, fit="crop")[..., 0] > 127
    assert found.any(1).sum() == 20
    assert found.any(0).sum() == 20
    # Stretched, the disc is half as wide as it is high.
    squeezed = read(encode(disc, "PNG"), (30, 30), 1)[..., 0] > 127
    assert (squeezed.any(1).sum(), squeezed.any(0).sum()) == (20, 10)


@pytest.mark.parametrize("width", [36, 37])
def test_crop_at_full_height_cuts_whole_pixels(width):
    image = RNG.integers(0, 256, (24, width, 3), np.uint8)
    found = read(encode(image, "PNG"), (24, 24), fit="crop")
    np.testing.assert_array_equal(found, image[:, 6:30])


def test_image_of_the_right_size_is_left_alone(monkeypatch):
    monkeypatch.setattr(Image.Image, "resize", None)
    for fit in ("resize", "crop"):
        np.testing.assert_array_equal(read(encode(COLOUR, "PNG"), (24, 36), fit=fit), COLOUR)


@pytest.mark.parametrize(("width", "decoded"), [(800, 200), (802, 401), (801, 801)])
def test_large_jpeg_is_the_same_decoded_at_a_part_of_its_size(width, decoded):
    y, x = np.mgrid[:600, :width]
    waves = 127 + 60 * np.sin(x / 40) + 60 * np.sin(y / 25)
    data = encode(waves.astype(np.uint8), "JPEG", quality=95)
    found = read(data, (50, 64), 1)
    whole = shaping.shape_image(decode.decode(data, ""), "", Preparation((50, 64), 1))
    assert np.abs(found.astype(int) - whole).max() <= 2
    assert decode.decode(data, "", 128).width == decoded


def test_only_antialiased_images_are_decoded_small_and_not_below_twice_the_size(monkeypatch):
    asked = []
    original = decode.decode
    monkeypatch.setattr(
        decode, "decode", lambda *args, **how: asked.append(args[2]) or original(*args[:2])
    )
    for size, nearest in [((50, 64), False), ((50, 64), True), (None, False)]:
        read(encode(COLOUR, "JPEG"), size, nearest=nearest)
    assert asked == [128, None, None]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_cut_off_image_ends_in_one_line(kind):
    data = encode(RNG.integers(0, 256, (64, 64, 3), np.uint8), kind)
    for share in (0.1, 0.5, 0.9):
        with pytest.raises(UserError) as caught:
            read(data[: int(len(data) * share)])
        assert str(caught.value).startswith("some.file: ")
        assert "; right would be" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "0x" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "the file is empty; right would be"),
        (b"hello, this is no image at all", "not an image that can be read; right would"),
        # One of Pillow's other formats, which are not tried under an image's name.
        (encode(COLOUR, "PCX"), "not an image that can be read; right would"),
        (encode(np.array([[0, 70000]], np.int32), "TIFF"), "grey values from 0 to 70000; right wo"),
        (encode(np.ones((2, 2), np.float32), "TIFF"), "floating point pixels have no standard"),
    ],
    ids=["empty", "text", "PCX", "more than 16 bits", "floating point"],
)
def test_what_is_no_usable_image_is_named(data, expected):
    with pytest.raises(UserError, match=f"^some.file: {expected}"):
        read(data, channels=1)


def test_line_break_in_a_name_stays_in_one_line():
    with pytest.raises(UserError, match=r"^two\\nlines.png: the file is empty"):
        shaping.read_image(b"", "two\nlines.png", Preparation())


def huge_png(width, height):
    def chunk(kind, body):
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"0"))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("unguarded", [False, True])
def test_oversized_image_is_refused_by_its_header(unguarded, monkeypatch):
    if unguarded:  # by a program that switched Pillow's own guard off
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    for ask in (read, lambda data: decode.image_size(data, "some.file")):
        with pytest.raises(UserError, match=r"^some.file: its header announces more than 179 mill"):
            ask(huge_png(20_000, 10_000))


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow comments on what it skips
def test_random_damage_never_ends_in_a_traceback():
    for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"):
        exif = {} if kind in ("GIF", "BMP") else {"exif": _some_exif()}
        whole = np.frombuffer(encode(SMOOTH, kind, **exif), np.uint8)
        for _ in range(60):
            data = whole.copy()
            at = RNG.integers(0, len(data), 5)
            data[at] = RNG.integers(0, 256, 5)
            try:
                found = read(data.tobytes(), (8, 8))
            except UserError as error:
                assert "\n" not in str(error)
            else:
                assert found.shape == (8, 8, 3)


def _some_exif():
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a description"
    return exif


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.jpg", True), ("b/C.PNG", True), ("x.tiff", True), ("a.txt", False), ("jpg", False)],
)
def test_images_are_known_by_suffix(name, expected):
    assert file_kinds.is_image(name) == expected


def test_images_are_grey_by_what_they_show():
    grey, colour = Image.new("L", (3, 3), 9), Image.new("RGB", (3, 3), (1, 2, 3))
    grey_rgb = Image.new("RGB", (3, 3), (7, 7, 7))
    assert shaping.is_grey(grey, "a.png") and shaping.is_grey(grey_rgb, "a.png")
    assert not shaping.is_grey(colour, "a.png")
    assert shaping.is_grey(Image.fromarray(np.zeros((2, 2), np.uint16)), "a.png")


def test_wrong_arguments_are_named():
    data = encode(COLOUR, "PNG")
    with pytest.raises(ValueError, match=r"`channels` must be 1, 3 or 4. Received: channels=2"):
        read(data, channels=2)
    with pytest.raises(ValueError, match=r"`fit` must be .* Received: fit='squash'"):
        read(data, fit="squash")
