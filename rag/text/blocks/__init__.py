"""Recognises the parts of a text, such as headings, lists and tables, and which of them belong together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from rag.records import Block
from rag.text.blocks.columns import is_ruling
from rag.text.blocks.grouping import grouped
from rag.text.blocks.leaves import leaves
from rag.text.blocks.messages import quotations

__all__ = ["CONTAINERS", "quotations", "recognised", "rows"]

CONTAINERS = ("message", "exchange", "list")  # kinds of blocks whose words are in the blocks that they contain
_MOST_BLOCKS = 400_000  # of one document; a table is one block


def recognised(text: str, *, markdown: bool) -> Iterator[Block]:
    r"""Yields the blocks of a text, recognised by its layout, in order; a block precedes those that it contains.

    Args:
        text: The canonical text.
        markdown: Whether the text is Markdown.

    Example:
        >>> [block.kind for block in recognised("# Bees\n\nThey need:\n\n- water\n- pollen", markdown=True)]
        ['heading', 'list', 'lead-in', 'item', 'item']
    """
    yield from islice(grouped(text, leaves(text, markdown)), _MOST_BLOCKS)


def rows(text: str, table: Block) -> Iterator[tuple[int, int, bool]]:
    """Yields (start, end, whether it is in the header) of each row of a table; lines that only separate rows are left out.

    Args:
        text: The text that contains the table.
        table: A block of the kind "table".
    """
    start = table.start
    for n, line in enumerate(text[table.start : table.end].split("\n")):
        words = line.strip()
        if words and not is_ruling(words):
            at = start + line.index(words)
            yield at, at + len(words), n < table.level
        start += len(line) + 1
