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
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import islice, pairwise
from statistics import median

import pypdfium2
import pypdfium2.raw as pdfium

from rag.errors import ReadError
from rag.records import Anchor, Document
from rag.sources.decoding import ocr
from rag.sources.decoding.text import canonical, find_date, name_as_title
from rag.sources.parsers.attachments import base_name, with_attachments
from rag.sources.records import ParsedFile
from rag.text.unicode_text import BYTE_ORDER_MARK, SOFT_HYPHEN, ZERO_WIDTH_SPACE

Box = tuple[float, float, float, float]  # left, bottom, right and top edges, in points from the page's lower left corner

_NO_BOX: Box = (0.0, 0.0, 0.0, 0.0)
_MAX_PAGES = 20_000
_MAX_RECOGNISED = 2_000  # maximum number of pages per file, because recognising a page takes seconds
_MAX_ATTACHMENTS = 100
_LIGATURES = dict(zip("ﬀﬁﬂﬃﬄﬅﬆ", ("ff", "fi", "fl", "ffi", "ffl", "st", "st"), strict=True))
_HYPHENS = "\ufffe\x02"  # characters that pdfium returns for a hyphen that only splits a word at a line end
_DROPPED = SOFT_HYPHEN + ZERO_WIDTH_SPACE + BYTE_ORDER_MARK
_NEEDS_CLEANING = re.compile(f"[{''.join(_LIGATURES)}{_HYPHENS}{_DROPPED}\0]")
_SENTENCE_ENDS = (".", "!", "?", ":", "”", '"', ")", ";", "。", "！", "？")
_EDGE_LINES = 3  # number of lines at the top, and at the bottom, of a page that may be headers or footers
# A line that is at the edge of at least this share and this number of pages is a header or footer.
_RUNNING_SHARE, _RUNNING_LEAST = 0.3, 3
_PAGE_NUMBER = re.compile(r"[-–—\s|]*(?:page\s*)?#(?:\s*(?:of|/)\s*#)?[-–—\s|]*$", re.IGNORECASE)
_PROSE = 25  # a line with more code points than this is prose rather than a table cell
# If at least this share and this number of lines are to the right of the previous line, the page was drawn across columns.
_ACROSS_SHARE, _ACROSS_LEAST = 0.3, 4
# A paragraph starts if the distance to the previous line exceeds the usual one by this share of the line's height.
_PARAGRAPH_GAP = 0.55
_PDF_DATE = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?")
_OCR_PIXELS, _OCR_SCALE = 2_000, 4.0  # for OCR: maximum number of pixels on a page's longer side, and per point
_DRAWN_PIXELS, _DRAWN_SCALE = 2_200, 2.0  # the same limits for displaying a page
_MARKER_RGB = (253, 230, 138)  # the colour of a highlighter pen
_STAMP = 60  # up to this many characters on a page-sized picture are a stamp from a scanner app, not a text layer
_NO_TITLE = re.compile(r"untitled|\.\w{3,4}$|^Microsoft", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line on a page.

    Attributes:
        text: The line without its ending.
        origins: For each character in `text`, its position in the text that pdfium returned for the page.
        box: The line's bounding box on the page; None if it is unknown.
        broken: Whether the last word continues on the next line.
        starts_paragraph: Whether this line starts a new paragraph.
    """

    text: str
    origins: Sequence[int]
    box: Box | None
    broken: bool = False
    starts_paragraph: bool = False


def parse(data: bytes, name: str, depth: int = 0) -> ParsedFile:
    """Parses a PDF's text layer and the files attached to the PDF.

    Raises:
        ReadError: The file is damaged or password-protected, or its pages contain pictures but no text.
    """
    with _opened(data) as pdf:
        pages, recognised = _with_recognised(pdf, _pages(pdf))
        info = pdf.get_metadata_dict(skip_empty=True)
        attachments = list(_attachments(pdf))
    text, starts = _joined_pages(pages)
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
        anchors=tuple(Anchor(start, f"p. {n}", n) for n, start in enumerate(starts, start=1)),
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
        for number, (begin, page) in enumerate(zip(starts, _pages(pdf), strict=False)):
            if begin >= end or (number + 1 < len(starts) and starts[number + 1] <= start):
                continue
            at, spans = begin, []
            for line, ending in _with_endings(page):
                first, last = max(start - at, 0), min(end - at, len(line.text))
                if first < last:
                    spans.append((line.origins[first], line.origins[last - 1] + 1))
                at += len(line.text) + len(ending)
            if spans:
                with _text_page(pdf, number) as text_page:
                    lines = (_union(list(_boxes(text_page, a, b))) for a, b in spans)
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


def _pages(pdf: pypdfium2.PdfDocument) -> list[list[_Line]]:
    """Returns each page's lines in reading order, without running headers and footers."""
    count = len(pdf)
    if count > _MAX_PAGES:
        raise ReadError(f"it has {count:,} pages, more than the {_MAX_PAGES:,} allowed", "split it into smaller files")
    return _without_running_lines([_page(pdf, number) for number in range(count)])


@contextmanager
def _text_page(pdf: pypdfium2.PdfDocument, number: int) -> Iterator[pypdfium2.PdfTextPage]:
    page = pdf[number]
    text_page = page.get_textpage()
    try:
        yield text_page
    finally:
        text_page.close()
        page.close()


def _page(pdf: pypdfium2.PdfDocument, number: int) -> list[_Line]:
    try:
        with _text_page(pdf, number) as text_page:
            text = text_page.get_text_range()
            boxed, at = [], 0
            for raw in text.split("\r\n"):
                if raw.strip():
                    boxed.append((raw, at, list(_boxes(text_page, at, at + len(raw)))))
                at += len(raw) + 2
            lines = list(_split_at_gutter(text_page, boxed))
    except pypdfium2.PdfiumError:  # one broken page must not make the others unreadable
        return []
    return _with_paragraphs([_cleaned(line) for line in _in_column_order(_join_spaced_letters(lines))])


def _with_recognised(pdf: pypdfium2.PdfDocument, pages: list[list[_Line]]) -> tuple[list[list[_Line]], list[int]]:
    """Replaces scanned pages with their recognised text if OCR is on. Returns all pages and the replaced pages' indices."""
    if not ocr.is_on():
        return pages, []
    pictures = islice((n for n, page in enumerate(pages) if _is_picture(pdf, n, page)), _MAX_RECOGNISED)
    found = {n: lines for n in pictures if (lines := _recognised_page(pdf, n))}
    kept = dict(zip(found, _without_running_lines(list(found.values())), strict=True))
    return [kept.get(n, page) for n, page in enumerate(pages)], list(kept)


def _is_picture(pdf: pypdfium2.PdfDocument, number: int, lines: Sequence[_Line]) -> bool:
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


def _recognised_page(pdf: pypdfium2.PdfDocument, number: int) -> list[_Line]:
    try:
        page = pdf[number]
        scale = min(_OCR_SCALE, _OCR_PIXELS / max(*page.get_size(), 1.0))
        picture = page.render(scale=scale, may_draw_forms=False).to_numpy()
    except pypdfium2.PdfiumError:  # one broken page must not make the others unreadable
        return []
    lines: list[_Line] = []
    for row in ocr.recognised_rows(picture[:, :, :3], scale):
        text, box = row[0]
        for later, at in row[1:]:
            if at[0] - box[2] > box[3] - box[1] and _is_prose(text) and _is_prose(later):  # the texts are in two columns
                lines.append(_Line(text, range(len(text)), box))
                text, box = later, at
            else:
                text, box = f"{text} {later}", _union([box, at]) or at
        lines.append(_Line(text, range(len(text)), box))
    lines = _in_column_order(lines)
    goes_on = [a.text.endswith("-") and a.text[-2:-1].isalpha() and b.text[:1].islower() for a, b in pairwise(lines)]
    for n in (n for n, is_broken in enumerate(goes_on) if is_broken):
        lines[n] = replace(lines[n], text=lines[n].text[:-1] + _HYPHENS[0])
    return _with_paragraphs([_cleaned(line) for line in lines])


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


def _union(found: Sequence[Box]) -> Box | None:
    if not found:
        return None
    left, bottom, right, top = zip(*found, strict=True)
    return min(left), min(bottom), max(right), max(top)


def _split_at_gutter(text_page: pypdfium2.PdfTextPage, boxed: Sequence[tuple[str, int, Sequence[Box]]]) -> Iterator[_Line]:
    """Splits lines at the gutter between two columns, because pdfium joins pieces of text that are side by side.

    Table rows are not split, because they have too few words on each side.

    Args:
        text_page: The page.
        boxed: For each line, its text, its position in the page's text, and its boxes.
    """
    gaps = [_widest_gap(found) for _, _, found in boxed]
    wide = [gap for gap in gaps if gap is not None]
    gutter = median((left + right) / 2 for left, right in wide) if len(wide) >= _ACROSS_LEAST else 0.0
    cut = [
        _place_right_of(text_page, text, at, gap[1]) if gap is not None and gap[0] < gutter < gap[1] else 0
        for (text, at, _), gap in zip(boxed, gaps, strict=True)
    ]
    halves = [(text[:place], text[place:]) for (text, _, _), place in zip(boxed, cut, strict=True) if place]
    prose = [_is_prose(left) and _is_prose(right) for left, right in halves]
    are_columns = len(prose) >= max(_ACROSS_LEAST, _ACROSS_SHARE * len(boxed)) and sum(prose) > 0.7 * len(prose)
    for (text, at, found), place in zip(boxed, cut, strict=True):
        if are_columns and place:
            for half, begin in ((text[:place], at), (text[place:], at + place)):
                end = begin + len(half)
                yield _Line(half, range(begin, end), _union(list(_boxes(text_page, begin, end))))
        else:
            yield _Line(text, range(at, at + len(text)), _union(found))


def _widest_gap(found: Sequence[Box]) -> tuple[float, float] | None:
    """Returns (left, right) of the widest gap between two boxes on a line; None if all gaps are narrow."""
    gaps = [(a[2], b[0]) for a, b in pairwise(found) if b[0] - a[2] > 1.2 * max(a[3] - a[1], b[3] - b[1])]
    return max(gaps, key=lambda gap: gap[1] - gap[0], default=None)


def _place_right_of(text_page: pypdfium2.PdfTextPage, text: str, at: int, x: float) -> int:
    """Returns the offset in `text` of the first word that is to the right of x on the page; 0 if there is no such word."""

    def is_right(place: int) -> bool:
        return next(_boxes(text_page, at + place, at + place + 1), _NO_BOX)[0] >= x - 1

    places = [found.end() for found in re.finditer(r"\s+", text) if found.end() < len(text)]
    found = bisect_left(places, True, key=is_right)
    return places[found] if found < len(places) else 0


def _is_prose(text: str) -> bool:
    return len(text) > _PROSE and sum(map(str.isalpha, text)) > 0.6 * len(text)


def _join_spaced_letters(lines: Sequence[_Line]) -> list[_Line]:
    """Joins letters that were drawn one by one on the same line into words."""
    joined: list[_Line] = []
    for line in lines:
        before = joined[-1] if joined else None
        if before is None or before.box is None or line.box is None or len(line.text.strip()) > 1:
            joined.append(line)
            continue
        height = max(before.box[3] - before.box[1], line.box[3] - line.box[1], 1.0)
        gap = line.box[0] - before.box[2]
        level = before.box[1] < line.box[3] and line.box[1] < before.box[3]
        is_letter = line.text.strip().isalpha() and (before.text[-1:].isalpha() or before.text[-1:] == " ")
        if not (level and is_letter and -0.5 * height < gap < 1.2 * height and _letters_only(before.text)):
            joined.append(line)
            continue
        space = " " if gap > 0.3 * height else ""
        text, origins = (
            before.text + space + line.text,
            [*before.origins, *[before.origins[-1]] * len(space), *line.origins],
        )
        joined[-1] = _Line(text, origins, _union([before.box, line.box]))
    return joined


def _letters_only(text: str) -> bool:
    """Whether a line may consist of separately drawn letters, or of words assembled from such letters."""
    return len(text) < 80 and all(character.isalpha() or character == " " for character in text)


def _in_column_order(lines: list[_Line]) -> list[_Line]:
    """Sorts lines by column if they were drawn across two columns; otherwise returns them unchanged."""
    placed = [line for line in lines if line.box is not None]
    across = [(a, b) for a, b in pairwise(placed) if _is_prose(a.text) and _is_prose(b.text) and _right_of(a.box, b.box)]
    if len(across) < max(_ACROSS_LEAST, _ACROSS_SHARE * len(lines)):
        return lines
    middle = median(b.box[0] for _, b in across if b.box is not None) - 1.0
    ordered: list[_Line] = []
    left: list[_Line] = []
    right: list[_Line] = []
    for line in lines:
        is_across = line.box is not None and line.box[0] < middle < line.box[2] - 2.0
        if is_across:  # the lines in the two columns above this line come first
            ordered += [*left, *right, line]
            left, right = [], []
        elif line.box is not None and line.box[0] >= middle:
            right.append(line)
        else:
            left.append(line)
    return [*ordered, *left, *right]


def _right_of(a: Box | None, b: Box | None) -> bool:
    return a is not None and b is not None and b[0] > a[2] and a[1] < b[3] and b[1] < a[3]


def _cleaned(line: _Line) -> _Line:
    """Spells out ligatures and drops invisible characters. Each remaining character keeps its original position."""
    text, origins = line.text, line.origins
    broken = False
    if _NEEDS_CLEANING.search(text):
        made: list[str] = []
        kept: list[int] = []
        for character, origin in zip(text, origins, strict=True):
            if character in _HYPHENS:
                broken = True
                continue
            spelled = "" if character in _DROPPED or character == "\0" else _LIGATURES.get(character, character)
            broken = (broken and character.isspace()) or (character == SOFT_HYPHEN)
            made.append(spelled)
            kept += [origin] * len(spelled)
        text, origins = "".join(made), kept
    stripped = text.rstrip()
    lead = len(stripped) - len(stripped.lstrip())
    text, origins = stripped[lead:], origins[lead : len(stripped)]
    normal = canonical(text)
    if len(normal) != len(text) and text:  # normalisation changed the number of characters but not their order
        origins = [origins[min(i * len(text) // max(1, len(normal)), len(text) - 1)] for i in range(len(normal))]
    return replace(line, text=normal, origins=origins, broken=broken)


def _with_paragraphs(lines: list[_Line]) -> list[_Line]:
    """Marks the lines that start a paragraph, and drops empty lines.

    A line starts a paragraph if it follows an unusually large gap, or begins a new column after a complete sentence.
    """
    steps = [a.box[1] - b.box[1] for a, b in pairwise(lines) if a.box and b.box and a.box[1] > b.box[1]]
    usual = median(steps) if steps else 0.0
    parted = lines[:1]
    for before, line in pairwise(lines):
        starts_paragraph = False
        if before.box and line.box:
            step, height = before.box[1] - line.box[1], max(before.box[3] - before.box[1], line.box[3] - line.box[1])
            over = step < -height  # whether the line is higher up than the previous one, in a new column or a text box
            starts_paragraph = step > usual + _PARAGRAPH_GAP * height or (over and before.text.endswith(_SENTENCE_ENDS))
        parted.append(replace(line, starts_paragraph=starts_paragraph))
    return [line for line in parted if line.text]


def _without_running_lines(pages: list[list[_Line]]) -> list[list[_Line]]:
    """Removes page numbers, and all but the first occurrence of each header and footer."""
    if len(pages) < _RUNNING_LEAST:
        return pages
    edges = [{_running_key(line.text) for line in _edges(page)} for page in pages]
    counts = Counter(text for page in edges for text in page)
    least = max(_RUNNING_LEAST, _RUNNING_SHARE * len(pages))
    running = {text for text, count in counts.items() if count >= least}
    kept, seen = [], set()
    for page in pages:
        at_edge = {id(line) for line in _edges(page)}
        rest = []
        for line in page:
            key = _running_key(line.text)
            if id(line) in at_edge and key in running:
                if key in seen or _PAGE_NUMBER.match(key):
                    continue
                seen.add(key)
            rest.append(line)
        kept.append(rest)
    return kept


def _edges(page: Sequence[_Line]) -> list[_Line]:
    """Returns the lines at the top and at the bottom of a page."""
    placed = sorted((line for line in page if line.box), key=lambda line: -line.box[3] if line.box else 0.0)
    return [*placed[:_EDGE_LINES], *placed[max(_EDGE_LINES, len(placed) - _EDGE_LINES) :]]


def _running_key(text: str) -> str:
    """Returns a line's text with its numbers replaced, so that a header has the same key on every page."""
    return re.sub(r"\d+|\b[ivxl]{1,6}\b", "#", " ".join(text.lower().split()))


def _joined_pages(pages: Sequence[Sequence[_Line]]) -> tuple[str, list[int]]:
    """Returns the text of all pages and each page's offset. A page break within a sentence does not end a paragraph."""
    parts: list[str] = []
    starts: list[int] = []
    at = 0
    for n, page in enumerate(pages):
        starts.append(at)
        for line, ending in _with_endings(page, next((later[0] for later in pages[n + 1 :] if later), None)):
            parts += [line.text, ending]
            at += len(line.text) + len(ending)
    return "".join(parts).rstrip("\n"), starts


def _with_endings(page: Sequence[_Line], following: _Line | None = None) -> Iterator[tuple[_Line, str]]:
    """Yields each line together with the separator that follows it."""
    for n, line in enumerate(page):
        later = page[n + 1] if n + 1 < len(page) else following
        if line.broken and later is not None:
            yield line, ""
        elif n + 1 < len(page):
            yield line, "\n\n" if page[n + 1].starts_paragraph else "\n"
        else:
            goes_on = following is not None and following.text[:1].islower() and not line.text.endswith(_SENTENCE_ENDS)
            yield line, "\n" if goes_on else "\n\n"


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
