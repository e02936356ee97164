"""Names of outputs: equal on no system, close to those of the inputs."""

import unicodedata

import pytest

from kgan.generation.names import output_names


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.jpg", "b/a.gif"], ["a.png", "b/a.png"]),
        (["large.v2.png", "noend"], ["large.v2.png", "noend.png"]),
        (["a.jpg", "a.png"], ["a.jpg.png", "a.png.png"]),
        # The name of the third is what the first gets.
        (["a.jpg", "a.png", "a.jpg.gif"], ["a.jpg.png", "a.png.png", "a.jpg-2.png"]),
        (["a.PNG", "a.png"], ["a.PNG.png", "a.png-2.png"]),
        (["A.jpg", "a.png", "A.png"], ["A.jpg.png", "a.png.png", "A.png-2.png"]),
        # A file and a folder of one name.
        (["a.jpg", "a.png/b.jpg"], ["a-2.png", "a.png/b.png"]),
        (["STRASSE.jpg", "straße.jpg"], ["STRASSE.jpg.png", "straße.jpg-2.png"]),
    ],
)
def test_names_stay_as_they_are_as_far_as_they_differ(names, expected):
    found = output_names(names, ".png")
    assert len({name.casefold() for name in found}) == len(found)
    assert found == expected


def test_forms_of_unicode_count_as_equal():
    both = [unicodedata.normalize(form, "café.jpg") for form in ("NFC", "NFD")]
    found = {unicodedata.normalize("NFC", name) for name in output_names(both, ".png")}
    assert len(found) == 2


def test_long_names_are_shortened_and_stay_different():
    long = ["x" * 240 + "1.jpg", "x" * 240 + "2.jpg", "é" * 120 + ".png"]
    found = output_names([f"folder/{name}" for name in long], ".png")
    assert len(set(found)) == 3
    assert all(len(name.encode()) < 210 and name.startswith("folder/") for name in found)
