"""Detects a file's type from its content or, if the content does not show it, from its extension."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import PurePosixPath

import olefile

from rag.errors import ReadError

# Maps extensions to file types, for types that cannot be recognised from the bytes.
_BY_SUFFIX = {
    ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".xhtml": "html",
    ".csv": "separated", ".tsv": "separated", ".tab": "separated",
    ".json": "json", ".geojson": "json", ".jsonl": "json lines", ".ndjson": "json lines", ".xml": "xml",
    ".ipynb": "notebook", ".vtt": "subtitles", ".srt": "subtitles",
    ".eml": "mail", ".mbox": "mailbox", ".mbx": "mailbox", ".rst": "rst", ".tex": "tex", ".ltx": "tex", ".latex": "tex",
}  # fmt: skip
_KNOWN_BY_BYTES = frozenset(".pdf .rtf .docx .xlsx .pptx .odt .ods .odp .epub .msg .xls .doc .ppt .zip".split())
_SOURCE_CODE = frozenset(
    """.py .pyi .js .mjs .cjs .ts .tsx .jsx .java .kt .kts .scala .c .h .cc .cpp .cxx .hpp .hh .cs .go .rs .rb .php .swift
    .m .mm .pl .pm .lua .r .jl .sh .bash .zsh .fish .ps1 .bat .sql .hs .ml .ex .exs .erl .clj .lisp .el .vim .asm .s .f90 .f
    .pas .vb .dart .groovy .gradle .cmake .mk .proto .tf .yaml .yml .toml .ini .cfg .conf .properties .env""".split()
)
_ARCHIVES = {"word/": "docx", "ppt/": "pptx", "xl/": "workbook"}
_OPEN_DOCUMENT = {"text": "open document", "presentation": "open document", "spreadsheet": "workbook"}
_UNSUPPORTED = {
    b"\x89PNG": "a picture", b"\xff\xd8\xff": "a picture", b"GIF8": "a picture", b"\x1f\x8b": "a compressed file",
    b"\x7fELF": "a program", b"MZ\x90": "a program", b"SQLite format 3": "a database", b"7z\xbc\xaf": "an archive",
    b"Rar!": "an archive", b"BZh": "a compressed file", b"\xfd7zXZ": "a compressed file", b"{\\pc": "a picture",
}  # fmt: skip
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HTML = re.compile(
    rb"(?:<\?xml[^>]*+>\s*+)?(?:<!--(?:(?!-->).)*+-->\s*+)*+<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)
_XML = re.compile(rb"<\?xml\b|<!doctype\s+(?!html)\w", re.IGNORECASE)
_HEADER = re.compile(
    rb"(?:(?:received|from|to|subject|date|message-id|return-path|mime-version|delivered-to|x-[\w-]+):[^\r\n]*\r?\n"
    rb"(?:[ \t][^\r\n]*\r?\n)*+){3}",
    re.IGNORECASE,
)
# Maps the name of a stream in an old Office file to the kind of file, and to the format that it should be converted to.
_OLD = {
    "worddocument": ("an old Word file (.doc)", "docx"),
    "powerpoint document": ("an old PowerPoint file (.ppt)", "pptx"),
}
_LOCKED = ("it is password-protected", "save a copy without a password, then add the copy")


def file_type(data: bytes, name: str) -> str:
    """Returns a file's type, determined from its bytes or, failing that, from its name. The default is "text".

    Raises:
        ReadError: rag cannot parse files of this type.
    """
    start = data[:2048].lstrip(b"\xef\xbb\xbf \t\r\n")
    return _kind_by_first_bytes(data, start) or _kind_by_name(name, start) or _kind_by_content(data, name, start)


def _kind_by_first_bytes(data: bytes, start: bytes) -> str:
    """Returns the file type that the first bytes identify; "" if they do not identify one."""
    for first, what in _UNSUPPORTED.items():
        if data.startswith(first):
            raise ReadError(
                f"it is {what}, which rag does not support", "save its text as PDF, HTML, Markdown or plain text"
            )
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith(_ZIP):
        return _kind_of_zip(data)
    if data.startswith(_OLE):
        return _kind_of_ole(data)
    return "rtf" if start.startswith(b"{\\rtf") else ""


def _kind_by_name(name: str, start: bytes) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _KNOWN_BY_BYTES and b"\0" in start:  # a file without null bytes is parsed as text
        raise ReadError(
            f"it has the extension {suffix}, but its content is not in that format",
            "open it in the application that created it and save it again",
        )
    if suffix in _BY_SUFFIX:
        return "html" if suffix == ".xml" and _HTML.match(start) else _BY_SUFFIX[suffix]
    return "code" if suffix in _SOURCE_CODE else ""


def _kind_by_content(data: bytes, name: str, start: bytes) -> str:
    """Determines a text file's type from its content, for files whose name does not indicate the type."""
    if _HTML.match(start):
        return "html"
    if _XML.match(start):
        return "xml"
    if data.startswith(b"From ") and b"\n" in data[:1000]:
        return "mailbox"
    is_mail = PurePosixPath(name).suffix.lower() in ("", ".txt", ".msg") and _HEADER.match(start)
    return "mail" if is_mail else "text"


def _kind_of_zip(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()[:2000]
            mimetype = archive.read("mimetype")[:200].decode("latin-1") if "mimetype" in names else ""
    except Exception as error:  # zipfile raises many kinds of errors on damaged or malicious files
        raise ReadError(
            "it is damaged or incomplete", "open it in the application that created it and save it again"
        ) from error
    if "epub" in mimetype or "META-INF/container.xml" in names:
        return "epub"
    if "opendocument" in mimetype:
        for word, kind in _OPEN_DOCUMENT.items():
            if mimetype.split("opendocument.")[-1].startswith(word):
                return kind
        raise ReadError("it is an OpenDocument drawing or formula, which rag does not support", "export it as PDF")
    for folder, kind in _ARCHIVES.items():
        if any(name.replace("\\", "/").startswith(folder) for name in names):
            return kind
    if "content.xml" in names:
        return "open document"
    raise ReadError("it is an archive, which rag does not open", "unpack it, then add the unpacked files")


def _kind_of_ole(data: bytes) -> str:
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as ole:
            names = {entry[0].lower() for entry in ole.listdir()}
    except Exception as error:  # olefile raises many kinds of errors on damaged or malicious files
        raise ReadError(
            "it is damaged or incomplete", "open it in the application that created it and save it again"
        ) from error
    if "encryptedpackage" in names:
        raise ReadError(*_LOCKED)
    if "__properties_version1.0" in names:
        return "outlook"
    if names & {"workbook", "book"}:
        return "workbook"
    for stream, (what, newer) in _OLD.items():
        if stream in names:
            command = f"soffice --headless --convert-to {newer} FILE"
            raise ReadError(
                f"it is {what}, which rag does not support",
                f"save it as {newer.upper()} or PDF, or convert it with LibreOffice: {command}",
            )
    raise ReadError("it is an old Office file, which rag does not support", "save it as DOCX, XLSX, PPTX or PDF")
