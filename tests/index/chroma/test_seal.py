"""The seal of a generation: it is opened only as it was closed, to the byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rag.index.chroma.seal import Seal, remove_all_but


@pytest.fixture
def generation(tmp_path: Path) -> Path:
    folder = tmp_path / "1"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"abc")
    (folder / "sub" / "b.bin").write_bytes(b"def")
    Seal(folder, "1.5").write("v:7")
    return folder


def test_a_sealed_generation_is_opened_once(generation: Path) -> None:
    """Opening removes the seal: after a crash there is none."""
    assert "v:7" == Seal(generation, "1.5").open()
    assert Seal(generation, "1.5").open() is None


def test_a_new_generation_has_no_position(tmp_path: Path) -> None:
    """A seal without its folder is removed."""
    (tmp_path / "1.seal.json").write_text("{}")

    assert "" == Seal(tmp_path / "1", "1.5").open()
    assert not (tmp_path / "1.seal.json").exists()


def test_another_version_does_not_open_it(generation: Path) -> None:
    assert Seal(generation, "1.6").open() is None


HARM: dict[str, Callable[[Path], object]] = {
    "changed": lambda folder: (folder / "a.bin").write_bytes(b"abd"),
    "cut": lambda folder: (folder / "a.bin").write_bytes(b"ab"),
    "missing": lambda folder: (folder / "sub" / "b.bin").unlink(),
    "added": lambda folder: (folder / "c").touch(),
    "moved": lambda folder: (folder / "a.bin").rename(folder / "sub" / "a.bin"),
    "no seal": lambda folder: folder.with_name("1.seal.json").unlink(),
    "broken seal": lambda folder: folder.with_name("1.seal.json").write_text("{"),
    "empty seal": lambda folder: folder.with_name("1.seal.json").write_text("[]"),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_generation_that_differs_is_not_opened(generation: Path, harm: str) -> None:
    HARM[harm](generation)

    assert Seal(generation, "1.5").open() is None


def test_other_generations_are_deleted(tmp_path: Path, generation: Path) -> None:
    """With their seals; a link to a folder stays, and is not followed."""
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "x").touch()
    (tmp_path / "2.seal.json").touch()
    (tmp_path / "link").symlink_to(generation)
    remove_all_but(tmp_path, "1")

    assert {"1", "1.seal.json", "link"} == {path.name for path in tmp_path.iterdir()}
    assert (generation / "a.bin").exists()
