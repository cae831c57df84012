"""Parses e-books (EPUB). Keeps the chapters in reading order, and gives each one an anchor."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

from rag.errors import ReadError
from rag.records import Document
from rag.sources.decoding.pages import join_parts
from rag.sources.decoding.text import canonical, name_as_title
from rag.sources.decoding.xhtml import html_tree, text_of
from rag.sources.decoding.zipped_xml import XmlPackage, attribute, first_element, local_name, text_content

_FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")  # algorithms that only obfuscate fonts


def parse(data: bytes, name: str) -> Document:
    """Parses an e-book.

    Raises:
        ReadError: The file is damaged, or is copy-protected by its seller (DRM).
    """
    package = XmlPackage(data)
    container = package.xml("META-INF/container.xml")
    main = attribute(found, "full-path") if (found := first_element(container, "rootfile")) is not None else ""
    book = package.xml(main)
    locks = package.find("META-INF/encryption.xml")
    methods = [
        attribute(found, "Algorithm")
        for found in (locks.iter() if locks is not None else ())
        if local_name(found) == "EncryptionMethod"
    ]
    if any(method not in _FONTS for method in methods):
        raise ReadError("it is copy-protected by its seller (DRM)", "add a copy without DRM")
    folder = posixpath.dirname(main)
    items = {attribute(item, "id"): attribute(item, "href") for item in book.iter() if local_name(item) == "item"}
    spine = [items.get(attribute(ref, "idref"), "") for ref in book.iter() if local_name(ref) == "itemref"]
    chapters: list[tuple[str, int | None, str]] = []
    for href in spine:
        part = posixpath.normpath(posixpath.join(folder, unquote(href)))
        if part not in package.names:
            continue
        text = canonical(text_of(html_tree(package.read(part))))
        if text.strip():
            heading = next((line.lstrip("# ") for line in text.split("\n") if line.startswith("#")), "")
            chapters.append((heading[:120] or f"part {len(chapters) + 1}", None, text))
    text, anchors = join_parts(chapters)
    title, author, date = (canonical(text_content(first_element(book, tag))) for tag in ("title", "creator", "date"))
    metadata = {tag: canonical(text_content(first_element(book, tag))) for tag in ("publisher", "description")}
    return Document(
        text,
        title=title or name_as_title(name),
        author=author,
        date=date[:10],
        anchors=anchors,
        media_type="application/epub+zip",
        metadata={tag: value for tag, value in metadata.items() if value},
    )
