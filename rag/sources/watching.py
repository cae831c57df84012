"""Says when something in a folder changed. The home of watchfiles."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import watchfiles

_STEP_MS, _DEBOUNCE_MS = 200, 1_600  # editors write beside, rename, and touch: what comes close together is one change
_LOOK_MS = 1_000  # whether the folder is still the one that is watched
_AT_LEAST_S = 30.0  # network disks tell nobody: a look now and then costs little


def changes(folder: Path, ended: threading.Event) -> Iterator[None]:
    """Yields once at the beginning, then whenever something in a folder changed, and now and then all the same.

    The folder may go away and come back: that is a change, too.

    Args:
        folder: What is watched, with all below it.
        ended: Ends the watching once it is set, within a second.
    """
    yield
    last = time.monotonic()
    while not ended.is_set():
        watched = _identity(folder)
        if watched is None:
            ended.wait(_LOOK_MS / 1000)
            if _identity(folder) is not None:
                yield
            continue
        for found in watchfiles.watch(
            folder, watch_filter=None, step=_STEP_MS, debounce=_DEBOUNCE_MS, rust_timeout=_LOOK_MS, stop_event=ended,
            yield_on_timeout=True, ignore_permission_denied=True,
        ):  # fmt: skip
            is_other = _identity(folder) != watched
            if found or is_other or time.monotonic() - last > _AT_LEAST_S:
                yield
                last = time.monotonic()
            if is_other:  # another folder under the same name is watched anew
                break


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_dev, status.st_ino
