"""Parses OpenDocument texts and presentations (ODT, ODP). Each slide becomes a page."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from decimal import Context, InvalidOperation

from lxml import etree

from rag.errors import ReadError
from rag.records import Document
from rag.sources.decoding.number_formats import ShownCell
from rag.sources.decoding.pages import join_pages
from rag.sources.decoding.tables import MAX_NAME, table_lines
from rag.sources.decoding.text import canonical, find_date, name_as_title
from rag.sources.decoding.zipped_xml import XmlPackage, attribute, children, first_element, local_name, text_content
from rag.text.blocks.cells import quantity

_SKIPPED = frozenset({
    "tracked-changes", "forms", "sequence-decls", "settings", "alphabetical-index-source", "table-of-content-source",
})  # fmt: skip
_MAX_REPEATS = 50  # maximum repetitions of a cell or row, because applications add thousands of empty ones
_MOST_ROWS = 1 << 24  # of a sheet
_SCALES = (0, 3, 6, 9)  # of ten, by which a format may divide a number
_LONGEST_NUMBER, _MOST_PLACES = 40, 30
_NUMBERS = ("float", "percentage", "currency")
_LONGEST_HEADING, _BOLD_LEVEL = 90, 4
_BREAKS = {"tab": "\t", "line-break": "\n"}


def parse(data: bytes, name: str) -> Document:
    """Parses ODT and ODP files.

    Raises:
        ReadError: The file is damaged, is password-protected, or is a zip bomb.
    """
    package = XmlPackage(data)
    manifest = package.find("META-INF/manifest.xml")
    if first_element(manifest, "encryption-data") is not None:
        raise ReadError("it is password-protected", "save a copy without a password, then add the copy")
    content = package.xml("content.xml")
    body = first_element(content, "body")
    styles = package.find("styles.xml")
    slides = [page for page in body.iter() if local_name(page) == "page"] if body is not None else []
    if slides:
        parts = ["\n\n".join(filter(None, _blocks(slide))) for slide in slides]
        masters = [found for found in styles.iter() if local_name(found) == "master-page"] if styles is not None else []
        common = dict.fromkeys(block for master in masters for block in _blocks(master) if block and "<" not in block)
        # Text that is repeated on every slide is kept only once, at the end of the last slide.
        parts[-1] = "\n\n".join(block for block in (parts[-1], *common) if block)
        text, anchors = join_pages(parts, "slide")
        media_type = "application/vnd.oasis.opendocument.presentation"
    else:
        if body is not None:
            _promote_bold_lines(content, body)
        blocks = [block for block in _blocks(body) if block] if body is not None else []
        edges = (
            [found for found in styles.iter() if local_name(found) in ("header", "footer")] if styles is not None else []
        )
        running = dict.fromkeys(block for edge in edges for block in _blocks(edge) if len(block.split()) > 2)
        text, anchors = canonical("\n\n".join([*blocks, *(block for block in running if block not in blocks)])), ()
        media_type = "application/vnd.oasis.opendocument.text"
    meta = package.find("meta.xml")
    title = text_content(first_element(first_element(meta, "meta"), "title"))
    author = text_content(first_element(meta, "initial-creator")) or text_content(first_element(meta, "creator"))
    created = text_content(first_element(meta, "creation-date"))[:10]
    heading = next((line.lstrip("# ") for line in text.split("\n") if line.startswith("# ")), "")
    return Document(
        text,
        title=canonical(title or heading) or name_as_title(name),
        author=canonical(author),
        date=find_date(text[:3000]) or created,
        anchors=anchors,
        media_type=media_type,
    )


def _promote_bold_lines(content: etree._Element, body: etree._Element) -> None:
    """Turns short bold paragraphs into headings, if the document has other headings, and text follows them.

    Many people write headings below the first one in bold instead of using a style for them.
    """
    bold = {
        attribute(style, "name")
        for style in content.iter()
        if local_name(style) == "style"
        and any(attribute(one, "font-weight") == "bold" for one in children(style, "text-properties"))
    }
    if not bold or first_element(body, "h") is None:
        return
    found = [one for one in body.iter() if local_name(one) == "p" and _is_bold_line(one, bold)]
    for paragraph in found:
        following = paragraph.getnext()
        if following is not None and following not in found and text_content(following):
            paragraph.tag = f"{paragraph.tag[: -len('p')]}h"
            paragraph.set(f"{paragraph.tag[: -len('h')]}outline-level", str(_BOLD_LEVEL))


def _is_bold_line(paragraph: etree._Element, bold: Collection[str]) -> bool:
    """Whether all words of a short paragraph outside of lists and tables are bold, and they end without a full stop."""
    words = text_content(paragraph).strip()
    if not any(map(str.isalpha, words)) or len(words) > _LONGEST_HEADING or words.endswith((".", ":", ";", ",")):
        return False
    above = paragraph.getparent()
    if above is None or local_name(above) not in ("text", "section"):
        return False
    is_bold = attribute(paragraph, "style-name") in bold
    plain = [paragraph.text or "", *(one.tail or "" for one in paragraph)] if not is_bold else []
    plain += [text_content(one) for one in paragraph if not is_bold and attribute(one, "style-name") not in bold]
    return not any(map(str.isalpha, "".join(plain)))


def _blocks(element: etree._Element, item: str = "") -> Iterator[str]:
    """Yields paragraphs and tables in document order."""
    for child in element:
        kind = local_name(child)
        if kind in ("p", "h"):
            text = "".join(_runs(child)).strip()
            level = attribute(child, "outline-level") if kind == "h" else ""
            if text and kind == "h":
                text = f"{'#' * min(6, int(level) if level.isdigit() and int(level) else 1)} {' '.join(text.split())}"
            yield f"{item}{text}" if text else ""
            item = " " * len(item)
            for box in _boxes(child):
                yield from _blocks(box)
        elif kind == "list-item":
            yield from _blocks(child, "- ")
        elif kind == "table":
            yield "\n".join(line for line in table_lines(list(_rows(child))) if line)
        elif kind in ("title", "desc"):  # a picture's description
            yield f"[{text_content(child)}]" if text_content(child) else ""
        elif kind == "notes":  # a slide's speaker notes
            notes = [block for block in _blocks(child) if block]
            yield "\n".join([f"Notes: {notes[0]}", *notes[1:]]) if notes else ""
        elif kind not in _SKIPPED:
            yield from _blocks(child, item)


def _runs(element: etree._Element) -> Iterator[str]:
    """Yields the pieces of a paragraph's text. Notes and comments are in brackets at the places where they are anchored."""
    yield element.text or ""
    for child in element:
        kind = local_name(child)
        if kind == "s":
            count = attribute(child, "c")
            yield " " * min(int(count) if count.isdigit() else 1, 100)
        elif kind in _BREAKS:
            yield _BREAKS[kind]
        elif kind == "note":
            yield f" [{text_content(first_element(child, 'note-body'))}]"
        elif kind == "annotation":
            comment = " ".join(text_content(one) for one in children(child, "p"))
            yield f" [Comment by {text_content(first_element(child, 'creator'))}: {comment}]" if comment else ""
        elif kind not in ("frame", "g", "custom-shape", "text-box", *_SKIPPED):
            yield from _runs(child)
        yield child.tail or ""


