"""Folders listed and files read, never outside the folder that was named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rag.errors import ReadError, SourceError
from rag.sources.files import find_file, is_url, list_folder, read_bytes


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("words")
    return root


def test_files_are_listed_by_path(tmp_path: Path) -> None:
    """Hidden files, caches, the index and files without text are skipped; only the last of these count as ignored."""
    make(tmp_path, "b.txt", "a/c.md", ".hidden", ".git/x", "node_modules/x.txt", "index/x.txt", "logo.PNG")
    listing = list_folder(tmp_path, tmp_path / "index")

    assert ["a/c.md", "b.txt"] == [file.source for file in listing.files]
    assert (1, (), frozenset()) == (listing.ignored, listing.unreadable, listing.excluded)
    assert (5, tmp_path / "b.txt") == (listing.files[1].size, listing.files[1].path)


def test_links_that_lead_outside_are_skipped(tmp_path: Path) -> None:
    make(tmp_path, "outside/secret.txt", "root/a.txt")
    root = tmp_path / "root"
    (root / "in.txt").symlink_to(root / "a.txt")
    (root / "out.txt").symlink_to(tmp_path / "outside" / "secret.txt")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "nowhere.txt").symlink_to(root / "gone")
    (root / "loop.txt").symlink_to(root / "loop.txt")

    assert ["a.txt", "in.txt"] == [file.source for file in list_folder(root, tmp_path / "index").files]


def test_patterns(tmp_path: Path) -> None:
    """`.ragignore` and `exclude` take files out; `include` takes in nothing else."""
    make(tmp_path, "a.txt", "b.md", "drafts/c.md", "drafts/keep.md", "d.md")
    (tmp_path / ".ragignore").write_text("drafts/*\n!drafts/keep.md\n")
    listing = list_folder(tmp_path, tmp_path / "index", include=["*.md"], exclude=["d.md"])

    assert ["b.md", "drafts/keep.md"] == [file.source for file in listing.files]
    assert {"a.txt", "d.md", "drafts/c.md"} == listing.excluded
    assert 3 == listing.ignored


def test_a_bad_pattern_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="invalid pattern"):
        list_folder(tmp_path, tmp_path / "index", exclude=["!"])


def test_what_is_not_a_folder(tmp_path: Path) -> None:
    make(tmp_path, "a.txt")
    with pytest.raises(SourceError, match="no folder") as raised:
        list_folder(tmp_path / "gone", tmp_path / "index")
    assert "nothing was removed" in raised.value.hint
    with pytest.raises(SourceError, match="is a file, not a folder"):
        list_folder(tmp_path / "a.txt", tmp_path / "index")


def test_names_that_are_not_unicode_are_escaped(tmp_path: Path) -> None:
    make(tmp_path, "caf\udce9.txt")
    (file,) = list_folder(tmp_path, tmp_path / "index").files

    assert "caf\\udce9.txt" == file.source
    assert b"words" == read_bytes(file, 1)


def test_a_single_file(tmp_path: Path) -> None:
    make(tmp_path, "a.txt")
    file = find_file(tmp_path / "a.txt", "notes/a.txt")

    assert ("notes/a.txt", 5, "") == (file.source, file.size, file.problem)
    with pytest.raises(SourceError, match="cannot be read"):
        find_file(tmp_path / "gone", "gone")
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        find_file(Path("/dev/null"), "/dev/null")
    with pytest.raises(SourceError, match="ftp addresses are not supported"):
        find_file(Path("ftp://x"), "ftp://x")


def test_large_files_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(bytes(1_000_001))
    file = find_file(tmp_path / "a.txt", "a.txt")

    assert 1_000_001 == len(read_bytes(file, 2))
    with pytest.raises(ReadError, match="more than the 1 MB allowed") as raised:
        read_bytes(file, 1)
    assert "max_file_mb" in raised.value.hint


def test_addresses_are_told_from_paths() -> None:
    assert [True, True, False, False, False] == [
        is_url(name) for name in ("http://x", "HTTPS://x", "ftp://x", "https:/x", "httpx://x")
    ]


def test_a_file_that_grows(tmp_path: Path) -> None:
    """It is read as it is now; if it has become too large, it is refused without being read."""
    (tmp_path / "log.txt").write_bytes(b"one")
    found = find_file(tmp_path / "log.txt", "log.txt")
    (tmp_path / "log.txt").write_bytes(b"one two")
    assert b"one two" == read_bytes(found, 1)
    (tmp_path / "log.txt").write_bytes(b"x" * 1_000_001)
    with pytest.raises(ReadError, match="more than the 1 MB allowed"):
        read_bytes(found, 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_a_pipe_in_the_place_of_a_file(tmp_path: Path) -> None:
    """Nobody waits for a writer that never comes."""
    (tmp_path / "a.txt").write_bytes(b"one")
    found = find_file(tmp_path / "a.txt", "a.txt")
    (tmp_path / "a.txt").unlink()
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(ReadError, match="not a regular file"):
        read_bytes(found, 1)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="/dev/zero")
def test_a_device_in_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one")
    found = find_file(tmp_path / "a.txt", "a.txt")
    (tmp_path / "a.txt").unlink()
    (tmp_path / "a.txt").symlink_to("/dev/zero")
    with pytest.raises(ReadError, match="not a regular file"):
        read_bytes(found, 1)
