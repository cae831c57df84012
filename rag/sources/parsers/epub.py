"""E-books (EPUB): the chapters in reading order, each found by its title."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

from rag.errors import ReadError
from rag.records import Document
from rag.sources.decoding.pages import joined
from rag.sources.decoding.text import canonical, name_as_title
from rag.sources.decoding.xhtml import parsed, text_of
from rag.sources.decoding.zipped_xml import Package, attribute, first, local, words

_FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")  # only fonts are veiled by these


def read(data: bytes, name: str) -> Document:
    """Reads an e-book.

    Raises:
        ReadError: It is damaged, or its seller locked it.
    """
    package = Package(data)
    container = package.xml("META-INF/container.xml")
    main = attribute(found, "full-path") if (found := first(container, "rootfile")) is not None else ""
    book = package.xml(main)
    locks = package.find("META-INF/encryption.xml")
    methods = [
        attribute(found, "Algorithm")
        for found in (locks.iter() if locks is not None else ())
        if local(found) == "EncryptionMethod"
    ]
    if any(method not in _FONTS for method in methods):
        raise ReadError("its seller has locked it (DRM)", "rag reads books that are not locked")
    folder = posixpath.dirname(main)
    items = {attribute(item, "id"): attribute(item, "href") for item in book.iter() if local(item) == "item"}
    spine = [items.get(attribute(ref, "idref"), "") for ref in book.iter() if local(ref) == "itemref"]
    chapters: list[tuple[str, int | None, str]] = []
    for href in spine:
        part = posixpath.normpath(posixpath.join(folder, unquote(href)))
        if part not in package.names:
            continue
        text = canonical(text_of(parsed(package.read(part))))
        if text.strip():
            heading = next((line.lstrip("# ") for line in text.split("\n") if line.startswith("#")), "")
            chapters.append((heading[:120] or f"part {len(chapters) + 1}", None, text))
    text, anchors = joined(chapters)
    title, author, date = (canonical(words(first(book, tag))) for tag in ("title", "creator", "date"))
    about = {tag: canonical(words(first(book, tag))) for tag in ("publisher", "description")}
    return Document(
        text, title or name_as_title(name), author, date[:10], anchors, "application/epub+zip",
        {name: value for name, value in about.items() if value},
    )  # fmt: skip
