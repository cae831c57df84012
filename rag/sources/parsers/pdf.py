"""Parses PDF files: extracts each page's text in reading order, and locates each line on its page.

This is the only module that imports pypdfium2. pdfium returns a page's text in the order in which it was drawn, which is
usually the reading order. This module corrects columns that were drawn line by line across the page, letters that were
drawn one by one, ligatures, hyphens at line ends, and headers and footers that interrupt a sentence. Every step keeps
track of each character's original position, so that a citation can be highlighted on the page. If text recognition (OCR)
is on, the text on scanned pages is recognised (see `rag.sources.decoding.ocr`).
"""

from __future__ import annotations

import ctypes
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from itertools import islice, pairwise
from statistics import median

import pypdfium2
import pypdfium2.raw as pdfium

from rag.errors import ReadError
from rag.records import Anchor, Document
from rag.sources.decoding import ocr
from rag.sources.decoding.page_lines import (
    ACROSS_LEAST,
    ACROSS_SHARE,
    HYPHENS,
    Box,
    Character,
    Grid,
    Line,
    beside,
    cleaned,
    grid,
    has_shifted,
    in_column_order,
    is_prose,
    join_shifted,
    join_spaced_letters,
    joined_pages,
    shifted,
    union,
    with_endings,
    with_gaps,
    with_headers,
    with_paragraphs,
    without_running_lines,
)
from rag.sources.decoding.page_numbers import printed_numbers
from rag.sources.decoding.raised import with_raised
from rag.sources.decoding.text import canonical, find_date, name_as_title
from rag.sources.parsers.attachments import base_name, with_attachments
from rag.sources.records import ParsedFile

_NO_BOX: Box = (0.0, 0.0, 0.0, 0.0)
_MAX_PAGES = 20_000
_LEAST_GAP, _PROSE_GAP = 1.2, 2.0  # line heights between the cells of a row, or between two columns; and within prose
_MAX_RECOGNISED = 2_000  # maximum number of pages per file, because recognising a page takes seconds
_MAX_ATTACHMENTS = 100
_LONGEST_LABEL = 20  # code points
_PDF_DATE = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?")
_OCR_PIXELS, _OCR_SCALE = 2_000, 4.0  # for OCR: maximum number of pixels on a page's longer side, and per point
_DRAWN_PIXELS, _DRAWN_SCALE = 2_200, 2.0  # the same limits for displaying a page
_MARKER_RGB = (253, 230, 138)  # the colour of a highlighter pen
_STAMP = 60  # up to this many characters on a page-sized picture are a stamp from a scanner app, not a text layer
_NO_TITLE = re.compile(r"untitled|\.\w{3,4}$|^Microsoft", re.IGNORECASE)


def parse(data: bytes, name: str, depth: int = 0) -> ParsedFile:
    """Parses a PDF's text layer and the files attached to the PDF.

    Raises:
        ReadError: The file is damaged or password-protected, or its pages contain pictures but no text.
    """
    with _opened(data) as pdf:
        printed = _pages(pdf)
        labels = _labels(pdf, printed)
        pages, recognised = _with_recognised(pdf, without_running_lines(printed))
        info = pdf.get_metadata_dict(skip_empty=True)
        attachments = list(_attachments(pdf))
    text, starts = joined_pages(pages)
    if not text.strip():
        if not attachments:
            hint = "OCR found no text either; scan the pages again at a higher quality" if ocr.is_on() else ocr.HINT
            raise ReadError("it has no text layer; its pages may be scans", hint)
        return with_attachments(None, attachments, depth)
    # Titles that applications set automatically ("Microsoft Word - x.doc", "untitled") are less useful than the file name.
    title = canonical(info.get("Title", "")).strip()
    title = title if re.search(r"[^\W\d_]{3}", title) and not _NO_TITLE.search(title) else name_as_title(name)
    listed = {
        "pages_without_text": [n for n, page in enumerate(pages, start=1) if not page],
        "pages_recognised": [n + 1 for n in recognised],
    }
    own = Document(
        text,
        title,
        author=canonical(info.get("Author", "")).strip(),
        date=find_date(text[:3000]) or _created(info.get("CreationDate", "")),
        anchors=tuple(Anchor(start, _place(n, labels[n - 1]), n) for n, start in enumerate(starts, start=1)),
        media_type="application/pdf",
        metadata={name: ", ".join(map(str, numbers)) for name, numbers in listed.items() if numbers},
    )
    return with_attachments(own, attachments, depth)


