"""Events accept uploaded files only; a running page is tested with made-up paths in tests/test_escapes.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.server.page.upload_guard import file_paths, is_within


def test_every_path_is_found() -> None:
    """In nested lists and dictionaries; a dictionary without metadata is no file."""
    file = {"path": "/x", "meta": {"_type": "gradio.FileData"}}
    value = [file, {"value": [{**file, "path": "/y"}]}, ({"path": "no file"},), "text", None, {**file, "path": None}]
    assert {"/x", "/y", None} == set(file_paths(value))


def test_a_path_within_the_folder(tmp_path: Path) -> None:
    """Absolute, below the folder, not the folder itself."""
    assert is_within(str(tmp_path / "a" / "b.txt"), tmp_path)


@pytest.mark.parametrize("path", ["FOLDER", "FOLDER/../x", "b.txt", "/etc/passwd", "", "\0", None, 3, "FOLDER/link/passwd"])
def test_paths_outside_the_folder(tmp_path: Path, path: object) -> None:
    """Links are followed; what is no path is outside."""
    (tmp_path / "link").symlink_to("/etc")
    assert not is_within(path.replace("FOLDER", str(tmp_path)) if isinstance(path, str) else path, tmp_path)
