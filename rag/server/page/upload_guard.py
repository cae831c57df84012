"""Rejects requests that refer to files that were not uploaded to this page.

A program can send any path or web address in place of an uploaded file. Gradio 6.31 does not restrict the paths if the page
is mounted on another server, as it is here, and it fetches anything that looks like a web address.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from rag.server.page.session_memory import FrugalBlocks

if TYPE_CHECKING:
    from gradio.blocks import BlockFunction
    from gradio.state_holder import SessionState


class GuardedBlocks(FrugalBlocks):
    """A page whose events accept only files in its uploads folder.

    Args:
        uploads: The uploads folder.
        options: Options for `FrugalBlocks`.
    """

    def __init__(self, uploads: Path, **options: Any) -> None:
        super().__init__(**options)
        self._uploads = uploads.resolve()

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], state: SessionState | None, explicit_call: bool = False
    ) -> list[Any]:
        """Checks an event's inputs before Gradio processes them.

        Raises:
            gradio.Error: An input refers to a file outside the uploads folder.
        """
        for path in file_paths(inputs):
            if not is_within(path, self._uploads):
                raise gr.Error("Only files that were uploaded to this page can be added.", print_exception=False)
        return list(await super().preprocess_data(block_fn, inputs, state, explicit_call))


def file_paths(value: object) -> Iterator[object]:
    """Finds all objects in a value that Gradio might treat as files, and yields their paths.

    Example:
        >>> list(file_paths([{"path": "/x", "meta": {"_type": "gradio.FileData"}}, {"path": "no file"}]))
        ['/x']
    """
    remaining = [value]
    while remaining:
        one = remaining.pop()
        if isinstance(one, dict):
            if "path" in one and "meta" in one:
                yield one["path"]
            remaining += one.values()
        elif isinstance(one, list | tuple):
            remaining += one


def is_within(path: object, folder: Path) -> bool:
    """Returns whether a path is absolute and lies inside a folder after symbolic links have been resolved."""
    try:
        return isinstance(path, str) and Path(path).is_absolute() and folder in Path(path).resolve().parents
    except (OSError, ValueError):
        return False