def boxes(data: bytes, anchors: Sequence[Anchor], start: int, end: int) -> list[tuple[int, Box]]:
    """Locates a span of a PDF's canonical text on its pages.

    Args:
        data: The file's bytes, unchanged since the file was parsed.
        anchors: The document's anchors, which show where its pages begin.
        start: The span's first code point.
        end: One past the span's last code point.

    Returns:
        (page number, box) for each line, with pages counted from 1. Pages recognised by OCR are left out, because their
        lines are only images, without character positions.

    Raises:
        ReadError: The file cannot be parsed.
    """
    found: list[tuple[int, Box]] = []
    starts = [mark.start for mark in anchors]
    with _opened(data) as pdf:
        for number, (begin, page) in enumerate(zip(starts, without_running_lines(_pages(pdf)), strict=False)):
            if begin >= end or (number + 1 < len(starts) and starts[number + 1] <= start):
                continue
            at, spans = begin, []
            for line, ending in with_endings(page):
                first, last = max(start - at, 0), min(end - at, len(line.text))
                if first < last:
                    spans.append((line.origins[first], line.origins[last - 1] + 1))
                at += len(line.text) + len(ending)
            if spans:
                with _text_page(pdf, number) as text_page:
                    lines = (union(list(_boxes(text_page, a, b))) for a, b in spans)
                    found += [(number + 1, box) for box in lines if box is not None]
    return found


