"""Converts a complete (X)HTML page, including menus, to Markdown-like text. Used for book chapters, email and web pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile

from lxml import etree, html

from rag.errors import ReadError
from rag.sources.decoding.raised import footnote_mark, raised
from rag.sources.decoding.tables import table_lines
from rag.sources.decoding.text import decode
from rag.sources.decoding.word_numbering import formatted
from rag.sources.decoding.zipped_xml import check_complete, local_name

_DECLARED = re.compile(rb"(?:charset|encoding)\s*=", re.IGNORECASE)
_HEAD_BYTES = 2048  # bytes at the start of a page that are searched for its declared encoding
_MAX_SPAN = 100  # maximum number of columns or rows that a cell may span
_BLOCKS = frozenset(
    """address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer
    form header hr html main nav p pre section summary table td th tr ul ol li title h1 h2 h3 h4 h5 h6""".split()
)
_SKIPPED = frozenset("script style head noscript template svg math object iframe".split())
_NUMBER_KINDS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_HEADING = re.compile(r"h([1-6])$")
_FOLDED = "### "  # before a question, or before what a reader opens to see the text below it
_QUESTION_ENDS = ("?", "？", "؟")
_LONGEST_TERM = 80  # code points of a term that is written on the same line as its definition


def html_tree(data: bytes | str) -> etree._Element:
    """Parses a page. Its encoding is UTF-8 if the bytes are valid UTF-8; otherwise, it is the declared encoding or a guess.

    Raises:
        ReadError: The page has no elements.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "replace")
    elif not _is_utf8(data) and not _DECLARED.search(data[:_HEAD_BYTES]):
        data = decode(data).encode()
    try:
        encoding = "utf-8" if _is_utf8(data) else None
        parser = html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, encoding=encoding, huge_tree=True)
        root = html.document_fromstring(data, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise ReadError("the web page cannot be parsed", "open it in a browser and save it again") from error
    check_complete(parser)
    _write_raised(root)
    return root


def _write_raised(root: etree._Element) -> None:
    """Replaces raised text by superscript characters, and marks of footnotes by marks in brackets, in place."""
    for element in root.xpath("//sup[not(ancestor::sup)]"):
        text, link = "".join(element.itertext()), next(element.iter("a"), None)
        is_mark = link is not None and str(link.get("href", "")).startswith("#")
        element[:] = []
        element.text = footnote_mark(text) if is_mark else raised(text)


def _is_utf8(data: bytes) -> bool:
    if b"\0" in data[:_HEAD_BYTES]:  # UTF-16 without a byte order mark
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def text_of(root: etree._Element, without: Sequence[str] = ()) -> str:
    """Returns an element's text. Blank lines separate blocks, `#` marks headings, and each table row is one line.

    Args:
        root: The element.
        without: Names of elements to skip.
    """
    return "\n\n".join(block.strip("\n ") for block in _TextBlocks(without).blocks(root) if block.strip())


class _TextBlocks:
    """Collects blocks of text from a tree without recursion, because elements may be nested 2,000 levels deep."""

    def __init__(self, without: Sequence[str]) -> None:
        self._passed_over = _SKIPPED.union(without)
        self._inline: list[str] = []  # the current block's pieces of text
        self._prefix = ""  # the current block's heading marks or bullet
        self._pre_depth = 0  # number of <pre> elements around the current element
        self._numbers: dict[etree._Element, int] = {}  # the next number of each numbered list
        self._term = ""  # the term whose definition follows

    def blocks(self, root: etree._Element) -> Iterator[str]:
        """Yields the blocks of text in a tree, in document order. Some may be empty."""
        skipped: etree._Element | None = None
        for event, element in etree.iterwalk(root, events=("start", "end")):
            if skipped is not None:
                if event == "end" and element is skipped:
                    skipped = None
                    self._inline.append(element.tail or "")
                continue
            name = local_name(element).lower()
            is_table = event == "start" and name == "table" and not _is_layout(element)
            if is_table or (event == "start" and name in self._passed_over):
                skipped = element
                if is_table:
                    yield self._flushed()
                    yield self._pending_term()
                    yield "\n".join(_table(element))
            elif event == "start":
                yield self._opened(name, element)
            else:
                yield self._closed(name, element, element is root)
        yield self._flushed()
        yield self._term

    def _opened(self, name: str, element: etree._Element) -> str:
        before = self._flushed() if name in _BLOCKS else ""
        if self._term and (name == "dt" or _HEADING.match(name)):  # two terms have the same definition, or it has none
            before = self._pending_term()
        if name in _BLOCKS:
            heading = _HEADING.match(name)
            mark = f"{self._item_mark(element)} " if name == "li" else self._prefix
            self._prefix = f"{'#' * int(heading.group(1))} " if heading else _FOLDED if name == "summary" else mark
        self._pre_depth += name == "pre"
        self._inline.append(("\x0b" if name == "br" else "") + (element.text or ""))
        return before

    def _item_mark(self, item: etree._Element) -> str:
        """Returns the number of an item in a numbered list, such as "3."; "-" for an item of another list."""
        parent = item.getparent()
        if parent is None or local_name(parent).lower() != "ol":
            return "-"
        number = _whole_number(item, "value", self._numbers.get(parent, _whole_number(parent, "start", 1)))
        self._numbers[parent] = number + 1
        return f"{formatted(number, _NUMBER_KINDS.get(str(parent.get('type', '')), 'decimal'))}."

    def _closed(self, name: str, element: etree._Element, is_root: bool) -> str:
        before = self._flushed() if name in _BLOCKS else ""
        if name == "dt" and before:
            before = self._after_term(before)
        elif name == "dl" and self._term:
            before = self._pending_term()
        if name in _BLOCKS:
            self._prefix = ""
        self._pre_depth -= name == "pre"
        self._inline.append("" if is_root else element.tail or "")
        return before

    def _flushed(self) -> str:
        raw = "".join(self._inline)
        self._inline.clear()
        text = (
            raw.strip("\n") if self._pre_depth else "\n".join(" ".join(line.split()) for line in raw.split("\x0b")).strip()
        )
        if not text:
            return ""
        prefix, self._prefix = self._prefix, ""
        term = self._pending_term()
        return prefix + (f"{term.rstrip(': ')}: {text}" if term else text)

    def _pending_term(self) -> str:
        term, self._term = self._term, ""
        return term

    def _after_term(self, term: str) -> str:
        """Keeps a short term until its definition follows. A question becomes a heading above its answer."""
        if term.endswith(_QUESTION_ENDS):
            return term if term.startswith("#") else _FOLDED + term
        if len(term) > _LONGEST_TERM or "\n" in term or term.endswith("."):
            return term
        self._term = term
        return ""


def simplify_tables(root: etree._Element) -> None:
    """Simplifies tables, in place, if their cells span several rows or their column names take up several rows.

    A cell that spans several rows is repeated in each of them. Column names above one another are joined, as in
    "Sales 2023". Layout tables are left unchanged.
    """
    for table in list(root.iter("table")):
        if _is_layout(table):
            continue
        rows = list(table.iter("tr"))
        heads = len(list(takewhile(_is_head, rows)))
        spans = any(_span(cell, "rowspan") > 1 for row in rows for cell in row)
        if heads < 2 and not spans:
            continue
        grid = _grid(rows, heads)
        width = max(map(len, grid), default=0)
        # A row is a title if one cell extends across the whole table.
        titles = [n for n, cells in enumerate(grid[:heads]) if len(set(cells)) == 1 and width > 1]
        naming = [cells for n, cells in enumerate(grid[:heads]) if n not in titles]
        names = [
            " ".join(dict.fromkeys(cells[column] for cells in naming if column < len(cells) and cells[column]))
            for column in range(width)
        ]
        made = [[grid[n][0]] for n in titles] + ([names] if naming else []) + grid[heads:]
        for row in rows[len(made) :]:
            row.getparent().remove(row)
        for n, (row, cells) in enumerate(zip(rows, made, strict=False)):
            row.clear()
            for cell in cells:
                etree.SubElement(row, "th" if n == len(titles) and naming else "td").text = cell


def _is_layout(table: etree._Element) -> bool:
    """Whether a table only lays out the page, because it contains other tables."""
    return next(table.iterdescendants("{*}table"), None) is not None


def _grid(rows: Sequence[etree._Element], heads: int) -> list[list[str]]:
    """Returns the table as rows of cells.

    A cell that spans several rows is repeated in each of them. A cell that spans several columns is repeated in each of
    them if it is in one of the first `heads` rows; otherwise, it is followed by empty cells.
    """
    grid: list[list[str]] = []
    reaching: dict[int, tuple[int, str]] = {}  # for each column: how many more rows its cell spans, and the cell's text
    for n, row in enumerate(rows):
        cells: list[str] = []
        for cell in _cells(row):
            _reach(cells, reaching)
            text, wide, high = _flat(cell), _span(cell, "colspan"), _span(cell, "rowspan")
            for beside in range(wide):
                content = text if beside == 0 or n < heads else ""
                if high > 1:
                    reaching[len(cells)] = (high - 1, content)
                cells.append(content)
        _reach(cells, reaching)
        grid.append(cells)
    return grid


def _reach(cells: list[str], reaching: dict[int, tuple[int, str]]) -> None:
    """Appends to a row those cells of earlier rows that extend into its next columns."""
    while (found := reaching.pop(len(cells), None)) is not None:
        more, text = found
        if more > 1:
            reaching[len(cells)] = (more - 1, text)
        cells.append(text)


def _table(table: etree._Element) -> list[str]:
    rows = [row for row in table.iter() if local_name(row).lower() == "tr"]
    cells = [
        [cell for found in _cells(row) for cell in (_flat(found), *[""] * (_span(found, "colspan") - 1))] for row in rows
    ]
    titles = len(list(takewhile(lambda row: len(row) == 1, cells)))  # number of rows at the top that contain only a title
    named = titles < len(rows) and _is_head(rows[titles])
    return [line for line in (*table_lines(cells[:titles]), *table_lines(cells[titles:], named=named)) if line]


def _cells(row: etree._Element) -> list[etree._Element]:
    return [cell for cell in row if local_name(cell).lower() in ("td", "th")]


def _is_head(row: etree._Element) -> bool:
    """Whether a row contains column names: it is in the table's head, or all its cells are header cells."""
    cells = _cells(row)
    parent = row.getparent()
    is_in_head = parent is not None and local_name(parent).lower() == "thead"
    return len(cells) > 0 and (is_in_head or all(local_name(cell).lower() == "th" for cell in cells))


def _whole_number(element: etree._Element, name: str, default: int) -> int:
    value = str(element.get(name, ""))
    return int(value) if value.isascii() and value.isdigit() and len(value) < 7 else default


def _span(cell: etree._Element, name: str) -> int:
    value = str(cell.get(name, "1"))
    return min(int(value), _MAX_SPAN) if value.isascii() and value.isdigit() and value != "0" else 1


def _flat(cell: etree._Element) -> str:
    return " ".join(" ".join(cell.itertext()).split())
