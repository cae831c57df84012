"""The page over an article and a small document, and a visitor of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...browsing import visiting
from ...conftest import ARTICLE


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working folder of the server, with two documents."""
    room = tmp_path_factory.mktemp("page")
    (room / "seeds").mkdir()
    shutil.copy(ARTICLE, room / "seeds")
    (room / "seeds" / "weekly.md").write_text("---\nauthor: Otter Weekly\n---\nThe holt is by the river.\n", "utf-8")
    return room


@pytest.fixture
def page(browser, address: str) -> Iterator:
    """A new visitor, whose page requests no other host and logs no error."""
    with visiting(browser, address, viewport={"width": 1440, "height": 900}, accept_downloads=True) as visited:
        yield visited
