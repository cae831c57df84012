"""Parses PowerPoint files. Each slide becomes a page with its title, text, tables, diagrams, charts and notes."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from rag.records import Document
from rag.sources.decoding.pages import join_pages
from rag.sources.decoding.tables import spanned, table_lines
from rag.sources.decoding.text import find_date, name_as_title
from rag.sources.decoding.zipped_xml import XmlPackage, attribute, children, first_element, local_name, text_content
from rag.sources.parsers.attachments import with_attachments
from rag.sources.parsers.docx import properties
from rag.sources.records import ParsedFile

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
_TITLES = ("title", "ctrTitle")
_TRUE = ("1", "true")
_EACH_SLIDE = ("sldNum", "dt", "ftr", "hdr", "sldImg")  # slide number, date, footer, header, picture of the slide


def parse(data: bytes, name: str, depth: int = 0) -> ParsedFile:
    """Parses a presentation's slides and the files embedded in it.

    Raises:
        ReadError: The file is damaged, is password-protected, or is a zip bomb.
    """
    package = XmlPackage(data)
    main = next((part for kind, part in package.related("").values() if kind == "officeDocument"), "ppt/presentation.xml")
    links = package.related(main)
    listed = [slide for slide in package.xml(main).iter() if local_name(slide) == "sldId"]
    # A slide has two attributes named "id": its number and, in another namespace, its relationship's id.
    ids = [str(value) for slide in listed for key, value in slide.attrib.items() if str(key).endswith("relationships}id")]
    parts = [links[id_][1] for id_ in ids if id_ in links and links[id_][1] in package.names]
    slides = [_slide(package, part) for part in parts]
    layouts = sorted(
        part for part in package.names if part.startswith(("ppt/slideMasters/slideM", "ppt/slideLayouts/slideL"))
    )
    common = dict.fromkeys(
        block
        for part in layouts
        for shape in _shapes(package.xml(part))
        if not _is_placeholder(shape)
        for block in _blocks(shape)
    )
    if slides and any(block.strip() for block in common):  # text repeated on every slide is kept only once
        slides[-1] = "\n\n".join(block for block in (slides[-1], *common) if block.strip())
    text, anchors = join_pages(slides, "slide")
    title, author, created = properties(package)
    first_line = next((slide.split("\n", 1)[0] for slide in slides if slide), "")
    title = title if title.lower() not in ("", "powerpoint presentation", "slide 1") else first_line or name_as_title(name)
    own = Document(
        text,
        title=title,
        author=author,
        date=find_date(text[:3000]) or created,
        anchors=anchors,
        media_type=MEDIA_TYPE,
    )
    return with_attachments(own, package.embedded(), depth)


def _slide(package: XmlPackage, part: str) -> str:
    shapes = list(_shapes(package.xml(part)))
    shapes.sort(key=lambda shape: _placeholder(shape) not in _TITLES)  # titles first; the other shapes keep their order
    blocks = [block for shape in shapes for block in _blocks(shape)]
    for kind, target in package.related(part).values():
        if target not in package.names:
            continue
        if kind == "diagramData":
            blocks += ["\n".join(_paragraphs(package.xml(target)))]
        elif kind == "chart":
            blocks += [_chart(package.xml(target))]
        elif kind == "notesSlide":
            notes = [block for shape in _shapes(package.xml(target)) for block in _blocks(shape)]
            blocks += [f"Notes: {block}" if n == 0 else block for n, block in enumerate(filter(None, notes))]
        elif kind == "comments":
            blocks += [f"Comment: {text_content(comment)}" for comment in package.xml(target)]
    return "\n\n".join(block for block in blocks if block.strip())


def _shapes(element: etree._Element) -> Iterator[etree._Element]:
    """Yields shapes, including those inside groups."""
    for child in element:
        if local_name(child) in ("sp", "graphicFrame", "cxnSp"):
            yield child
        elif local_name(child) not in ("Fallback", "extLst"):
            yield from _shapes(child)


def _placeholder(shape: etree._Element) -> str:
    about = next(children(shape, "nvSpPr"), None)
    return attribute(found, "type") if (found := first_element(about, "ph")) is not None else ""


def _is_placeholder(shape: etree._Element) -> bool:
    return first_element(shape, "ph") is not None


def _blocks(shape: etree._Element) -> Iterator[str]:
    if _placeholder(shape) in _EACH_SLIDE:
        return
    tables = [found for found in shape.iter() if local_name(found) == "tbl"]
    for table in tables:
        rows: list[list[str]] = []
        for row in children(table, "tr"):
            cells = ["\n".join(_paragraphs(cell)) for cell in children(row, "tc")]
            for n, cell in enumerate(children(row, "tc")):
                if attribute(cell, "vMerge") in _TRUE and rows:
                    cells[n] = cells[n] or spanned(rows[-1], n)
            rows.append(cells)
        yield "\n".join(line for line in table_lines(rows) if line)
    if not tables:
        yield "\n".join(_paragraphs(shape))


def _paragraphs(element: etree._Element) -> Iterator[str]:
    for paragraph in element.iter():
        if local_name(paragraph) == "p":
            text = "".join(
                "\n" if local_name(run) == "br" else run.text or ""
                for run in paragraph.iter()
                if local_name(run) in ("t", "br")
            )
            if text.strip():
                yield text.strip()


def _chart(chart: etree._Element) -> str:
    """Returns a chart's titles, followed by one line for each category with its values."""
    titles = list(_paragraphs(chart))
    series = [one for one in chart.iter() if local_name(one) == "ser"]
    names = [text_content(first_element(first_element(one, "tx"), "v")) for one in series]
    columns = [
        _values(first_element(one, "val") if first_element(one, "val") is not None else first_element(one, "yVal"))
        for one in series
    ]
    categories = _values(next((found for one in series if (found := first_element(one, "cat")) is not None), None))
    rows = [["", *names]]
    for n in range(max(map(len, [categories, *columns]), default=0)):
        rows.append([column[n] if n < len(column) else "" for column in (categories, *columns)])
    return "\n".join([*titles, *(line for line in table_lines(rows) if line)])


def _values(element: etree._Element | None) -> list[str]:
    return [text_content(point) for point in element.iter() if local_name(point) == "v"] if element is not None else []
