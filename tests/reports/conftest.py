"""The place of the page."""

import pytest


@pytest.fixture
def out(tmp_path):
    return tmp_path / "page" / "report.html"
