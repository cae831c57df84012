"""Parses Rich Text Format (RTF). Only this module imports striprtf."""

from __future__ import annotations

import re

from striprtf.striprtf import rtf_to_text

from rag.errors import ReadError
from rag.records import Document
from rag.sources.decoding.text import canonical, find_author, find_date, name_as_title

_INFO = re.compile(r"\{\\info\b(.{0,4000})", re.DOTALL)
_FIELD = r"\{{\\(?:\*\\)?{}\s++([^{{}}\\]++)\}}"
_CREATED = re.compile(r"\{\\creatim\\yr(\d{4})\\mo(\d{1,2})\\dy(\d{1,2})")
_PAGE = re.compile(r"\n{3,}")
_MARK = re.compile(
    r"\{\\(?:\*\\)?(?:listtext|pntext)(?![a-z])[ ]?"
)  # an item's number or bullet, which striprtf leaves out


def parse(data: bytes, name: str) -> Document:
    """Parses an RTF file.

    Raises:
        ReadError: The file is damaged.
    """
    source = data.decode("latin-1")  # RTF is ASCII; other characters are escaped or use the declared code page
    try:
        text = canonical(rtf_to_text(_MARK.sub("{", source), errors="replace")).replace("\0", "")
    except (ValueError, LookupError, IndexError, KeyError) as error:
        raise ReadError(
            f"the RTF cannot be parsed ({type(error).__name__})", "open it in a word processor and save it as DOCX"
        ) from error
    info = _INFO.search(source)
    fields = {key: _field(info.group(1), key) if info else "" for key in ("title", "author")}
    created = _CREATED.search(info.group(1)) if info else None
    date = "-".join(part.zfill(2) for part in created.groups()) if created and created[1] != "0000" else ""
    return Document(
        _PAGE.sub("\n\n", text),
        title=fields["title"] or name_as_title(name),
        author=fields["author"] or find_author(text[:1500]),
        date=find_date(text[:3000]) or date,
        media_type="application/rtf",
    )


def _field(info: str, name: str) -> str:
    found = re.search(_FIELD.format(name), info)
    return canonical(found.group(1)).strip() if found else ""
