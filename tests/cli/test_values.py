"""Values of flags: sizes, colours, names and intervals."""

import pytest

from kgan.cli.values import parse_interval, parse_names, parse_palette, parse_size


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_size, "32", (32, 32)),
        (parse_size, "64x128", (64, 128)),
        (parse_size, "8", (8, 8)),
        (parse_size, "1024x8", (1024, 8)),
        (parse_palette, "000000,0a10FF", ((0, 0, 0), (10, 16, 255))),
        (parse_names, "7,cat, big dog", ("7", "cat", "big dog")),
        (parse_interval, "500", (500, "steps")),
        (parse_interval, "3step", (3, "steps")),
        (parse_interval, "20steps", (20, "steps")),
        (parse_interval, "1epoch", (1, "epochs")),
        (parse_interval, "0.5epochs", (0.5, "epochs")),
        (parse_interval, "5min", (300, "seconds")),
        (parse_interval, "1.5min", (90, "seconds")),
        (parse_interval, "45s", (45, "seconds")),
    ],
)
def test_text_is_parsed(parse, text, value):
    assert parse("some_flag", text) == value
