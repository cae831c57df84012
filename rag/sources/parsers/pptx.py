"""PowerPoint slides: the title first, then text, tables, diagrams, charts, then the notes. A slide is a page."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from rag.records import Document
from rag.sources.decoding.pages import paged
from rag.sources.decoding.tables import lines
from rag.sources.decoding.text import find_date, name_as_title
from rag.sources.decoding.zipped_xml import Package, attribute, children, first, local, words
from rag.sources.parsers.attachments import with_attached
from rag.sources.parsers.docx import properties
from rag.sources.records import ParsedFile

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
_TITLES = ("title", "ctrTitle")
_EACH_SLIDE = ("sldNum", "dt", "ftr", "hdr", "sldImg")  # its number, date and footer


def read(data: bytes, name: str, within: int = 0) -> ParsedFile:
    """Reads slides, and what is embedded in them.

    Raises:
        ReadError: They are damaged, locked, or a bomb.
    """
    package = Package(data)
    main = next((part for kind, part in package.related("").values() if kind == "officeDocument"), "ppt/presentation.xml")
    links = package.related(main)
    listed = [slide for slide in package.xml(main).iter() if local(slide) == "sldId"]
    # A slide has a number named "id", and the id of its link, named "id" in another namespace.
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
    if slides and any(block.strip() for block in common):  # what stands on all of them is said once
        slides[-1] = "\n\n".join(block for block in (slides[-1], *common) if block.strip())
    text, anchors = paged(slides, "slide")
    title, author, created = properties(package)
    first_line = next((slide.split("\n", 1)[0] for slide in slides if slide), "")
    title = title if title.lower() not in ("", "powerpoint presentation", "slide 1") else first_line or name_as_title(name)
    own = Document(text, title, author, find_date(text[:3000]) or created, anchors, MEDIA_TYPE)
    return with_attached(own, package.embedded(), within)


def _slide(package: Package, part: str) -> str:
    shapes = list(_shapes(package.xml(part)))
    shapes.sort(key=lambda shape: _placeholder(shape) not in _TITLES)  # the rest keeps its order
    blocks = [block for shape in shapes for block in _blocks(shape)]
    for kind, target in package.related(part).values():
        if target not in package.names:
            continue
        if kind == "diagramData":
            blocks += ["\n".join(_paragraphs(package.xml(target)))]
        elif kind == "chart":
            blocks += [_chart(package.xml(target))]
        elif kind == "notesSlide":
            said = [block for shape in _shapes(package.xml(target)) for block in _blocks(shape)]
            blocks += [f"Notes: {block}" if n == 0 else block for n, block in enumerate(filter(None, said))]
        elif kind == "comments":
            blocks += [f"Comment: {words(comment)}" for comment in package.xml(target)]
    return "\n\n".join(block for block in blocks if block.strip())


def _shapes(element: etree._Element) -> Iterator[etree._Element]:
    """Shapes, groups opened."""
    for child in element:
        if local(child) in ("sp", "graphicFrame", "cxnSp"):
            yield child
        elif local(child) not in ("Fallback", "extLst"):
            yield from _shapes(child)


def _placeholder(shape: etree._Element) -> str:
    about = next(children(shape, "nvSpPr"), None)
    return attribute(found, "type") if (found := first(about, "ph")) is not None else ""


def _is_placeholder(shape: etree._Element) -> bool:
    return first(shape, "ph") is not None


def _blocks(shape: etree._Element) -> Iterator[str]:
    if _placeholder(shape) in _EACH_SLIDE:
        return
    tables = [found for found in shape.iter() if local(found) == "tbl"]
    for table in tables:
        rows = [["\n".join(_paragraphs(cell)) for cell in children(row, "tc")] for row in children(table, "tr")]
        yield "\n".join(line for line in lines(rows) if line)
    if not tables:
        yield "\n".join(_paragraphs(shape))


def _paragraphs(element: etree._Element) -> Iterator[str]:
    for paragraph in element.iter():
        if local(paragraph) == "p":
            text = "".join(
                "\n" if local(run) == "br" else run.text or "" for run in paragraph.iter() if local(run) in ("t", "br")
            )
            if text.strip():
                yield text.strip()


def _chart(chart: etree._Element) -> str:
    """A chart's titles, and its values as rows named by category and series."""
    said = list(_paragraphs(chart))
    series = [one for one in chart.iter() if local(one) == "ser"]
    names = [words(first(first(one, "tx"), "v")) for one in series]
    columns = [_values(first(one, "val") if first(one, "val") is not None else first(one, "yVal")) for one in series]
    categories = _values(next((found for one in series if (found := first(one, "cat")) is not None), None))
    rows = [["", *names]]
    for n in range(max(map(len, [categories, *columns]), default=0)):
        rows.append([column[n] if n < len(column) else "" for column in (categories, *columns)])
    return "\n".join([*said, *(line for line in lines(rows) if line)])


def _values(element: etree._Element | None) -> list[str]:
    return [words(point) for point in element.iter() if local(point) == "v"] if element is not None else []