def picture(data: bytes, anchors: Sequence[Anchor], page: int, spans: Sequence[tuple[int, int]]) -> bytes:
    """Draws a page as a PNG and highlights the lines that contain the given spans of the canonical text.

    Args:
        data: The file's bytes, unchanged since the file was parsed.
        anchors: The document's anchors, which show where its pages begin.
        page: The page's number, starting at 1.
        spans: Each span as (start, end) in the canonical text; spans on other pages are ignored.

    Raises:
        ReadError: The file cannot be parsed, or has no such page.
    """
    from PIL import Image

    marked = [box for start, end in spans for on, box in boxes(data, anchors, start, end) if on == page]
    with _opened(data) as pdf:
        if not 1 <= page <= len(pdf):
            raise ReadError(f"it has no page {page}", f"choose a page from 1 to {len(pdf)}")
        try:
            printed = pdf[page - 1]
            scale = min(_DRAWN_SCALE, _DRAWN_PIXELS / max(*printed.get_size(), 1.0))
            left, bottom = printed.get_mediabox()[:2]
            pixels = printed.render(scale=scale, rev_byteorder=True, may_draw_forms=False).to_numpy()[:, :, :3].copy()
        except pypdfium2.PdfiumError as error:
            raise ReadError(f"page {page} cannot be drawn", "open the original file in a PDF viewer") from error
    for box in marked:
        x0, y0, x1, y1 = (at * scale for at in (box[0] - left, box[1] - bottom, box[2] - left, box[3] - bottom))
        rows = slice(max(0, int(pixels.shape[0] - y1) - 1), max(0, int(pixels.shape[0] - y0) + 1))
        part = pixels[rows, max(0, int(x0) - 1) : max(0, int(x1) + 1)]
        # The colours are multiplied, so that dark text stays dark, as under a highlighter pen.
        part[:] = (part.astype("uint16") * _MARKER_RGB // 255).astype("uint8")
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@contextmanager
def _opened(data: bytes) -> Iterator[pypdfium2.PdfDocument]:
    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "assword" in str(error):
            raise ReadError("it is password-protected", "save a copy without a password, then add the copy") from None
        raise ReadError("it is damaged or not a PDF file", "open it in a PDF viewer and save it again") from error
    try:
        yield pdf
    finally:
        pdf.close()


def _pages(pdf: pypdfium2.PdfDocument) -> list[list[Line]]:
    """Returns each page's lines in reading order."""
    count = len(pdf)
    if count > _MAX_PAGES:
        raise ReadError(f"it has {count:,} pages, more than the {_MAX_PAGES:,} allowed", "split it into smaller files")
    return [_page(pdf, number) for number in range(count)]


def _labels(pdf: pypdfium2.PdfDocument, pages: Sequence[Sequence[Line]]) -> list[str]:
    """Returns the numbers by which people refer to the pages: those that the file states, else those printed on them."""
    stated = [_stated_label(pdf, n) for n in range(len(pages))]
    return stated if any(stated) else printed_numbers(pages)


def _stated_label(pdf: pypdfium2.PdfDocument, number: int) -> str:
    try:
        return " ".join(canonical(pdf.get_page_label(number)).split())[:_LONGEST_LABEL]
    except ValueError:  # the label is not valid text
        return ""


def _place(number: int, label: str) -> str:
    """Returns the name of a page.

    Example:
        >>> _place(3, "3"), _place(3, "iii")
        ('p. 3', 'p. 3 (printed iii)')
    """
    return f"p. {number}" if label in ("", str(number)) else f"p. {number} (printed {label})"


@contextmanager
def _text_page(pdf: pypdfium2.PdfDocument, number: int) -> Iterator[pypdfium2.PdfTextPage]:
    page = pdf[number]
    text_page = page.get_textpage()
    try:
        yield text_page
    finally:
        text_page.close()
        page.close()


def _page(pdf: pypdfium2.PdfDocument, number: int) -> list[Line]:
    try:
        with _text_page(pdf, number) as text_page:
            text = text_page.get_text_range()
            boxed, at = [], 0
            for raw in text.split("\r\n"):
                if raw.strip():
                    boxed.append((raw, at, list(_boxes(text_page, at, at + len(raw)))))
                at += len(raw) + 2
            raised, lowered = _shifted(text_page, boxed)
            page_grid = grid([(raw, found) for raw, _, found in boxed if len(found) == 1])
            lines = join_shifted(list(_split_at_gutter(text_page, boxed, page_grid)), raised | lowered)
    except pypdfium2.PdfiumError:  # one broken page must not make the others unreadable
        return []
    lines = with_raised(in_column_order(join_spaced_letters(lines)), raised)
    return with_paragraphs(with_headers([cleaned(line) for line in lines], page_grid))


def _shifted(
    text_page: pypdfium2.PdfTextPage, boxed: Sequence[tuple[str, int, Sequence[Box]]]
) -> tuple[set[int], set[int]]:
    """Returns the positions of the characters that are raised, and of those that are lowered, in the page's text.

    Args:
        text_page: The page.
        boxed: For each line, its text, its position in the page's text, and its boxes.
    """
    places: tuple[set[int], set[int]] = set(), set()
    printed: list[list[int]] = []  # the lines that are on the same printed line, as pdfium ends lines at raised characters
    for n, (_, _, found) in enumerate(boxed):
        if n and found and boxed[n - 1][2] and beside(boxed[n - 1][2][-1], found[0]):
            printed[-1].append(n)
        else:
            printed.append([n])
    for lines in printed:
        if len(lines) > 1 or has_shifted(boxed[lines[0]][2]):
            characters = [one for n in lines for one in _characters(text_page, *boxed[n][:2])]
            for found_places, more in zip(places, shifted(characters), strict=True):
                found_places.update(more)
    return places


def _characters(text_page: pypdfium2.PdfTextPage, text: str, at: int) -> Iterator[Character]:
    """Yields the printed characters of a line, which stands at the given position in the page's text."""
    x, y, left, right, bottom, top = (ctypes.c_double() for _ in range(6))
    index = pdfium.FPDFText_GetCharIndexFromTextIndex(text_page.raw, at)
    for place, character in enumerate(text):
        if character.isspace() or not pdfium.FPDFText_GetCharBox(text_page.raw, index + place, left, right, bottom, top):
            continue
        if pdfium.FPDFText_GetCharOrigin(text_page.raw, index + place, x, y):
            yield Character(left.value, right.value, y.value, top.value - y.value, at + place)


def _with_recognised(pdf: pypdfium2.PdfDocument, pages: list[list[Line]]) -> tuple[list[list[Line]], list[int]]:
    """Replaces scanned pages with their recognised text if OCR is on. Returns all pages and the replaced pages' indices."""
    if not ocr.is_on():
        return pages, []
    pictures = islice((n for n, page in enumerate(pages) if _is_picture(pdf, n, page)), _MAX_RECOGNISED)
    found = {n: lines for n in pictures if (lines := _recognised_page(pdf, n))}
    kept = dict(zip(found, without_running_lines(list(found.values())), strict=True))
    return [kept.get(n, page) for n, page in enumerate(pages)], list(kept)


def _is_picture(pdf: pypdfium2.PdfDocument, number: int, lines: Sequence[Line]) -> bool:
    """Whether a page is probably a scan.

    Such a page has no text, or it has very little text and a picture that covers most of the page.
    """
    if not lines:
        return True
    if sum(len(line.text) for line in lines) > _STAMP:
        return False
    try:
        page = pdf[number]
        width, height = page.get_size()
        around = (picture.get_bounds() for picture in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3))
        return any((right - left) * (top - bottom) > 0.5 * width * height for left, bottom, right, top in around)
    except pypdfium2.PdfiumError:
        return False


