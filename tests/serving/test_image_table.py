"""docs/images.md holds what reading and writing give."""

from tools import command
from tools.image_table import page


def test_page_holds_what_the_files_give():
    text = (command.DOCS / "images.md").read_text()
    written = text.partition(command.BEGIN)[2].partition(command.END)[0]
    assert written.strip() == page().strip()