def _boxes(paragraph: etree._Element) -> Iterator[etree._Element]:
    """Yields the outermost frames and shapes that are anchored in a paragraph."""
    for child in paragraph:
        if local_name(child) in ("frame", "custom-shape", "g"):
            yield child
        else:
            yield from _boxes(child)


def _rows(table: etree._Element) -> Iterator[list[str]]:
    """Yields a table's rows of cells. A cell that spans several rows is repeated in each of them if it is short."""
    spanning: dict[int, tuple[int, str]] = {}  # column → number of rows below that the cell above spans, and its text
    for row in _table_rows(table):
        cells: list[str] = []
        for cell in children(row, "table-cell", "covered-table-cell"):
            column = len(cells)
            text = " ".join(block.lstrip("#- ") for block in _blocks(cell) if block)
            left, above = spanning.pop(column, (0, ""))
            if left and local_name(cell) == "covered-table-cell":
                text = text or above
                spanning[column] = (left - 1, above)
            elif (spanned := _count(cell, "number-rows-spanned")) > 1 and len(text) <= MAX_NAME:
                spanning[column] = (spanned - 1, text)
            cells += [text] * min(_count(cell, "number-columns-repeated"), _MAX_REPEATS)
        while cells and not cells[-1]:
            cells.pop()
        for _ in range(min(_count(row, "number-rows-repeated"), _MAX_REPEATS) if cells else 1):
            yield cells


