"""What a generation of Chroma was when it was last closed, to the byte: one that differs is not opened again.

Chroma's folder has no checksums, is written in place, and cannot be repaired from itself; damage shows as a crash, a hang
or missing vectors. All that is in it can be had again from the catalog, so a generation is trusted whole or thrown away.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path


class Seal:
    """The seal of one generation: a file beside its folder, there while nobody has it open.

    Args:
        folder: The generation's.
        version: Of Chroma, whose folders another version may not read.
    """

    def __init__(self, folder: Path, version: str) -> None:
        self._folder = folder
        self._version = version
        self._path = folder.with_name(f"{folder.name}.seal.json")

    def broken(self) -> str | None:
        """Breaks the seal: returns the position that was sealed ("" for a new generation); None if it does not fit."""
        if not self._folder.exists():
            self._path.unlink(missing_ok=True)
            return ""
        try:
            sealed = json.loads(self._path.read_text(encoding="utf-8"))
            fits = sealed["version"] == self._version and sealed["files"] == _files(self._folder)
            position = sealed["position"] if fits else None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        self._path.unlink()
        return position if isinstance(position, str) else None

    def write(self, position: str) -> None:
        """Seals the folder as it is. Unsynced: after a power cut the seal fits what is on disk, or it does not."""
        sealed = {"version": self._version, "position": position, "files": _files(self._folder)}
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps(sealed), encoding="utf-8")
        os.replace(beside, self._path)


def remove_all_but(folder: Path, name: str) -> None:
    """Removes every generation below a folder, with its seal, but one."""
    if folder.is_dir():
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink() and entry.name != name:
                shutil.rmtree(entry, ignore_errors=True)
            elif not entry.is_dir() and entry.name != f"{name}.seal.json":
                entry.unlink(missing_ok=True)


def _files(folder: Path) -> dict[str, list[int | str]]:
    """Relative path → [bytes, SHA-256] of every file below."""
    found: dict[str, list[int | str]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[path.relative_to(folder).as_posix()] = [path.stat().st_size, digest]
    return found
