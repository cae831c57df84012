"""PDF: the text layer, page by page. The home of pypdfium2. Pages without a text layer are pictures to it."""

from __future__ import annotations

import re

import pypdfium2
import pypdfium2.raw

from rag.errors import ReadError
from rag.read.text import canonical, find_date, name_as_title
from rag.records import Document

_BETWEEN_PAGES = "\n\n"
_LINE_HYPHEN = re.compile("[\ufffe\x02]\\s*\n?")  # how pdfium marks a hyphen that only ends a line
_PDF_DATE = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?")


def read(data: bytes, name: str) -> Document:
    """Reads a PDF's text layer.

    Raises:
        ReadError: It is damaged, locked by a password, or holds pictures of text only.
    """
    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "assword" in str(error):
            raise ReadError("it is locked with a password", "save a copy without the password") from None
        raise ReadError("it is damaged, or no PDF", "open it and save it again") from error
    try:
        pages = [_page_text(pdf, number) for number in range(len(pdf))]
        about = pdf.get_metadata_dict(skip_empty=True)
    finally:
        pdf.close()
    if not any(page.strip() for page in pages):
        raise ReadError("no text layer (scanned pages?)", "run OCR over it first")
    starts, at = [], 0
    for page in pages:
        starts.append(at)
        at += len(page) + len(_BETWEEN_PAGES)
    # Titles that programs leave behind ("Microsoft Word - x.doc", "untitled") tell less than the file's name.
    title = canonical(about.get("Title", "")).strip()
    title = title if len(title) > 3 and not re.search(r"untitled|\.\w{3,4}$|^Microsoft", title) else name_as_title(name)
    return Document(
        _BETWEEN_PAGES.join(pages),
        title,
        author=canonical(about.get("Author", "")).strip(),
        date=find_date(pages[0][:3000]) or _created(about.get("CreationDate", "")),
        page_starts=tuple(starts),
        media_type="application/pdf",
    )


def _page_text(pdf: pypdfium2.PdfDocument, number: int) -> str:
    try:
        page = pdf[number]
        textpage = page.get_textpage()
        try:
            # Each page is made canonical by itself, so that its length, and so the page map, is final.
            return canonical(_LINE_HYPHEN.sub("", canonical(textpage.get_text_bounded())))
        finally:
            textpage.close()
            page.close()
    except pypdfium2.PdfiumError:  # one broken page does not cost the others
        return ""


def _created(words: str) -> str:
    match = _PDF_DATE.match(words)
    return "-".join(part for part in match.groups() if part) if match else ""
