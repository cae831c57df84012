"""Seals a Chroma generation with a checksum of every file. A generation that differs from its seal is not opened again.

Chroma overwrites its files without checksums, and cannot repair damaged ones; damage shows up as a crash, a hang or missing
vectors. The catalog contains all of the data, so a generation that is not intact is deleted and rebuilt.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path


class Seal:
    """The seal of one generation: a file next to its folder, which exists only while the generation is closed.

    Args:
        folder: The generation's folder.
        version: Chroma's version. A generation sealed by another version is not opened.
    """

    def __init__(self, folder: Path, version: str) -> None:
        self._folder = folder
        self._version = version
        self._path = folder.with_name(f"{folder.name}.seal.json")

    def open(self) -> str | None:
        """Removes the seal and returns the position stored in it.

        Returns "" if the generation is new, and None if its files do not match the seal.
        """
        if not self._folder.exists():
            self._path.unlink(missing_ok=True)
            return ""
        try:
            sealed = json.loads(self._path.read_text(encoding="utf-8"))
            matches = sealed["version"] == self._version and sealed["files"] == _files(self._folder)
            position = sealed["position"] if matches else None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        self._path.unlink()
        return position if isinstance(position, str) else None

    def write(self, position: str) -> None:
        """Seals the folder. The seal is not flushed to disk; if a power failure damages it, the generation is rebuilt."""
        sealed = {"version": self._version, "position": position, "files": _files(self._folder)}
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(sealed), encoding="utf-8")
        os.replace(new, self._path)


def remove_all_but(folder: Path, name: str) -> None:
    """Deletes all generations in a folder, along with their seals, except the generation with this name."""
    if folder.is_dir():
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink() and entry.name != name:
                shutil.rmtree(entry, ignore_errors=True)
            elif not entry.is_dir() and entry.name != f"{name}.seal.json":
                entry.unlink(missing_ok=True)


def _files(folder: Path) -> dict[str, list[int | str]]:
    """Returns [size in bytes, SHA-256] of every file below a folder, by relative path."""
    found: dict[str, list[int | str]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[path.relative_to(folder).as_posix()] = [path.stat().st_size, digest]
    return found
