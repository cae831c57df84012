"""Files that a visitor dropped, and no others: a program may send any path or address in place of one.

Gradio looks where a file lies only if it was launched, not if it is mounted (6.31), and fetches what looks like an address.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

if TYPE_CHECKING:
    from gradio.blocks import BlockFunction
    from gradio.state_holder import SessionState


class OwnFiles(gr.Blocks):  # type: ignore[misc]  # gradio has no types
    """A page whose events take files of its uploads folder only.

    Args:
        uploads: That folder.
        settings: Of `gr.Blocks`.
    """

    def __init__(self, uploads: Path, **settings: Any) -> None:
        super().__init__(**settings)
        self._uploads = uploads.resolve()

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], state: SessionState | None, explicit_call: bool = False
    ) -> list[Any]:
        """What an event was sent, before Gradio does anything with it.

        Raises:
            gradio.Error: It names a file that was not dropped here.
        """
        for path in named_files(inputs):
            if not is_within(path, self._uploads):
                raise gr.Error("only files that were dropped here can be taken in", print_exception=False)
        return list(await super().preprocess_data(block_fn, inputs, state, explicit_call))


def named_files(sent: object) -> Iterator[object]:
    """The path of everything that Gradio may take for a file.

    Example:
        >>> list(named_files([{"path": "/x", "meta": {"_type": "gradio.FileData"}}, {"path": "no file"}]))
        ['/x']
    """
    waiting = [sent]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "path" in one and "meta" in one:
                yield one["path"]
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one


def is_within(path: object, folder: Path) -> bool:
    """Whether a path, its links followed, leads to something inside a folder."""
    try:
        return isinstance(path, str) and Path(path).is_absolute() and folder in Path(path).resolve().parents
    except (OSError, ValueError):
        return False