def _recognised_page(pdf: pypdfium2.PdfDocument, number: int) -> list[Line]:
    try:
        page = pdf[number]
        scale = min(_OCR_SCALE, _OCR_PIXELS / max(*page.get_size(), 1.0))
        picture = page.render(scale=scale, may_draw_forms=False).to_numpy()
    except pypdfium2.PdfiumError:  # one broken page must not make the others unreadable
        return []
    lines: list[Line] = []
    for row in ocr.recognised_rows(picture[:, :, :3], scale):
        text, box = row[0]
        for later, at in row[1:]:
            if at[0] - box[2] > box[3] - box[1] and is_prose(text) and is_prose(later):  # the texts are in two columns
                lines.append(Line(text, range(len(text)), box))
                text, box = later, at
            else:
                text, box = f"{text} {later}", union([box, at]) or at
        lines.append(Line(text, range(len(text)), box))
    lines = in_column_order(lines)
    goes_on = [a.text.endswith("-") and a.text[-2:-1].isalpha() and b.text[:1].islower() for a, b in pairwise(lines)]
    for n in (n for n, is_broken in enumerate(goes_on) if is_broken):
        lines[n] = replace(lines[n], text=lines[n].text[:-1] + HYPHENS[0])
    return with_paragraphs([cleaned(line) for line in lines])


def _boxes(text_page: pypdfium2.PdfTextPage, start: int, end: int) -> Iterator[Box]:
    """Yields the boxes around a page's characters from `start` up to, but not including, `end`."""
    first = pdfium.FPDFText_GetCharIndexFromTextIndex(text_page.raw, start)
    last = pdfium.FPDFText_GetCharIndexFromTextIndex(text_page.raw, end - 1)
    if first < 0 or last < first:
        return
    left, top, right, bottom = (ctypes.c_double() for _ in range(4))
    for n in range(pdfium.FPDFText_CountRects(text_page.raw, first, last - first + 1)):
        if pdfium.FPDFText_GetRect(text_page.raw, n, left, top, right, bottom):
            yield left.value, bottom.value, right.value, top.value


