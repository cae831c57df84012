"""Walks folders and reads files, never outside the folder that was named. It does not know what is in them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rag.errors import ReadError, SourceError
from rag.sources.records import FoundFile, Walk, storable

# Kinds that hold no text of their own: passed over in a folder, and counted. Everything else is tried.
_NOT_DOCUMENTS = frozenset(
    """.png .jpg .jpeg .gif .bmp .tif .tiff .webp .ico .svg .heic .psd .mp3 .wav .ogg .flac .m4a .mp4 .mov .avi .mkv .webm
    .zip .tar .gz .bz2 .xz .7z .rar .jar .exe .dll .so .dylib .o .a .class .pyc .pyo .wasm .bin .iso .dmg .ttf .otf .woff
    .woff2 .sqlite .sqlite3 .db .onnx .npy .npz .pkl .pt .safetensors .lock .css .map""".split()
)


IGNORE = ".ragignore"
_NOT_ENTERED = {"__pycache__", "node_modules"}


def walk(root: Path, index: Path, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> Walk:
    """Lists the files below a folder, by name. Hidden ones and links that lead out of it are passed over.

    Args:
        root: The folder. A file `.ragignore` in it names what is left out, as `.gitignore` does for git.
        index: The index's own folder, which is passed over too: it may lie inside.
        include: Patterns of what is taken in, as in `.gitignore`; everything if there are none.
        exclude: Patterns of what is left out.

    Raises:
        SourceError: The folder is not there or cannot be read.
    """
    try:
        with os.scandir(root):
            pass
    except FileNotFoundError:
        raise SourceError(f"no folder {str(root)!r}", "check the path; nothing was removed from the index") from None
    except NotADirectoryError:
        raise SourceError(f"{str(root)!r} is a file, not a folder", "`rag add` takes a single file") from None
    except OSError as error:
        raise SourceError(
            f"{str(root)!r} cannot be read ({error.strerror})", "check its permissions; nothing was removed from the index"
        ) from error
    found: list[FoundFile] = []
    ignored = 0
    inside = os.path.realpath(root)
    unread: list[str] = []
    left_out: list[str] = []
    is_left_out = _rules(root, include, exclude)
    for entry in _entries(root, os.path.realpath(index), unread):
        source = Path(entry.path).relative_to(root).as_posix()
        if is_left_out(source):
            left_out.append(storable(source))
            continue
        kept = _look(entry, source, inside)
        if kept is None:
            ignored += 1
        else:
            found.append(kept)
    unread = [Path(folder).relative_to(root).as_posix() for folder in unread]
    return Walk(tuple(sorted(found, key=lambda f: f.source)), ignored + len(left_out), tuple(unread), frozenset(left_out))


def _rules(root: Path, include: Sequence[str], exclude: Sequence[str]) -> Callable[[str], bool]:
    """Whether a file is left out, by its path below the folder."""
    lines = list(exclude)
    try:
        lines += (root / IGNORE).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        pass
    except OSError as error:  # going on without it would take in what somebody wanted out
        raise SourceError(
            f"{IGNORE} in {str(root)!r} cannot be read ({error.strerror})", "check its permissions, or remove it"
        ) from error
    if not lines and not include:
        return lambda _: False
    from pathspec import GitIgnoreSpec

    try:
        out = GitIgnoreSpec.from_lines(lines)
        wanted = GitIgnoreSpec.from_lines(include) if include else None
    except ValueError as error:
        raise SourceError(f"a pattern cannot be understood ({error})", f"look at {IGNORE}, include and exclude") from error
    return lambda source: out.match_file(source) or (wanted is not None and not wanted.match_file(source))


def _entries(folder: Path, index: str, unread: list[str]) -> Iterator[os.DirEntry[str]]:
    """Every file below a folder; linked folders are not entered: no loops. Adds what it cannot enter to `unread`."""
    folders = [os.fspath(folder)]
    while folders:
        current = folders.pop()
        try:
            with os.scandir(current) as entries:
                listed = list(entries)
        except OSError:
            unread.append(current)
            continue
        for entry in listed:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in _NOT_ENTERED and os.path.realpath(entry.path) != index:
                    folders.append(entry.path)
            else:
                yield entry


def _look(entry: os.DirEntry[str], source: str, inside: str) -> FoundFile | None:
    source = storable(source)
    if Path(source).suffix.lower() in _NOT_DOCUMENTS:
        return None
    try:
        if entry.is_symlink() and not os.path.realpath(entry.path).startswith(inside + os.sep):
            return None
        status = entry.stat()
    except OSError as error:  # a link to nothing, or to itself
        return None if entry.is_symlink() else FoundFile(source, Path(entry.path), 0, 0, 0, str(error.strerror))
    if not stat.S_ISREG(status.st_mode):
        return None
    return FoundFile(source, Path(entry.path), status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def is_url(name: str) -> bool:
    """Whether somebody names a web page rather than a file."""
    return name[:8].lower().startswith(("http://", "https://"))


def look_at(path: Path, source: str) -> FoundFile:
    """A single file that was named.

    Raises:
        SourceError: There is none, or it is no regular file.
    """
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/", source)
    if scheme:
        raise SourceError(f"{scheme.group(1)} addresses are not fetched", "http and https are; a file is named by its path")
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{str(path)!r} cannot be read ({reason})", "check the path") from None
    if not stat.S_ISREG(status.st_mode):
        raise SourceError(f"{str(path)!r} is neither a file nor a folder", "name a file or a folder")
    return FoundFile(source, path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_bytes(found: FoundFile, most_mb: int) -> bytes:
    """A file's bytes.

    Raises:
        ReadError: It cannot be read, or is larger than allowed.
    """
    if found.problem:
        raise ReadError(found.problem)
    if found.size > most_mb * 1_000_000:
        raise ReadError(
            f"it has {found.size / 1e6:.0f} MB, more than the {most_mb} allowed", "raise max_file_mb, or split the file"
        )
    try:
        return found.path.read_bytes()
    except PermissionError:
        raise ReadError("no permission to read it", "check the file's permissions") from None
    except OSError as error:
        raise ReadError(f"it cannot be read ({error.strerror})", "check the file") from error
