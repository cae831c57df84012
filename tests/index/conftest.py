"""What tests of the index share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.index.catalog import Catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """An empty catalog."""
    opened = Catalog.open(tmp_path / "index")
    yield opened
    opened.close()