def tables(content: etree._Element) -> Iterator[etree._Element]:
    """Yields the tables of a document."""
    return (found for found in content.iter() if local_name(found) == "table")


def shown_cells(table: etree._Element, values: Sequence[Sequence[object]]) -> Iterator[ShownCell]:
    """Yields the cells of a sheet whose numbers have a format, and those that a cell above them spans.

    Args:
        table: The sheet.
        values: The values of all its cells.
    """
    at = 0
    for row in _table_rows(table):
        column, repeats = 0, _count(row, "number-rows-repeated")
        for cell in children(row, "table-cell", "covered-table-cell"):
            wide = _count(cell, "number-columns-repeated")
            spanned = _count(cell, "number-rows-spanned")
            is_number = attribute(cell, "value-type") in _NUMBERS
            text = " ".join(text_content(one) for one in children(cell, "p")) if is_number or spanned > 1 else ""
            if text and len(text) <= MAX_NAME:
                exact = _exact(attribute(cell, "value"), attribute(cell, "value-type"), text) if is_number else ""
                rows = range(at, min(at + min(max(repeats, spanned), _MAX_REPEATS), len(values)))
                for n in rows:
                    if is_number or n > at:
                        yield from (ShownCell(n, column + k, text, exact) for k in range(min(wide, _MAX_REPEATS)))
            column += wide
        at += repeats


def _exact(value: str, kind: str, shown: str) -> str:
    """Returns a cell's exact number in the unit in which it is shown, if the one that is shown is rounded; otherwise empty.

    Example:
        >>> _exact("0.12543", "percentage", "12,5 %"), _exact("1204.5", "float", "1.204,50"), _exact("5e6", "float", "5.0m")
        ('12.543', '', '')
    """
    read = [found.number for comma in (False, True) if (found := quantity(shown, decimal_comma=comma))]
    try:
        exact = Context(prec=15).create_decimal(value[:_LONGEST_NUMBER])
    except InvalidOperation:
        return ""
    if not read or not exact.is_finite() or not -_MOST_PLACES < exact.adjusted() < _MOST_PLACES:
        return ""
    units = [exact.scaleb(2)] if kind == "percentage" else [exact.scaleb(-places) for places in _SCALES]
    nearest, number = min(((abs(unit - one), unit) for unit in units for one in read), key=lambda pair: pair[0])
    return "" if nearest == 0 or nearest > abs(number) / 2 else format(number.normalize(), "f")


def _table_rows(table: etree._Element) -> Iterator[etree._Element]:
    return (row for row in table.iter() if local_name(row) == "table-row" and _table_of(row) is table)


def _table_of(row: etree._Element) -> etree._Element | None:
    return next((above for above in row.iterancestors() if local_name(above) == "table"), None)


def _count(element: etree._Element, name: str) -> int:
    count = attribute(element, name)
    return min(int(count), _MOST_ROWS) if count.isascii() and count.isdigit() and len(count) < 10 else 1
