"""A working folder in which to run commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ..conftest import ARTICLE


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A working folder with the article and a rag.toml."""
    (tmp_path / "seeds").mkdir()
    shutil.copy(ARTICLE, tmp_path / "seeds")
    (tmp_path / "rag.toml").write_text('documents = "seeds"\n', "utf-8")
    return tmp_path