def _split_at_gutter(
    text_page: pypdfium2.PdfTextPage, boxed: Sequence[tuple[str, int, Sequence[Box]]], page_grid: Grid
) -> Iterator[Line]:
    """Splits lines at the gutter between two columns, because pdfium joins pieces of text that are side by side.

    Table rows are not split, because they have too few words on each side.

    Args:
        text_page: The page.
        boxed: For each line, its text, its position in the page's text, and its boxes.
        page_grid: The page's grid.
    """
    gaps = [_widest_gap(found) for _, _, found in boxed]
    wide = [gap for gap in gaps if gap is not None]
    gutter = median((left + right) / 2 for left, right in wide) if len(wide) >= ACROSS_LEAST else 0.0
    cut = [
        _place_right_of(text_page, text, at, gap[1]) if gap is not None and gap[0] < gutter < gap[1] else 0
        for (text, at, _), gap in zip(boxed, gaps, strict=True)
    ]
    halves = [(text[:place], text[place:]) for (text, _, _), place in zip(boxed, cut, strict=True) if place]
    prose = [is_prose(left) and is_prose(right) for left, right in halves]
    are_columns = len(prose) >= max(ACROSS_LEAST, ACROSS_SHARE * len(boxed)) and sum(prose) > 0.7 * len(prose)
    for (text, at, found), place in zip(boxed, cut, strict=True):
        if are_columns and place:
            for half, begin in ((text[:place], at), (text[place:], at + place)):
                end = begin + len(half)
                yield Line(half, range(begin, end), union(list(_boxes(text_page, begin, end))))
        else:
            line = Line(text, range(at, at + len(text)), union(found))
            least = _PROSE_GAP if is_prose(text) else _LEAST_GAP
            cells = [(_place_right_of(text_page, text, at, right), right) for _, right in _gaps(found, least)]
            yield with_gaps(line, cells, page_grid) if cells else line


def _widest_gap(found: Sequence[Box]) -> tuple[float, float] | None:
    """Returns (left, right) of the widest gap between two boxes on a line; None if all gaps are narrow."""
    return max(_gaps(found), key=lambda gap: gap[1] - gap[0], default=None)


def _gaps(found: Sequence[Box], least: float = _LEAST_GAP) -> Iterator[tuple[float, float]]:
    """Yields (left, right) of the gaps between the boxes on a line that are wider than a number of line heights."""
    for a, b in pairwise(found):
        if b[0] - a[2] > least * max(a[3] - a[1], b[3] - b[1]):
            yield a[2], b[0]


def _place_right_of(text_page: pypdfium2.PdfTextPage, text: str, at: int, x: float) -> int:
    """Returns the offset in `text` of the first word that is to the right of x on the page; 0 if there is no such word."""

    def is_right(place: int) -> bool:
        return next(_boxes(text_page, at + place, at + place + 1), _NO_BOX)[0] >= x - 1

    places = [found.end() for found in re.finditer(r"\s+", text) if found.end() < len(text)]
    found = bisect_left(places, True, key=is_right)
    return places[found] if found < len(places) else 0


def _attachments(pdf: pypdfium2.PdfDocument) -> Iterator[tuple[str, bytes]]:
    try:
        for n in range(min(pdf.count_attachments(), _MAX_ATTACHMENTS)):
            attachment = pdf.get_attachment(n)
            yield base_name(attachment.get_name(), f"attachment {n + 1}"), bytes(attachment.get_data())
    except pypdfium2.PdfiumError:  # a broken attachment must not make the pages unreadable
        return


def _created(value: str) -> str:
    match = _PDF_DATE.match(value)
    return "-".join(part for part in match.groups() if part) if match else ""
