"""Reports when something in a folder changes. Only this module imports watchfiles."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import watchfiles

# When saving, editors write, rename and touch a file in quick succession. This must count as one change.
_STEP_MS, _DEBOUNCE_MS = 200, 1_600
_CHECK_MS = 1_000  # interval for checking that the path still leads to the folder that is being watched
_AT_LEAST_S = 30.0  # maximum seconds between checks, because network drives do not report changes


def folder_changes(folder: Path, stop: threading.Event) -> Iterator[None]:
    """Yields at the start, then whenever something in a folder changes, and at least every 30 s.

    Yields once more as soon as the watch is established, because changes that were made during the caller's first sync
    are not reported. If the folder is deleted and created again, that counts as a change.

    Args:
        folder: The folder to watch, including its subfolders.
        stop: When this event is set, the watch ends within a second.
    """
    yield
    last = time.monotonic()
    while not stop.is_set():
        watched = _identity(folder)
        if watched is None:
            stop.wait(_CHECK_MS / 1000)
            if _identity(folder) is not None:
                yield
            continue
        is_new = True
        for changes in watchfiles.watch(
            folder,
            watch_filter=None,
            step=_STEP_MS,
            debounce=_DEBOUNCE_MS,
            rust_timeout=_CHECK_MS,
            stop_event=stop,
            yield_on_timeout=True,
            ignore_permission_denied=True,
        ):
            was_replaced = _identity(folder) != watched
            if changes or was_replaced or is_new or time.monotonic() - last > _AT_LEAST_S:
                yield
                last, is_new = time.monotonic(), False
            if was_replaced:  # a folder that replaces the watched one needs a new watch
                break


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_dev, status.st_ino
