"""(X)HTML into Markdown-like text, whole: nothing is taken for a menu. For chapters, letters and stubborn pages. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lxml import etree, html

from rag.errors import ReadError
from rag.read.archive import local
from rag.read.tables import lines

_DEEPEST = 250  # elements inside each other: beyond it is no page that somebody wrote
_BLOCKS = frozenset(
    """address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer
    form header hr html main nav p pre section summary ul ol li title h1 h2 h3 h4 h5 h6""".split()
)
_PASSED_OVER = frozenset("script style head noscript template svg math object iframe".split())
_HEADING = re.compile(r"h([1-6])$")


def parsed(data: bytes | str) -> etree._Element:
    """A page's tree.

    Raises:
        ReadError: There is none in it.
    """
    try:
        parser = html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True)
        root = html.document_fromstring(data, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise ReadError("the page cannot be parsed", "save it again from a browser") from error
    return root


def text_of(root: etree._Element, without: Sequence[str] = ()) -> str:
    """All text below an element: blocks apart, headings marked with `#`, tables a row a line.

    Args:
        root: The element.
        without: Names of elements that are passed over.
    """
    return "\n\n".join(block.strip("\n ") for block in _Walk(without).blocks(root) if block.strip())


class _Walk:
    """One walk over a tree, without recursion: pages can be nested as deep as somebody likes."""

    def __init__(self, without: Sequence[str]) -> None:
        self._passed_over = _PASSED_OVER.union(without)
        self._inline: list[str] = []  # of the block at hand
        self._prefix = ""  # what the block begins with
        self._fixed = 0  # how many <pre> it is in
        self._depth = 0

    def blocks(self, root: etree._Element) -> Iterator[str]:
        """The blocks of a tree, in order; some are empty."""
        skipped: etree._Element | None = None
        for event, element in etree.iterwalk(root, events=("start", "end")):
            if skipped is not None:
                if event == "end" and element is skipped:
                    skipped = None
                    self._inline.append(element.tail or "")
                continue
            name = local(element).lower()
            if event == "start" and (name in self._passed_over or name == "table" or self._depth >= _DEEPEST):
                skipped = element
                if name == "table":
                    yield self._flushed()
                    yield "\n".join(line for line in lines(_rows(element)) if line)
            elif event == "start":
                yield self._opened(name, element)
            else:
                yield self._closed(name, element, element is root)
        yield self._flushed()

    def _opened(self, name: str, element: etree._Element) -> str:
        self._depth += 1
        before = self._flushed() if name in _BLOCKS else ""
        if name in _BLOCKS:
            heading = _HEADING.match(name)
            self._prefix = f"{'#' * int(heading.group(1))} " if heading else "- " if name == "li" else self._prefix
        self._fixed += name == "pre"
        self._inline.append(("\x0b" if name == "br" else "") + (element.text or ""))
        return before

    def _closed(self, name: str, element: etree._Element, is_root: bool) -> str:
        self._depth -= 1
        before = self._flushed() if name in _BLOCKS else ""
        if name in _BLOCKS:
            self._prefix = ""
        self._fixed -= name == "pre"
        self._inline.append("" if is_root else element.tail or "")
        return before

    def _flushed(self) -> str:
        raw = "".join(self._inline)
        self._inline.clear()
        text = raw.strip("\n") if self._fixed else "\n".join(" ".join(line.split()) for line in raw.split("\x0b")).strip()
        if not text:
            return ""
        prefix, self._prefix = self._prefix, ""
        return prefix + text


def _rows(table: etree._Element) -> list[list[str]]:
    rows: list[list[str]] = []
    for row in table.iter():
        if local(row).lower() == "tr":
            cells: list[str] = []
            for cell in row:
                if local(cell).lower() in ("td", "th"):
                    span = str(cell.get("colspan", "1"))
                    cells += [_flat(cell), *[""] * (min(int(span), 100) - 1 if span.isdigit() else 0)]
            rows.append(cells)
    return rows


def _flat(cell: etree._Element) -> str:
    return " ".join(" ".join(cell.itertext()).split())
