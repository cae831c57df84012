"""Lists folders and reads files. Never follows links out of a listed folder, and does not interpret the content."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rag.errors import ReadError, SourceError
from rag.sources.records import FolderListing, FoundFile, storable_name

# Extensions of files without text, which are skipped but counted. All other files in a folder are passed to a parser.
_NOT_DOCUMENTS = frozenset(
    """.png .jpg .jpeg .gif .bmp .tif .tiff .webp .ico .svg .heic .psd .mp3 .wav .ogg .flac .m4a .mp4 .mov .avi .mkv .webm
    .zip .tar .gz .bz2 .xz .7z .rar .jar .exe .dll .so .dylib .o .a .class .pyc .pyo .wasm .bin .iso .dmg .ttf .otf .woff
    .woff2 .sqlite .sqlite3 .db .onnx .npy .npz .pkl .pt .safetensors .lock .css .map""".split()
)


IGNORE = ".ragignore"
_NEVER_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # each is missing on some systems
_SKIPPED_FOLDERS = {"__pycache__", "node_modules"}


def list_folder(root: Path, index: Path, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> FolderListing:
    """Lists the files in a folder and its subfolders, sorted by path.

    Hidden files and links that lead outside the folder are skipped.

    Args:
        root: The folder. A `.ragignore` file in it may list patterns to exclude, in `.gitignore`'s syntax.
        index: The index's own folder, which is skipped if it is inside `root`.
        include: Patterns of files to include, in the same syntax; if there are none, all files are included.
        exclude: Additional patterns of files to exclude, in the same syntax.

    Raises:
        SourceError: The folder does not exist or cannot be read.
    """
    try:
        with os.scandir(root):
            pass
    except FileNotFoundError:
        raise SourceError(
            f"there is no folder {str(root)!r}", "check the path; nothing was removed from the index"
        ) from None
    except NotADirectoryError:
        raise SourceError(f"{str(root)!r} is a file, not a folder", "to add a single file, use `rag add`") from None
    except OSError as error:
        raise SourceError(
            f"{str(root)!r} cannot be read ({error.strerror})", "check its permissions; nothing was removed from the index"
        ) from error
    files: list[FoundFile] = []
    ignored = 0
    real_root = os.path.realpath(root)
    unreadable: list[str] = []
    excluded: list[str] = []
    is_excluded = _exclusion(root, include, exclude)
    for entry in _entries(root, os.path.realpath(index), unreadable):
        source = Path(entry.path).relative_to(root).as_posix()
        if is_excluded(source):
            excluded.append(storable_name(source))
            continue
        file = _as_file(entry, source, real_root)
        if file is None:
            ignored += 1
        else:
            files.append(file)
    return FolderListing(
        files=tuple(sorted(files, key=lambda file: file.source)),
        ignored=ignored + len(excluded),
        unreadable=tuple(Path(folder).relative_to(root).as_posix() for folder in unreadable),
        excluded=frozenset(excluded),
    )


def _exclusion(root: Path, include: Sequence[str], exclude: Sequence[str]) -> Callable[[str], bool]:
    """Returns a function that takes a file's path relative to the folder and returns whether the file is excluded."""
    lines = list(exclude)
    try:
        lines += (root / IGNORE).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        pass
    except OSError as error:  # without these patterns, rag would import files that the user meant to exclude
        raise SourceError(
            f"{IGNORE} in {str(root)!r} cannot be read ({error.strerror})", "check its permissions, or remove it"
        ) from error
    if not lines and not include:
        return lambda _: False
    from rag.sources.ignore_patterns import IgnorePatterns

    try:
        excluded = IgnorePatterns(lines)
        included = IgnorePatterns(include) if include else None
    except ValueError as error:
        raise SourceError(
            f"invalid pattern ({error})", f"correct it in {IGNORE} or in the setting include or exclude"
        ) from error
    return lambda source: excluded.match(source) or (included is not None and not included.match(source))


def _entries(folder: Path, index: str, unreadable: list[str]) -> Iterator[os.DirEntry[str]]:
    """Yields every file in a folder and its subfolders, and appends subfolders that cannot be listed to `unreadable`.

    Folders that are symbolic links are not entered, which avoids endless loops.
    """
    folders = [os.fspath(folder)]
    while folders:
        current = folders.pop()
        try:
            with os.scandir(current) as entries:
                listed = list(entries)
        except OSError:
            unreadable.append(current)
            continue
        for entry in listed:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in _SKIPPED_FOLDERS and os.path.realpath(entry.path) != index:
                    folders.append(entry.path)
            else:
                yield entry


def _as_file(entry: os.DirEntry[str], source: str, real_root: str) -> FoundFile | None:
    source = storable_name(source)
    if Path(source).suffix.lower() in _NOT_DOCUMENTS:
        return None
    try:
        if entry.is_symlink() and not os.path.realpath(entry.path).startswith(real_root + os.sep):
            return None
        status = entry.stat()
    except OSError as error:  # for example, a link that leads nowhere or to itself
        return None if entry.is_symlink() else FoundFile(source, Path(entry.path), 0, 0, 0, str(error.strerror))
    if not stat.S_ISREG(status.st_mode):
        return None
    return FoundFile(source, Path(entry.path), status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def is_url(name: str) -> bool:
    """Whether a name is the address of a web page rather than a file path."""
    return name[:8].lower().startswith(("http://", "https://"))


def find_file(path: Path, source: str) -> FoundFile:
    """Finds a single file that the user named.

    Raises:
        SourceError: The file does not exist or is not a regular file.
    """
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/", source)
    if scheme:
        raise SourceError(f"{scheme.group(1)} addresses are not supported", "use an http or https address, or a file path")
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{str(path)!r} cannot be read ({reason})", "check the path and its permissions") from None
    if not stat.S_ISREG(status.st_mode):
        raise SourceError(f"{str(path)!r} is neither a file nor a folder", "give the path of a file or a folder")
    return FoundFile(source, path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_bytes(found: FoundFile, max_mb: int) -> bytes:
    """Reads a file as it is now, even if it has grown or has been replaced since it was found.

    Raises:
        ReadError: The file cannot be read, is larger than `max_mb` megabytes, or is no longer a regular file.
    """
    if found.problem:
        raise ReadError(f"it cannot be read ({found.problem})", "check the file's permissions")
    limit = max_mb * 1_000_000
    try:
        # A named pipe that has taken the file's place would otherwise be waited for.
        with open(os.open(found.path, os.O_RDONLY | _NEVER_WAIT), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ReadError("it is not a regular file", "if it should be read, copy its content into a file")
            data = file.read(limit + 1) if status.st_size <= limit else b""
    except PermissionError:
        raise ReadError("no permission to read it", "check the file's permissions") from None
    except OSError as error:
        raise ReadError(
            f"it cannot be read ({error.strerror})", "check that the file is still there and can be opened"
        ) from error
    size = max(len(data), status.st_size)
    if size > limit:
        raise ReadError(
            f"its size is {size / 1e6:.0f} MB, more than the {max_mb} MB allowed",
            "increase the setting max_file_mb, or split the file",
        )
    return data
