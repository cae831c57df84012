"""Parses Word documents. Headings, paragraphs, lists, tables and text boxes keep their order; notes and comments follow.

Reads the XML parts directly, because python-docx and the libraries built on it omit text boxes, content controls and
accepted insertions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lxml import etree

from rag.records import Document
from rag.sources.decoding.raised import footnote_mark, raised
from rag.sources.decoding.tables import spanned, table_lines
from rag.sources.decoding.text import canonical, find_date, name_as_title
from rag.sources.decoding.word_numbering import WordNumbering, formatted
from rag.sources.decoding.zipped_xml import XmlPackage, attribute, children, first_element, local_name, text_content
from rag.sources.parsers.attachments import with_attachments
from rag.sources.records import ParsedFile

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
# Elements to skip: deleted text, field codes, and copies of drawings for older applications.
_SKIPPED = frozenset({"del", "moveFrom", "instrText", "Fallback", "txbxContent", "pPr", "rPr", "delText"})
_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
_REFERENCES = {"footnoteReference": "footnote", "endnoteReference": "endnote"}
_NOTES = ("footnotes", "endnotes", "comments")


def parse(data: bytes, name: str, depth: int = 0) -> ParsedFile:
    """Parses a Word document and the files embedded in it.

    Raises:
        ReadError: The file is damaged, is password-protected, or is a zip bomb.
    """
    package = XmlPackage(data)
    main = next((part for kind, part in package.related("").values() if kind == "officeDocument"), "word/document.xml")
    folder = main.rpartition("/")[0]
    styles = package.find(f"{folder}/styles.xml")
    writer = _Writer(_levels(styles), WordNumbering(package.find(f"{folder}/numbering.xml"), styles))
    paragraphs = list(writer.blocks(package.xml(main)))
    for part in sorted({part for kind, part in package.related(main).values() if kind in _NOTES and part in package.names}):
        for note in package.xml(part):
            text = " ".join(block for block in writer.blocks(note) if block)
            author = attribute(note, "author")
            mark = writer.marks.get((local_name(note), attribute(note, "id")), "")
            paragraphs.append(
                f"Comment by {author}: {text}" if author and text else f"{mark} {text}".strip() if text else ""
            )
    body = "\n\n".join(block for block in paragraphs if block)
    edges = sorted({part for kind, part in package.related(main).values() if kind in ("header", "footer")} & package.names)
    running = dict.fromkeys(block for part in edges for block in writer.blocks(package.xml(part)))
    text = canonical("\n\n".join([body, *(block for block in running if len(block.split()) > 2 and block not in body)]))
    title, author, created = properties(package)
    first_heading = next((line.lstrip("# ") for line in paragraphs if line.startswith("# ")), "")
    own = Document(
        text,
        title=title or first_heading or name_as_title(name),
        author=author,
        date=find_date(text[:3000]) or created,
        media_type=MEDIA_TYPE,
    )
    return with_attachments(own, package.embedded(), depth)


def properties(package: XmlPackage) -> tuple[str, str, str]:
    """Returns the title, author and creation date from the file's properties. Missing values are ""."""
    about = package.find("docProps/core.xml")
    title, author, created = (canonical(text_content(first_element(about, tag))) for tag in ("title", "creator", "created"))
    return title, author, created[:10]


def _levels(styles: etree._Element | None) -> dict[str, int]:
    """Returns the level (1 to 6) of each heading style, by style id."""
    found, above = {}, {}
    for style in children(styles, "style") if styles is not None else ():
        id_, name = attribute(style, "styleId"), _value(style, "name")
        above[id_] = _value(style, "basedOn")
        kind, _, number = name.lower().partition(" ")
        if kind == "heading" and number.isdigit():
            found[id_] = min(6, int(number))
        elif kind == "title":
            found[id_] = 1
    for id_ in above:
        parent, steps = above[id_], 0
        while id_ not in found and parent and steps < 10:
            if parent in found:
                found[id_] = found[parent]
            parent, steps = above.get(parent, ""), steps + 1
    return found


def _value(element: etree._Element, name: str) -> str:
    """Returns the value of the named setting inside an element; "" if it is not set."""
    found = first_element(element, name)
    return attribute(found, "val") if found is not None else ""


class _Writer:
    """Writes the parts of a document as text, and counts its lists and notes.

    Args:
        levels: The level of each heading style.
        numbering: The numbers of the paragraphs.

    Attributes:
        marks: The mark of each note that has been referred to, such as "[2]", by ("footnote" or "endnote", id).
    """

    def __init__(self, levels: dict[str, int], numbering: WordNumbering) -> None:
        self._levels = levels
        self._numbering = numbering
        self.marks: dict[tuple[str, str], str] = {}
        self._notes: Counter[str] = Counter()  # number of notes referred to so far, by kind

    def blocks(self, container: etree._Element) -> Iterator[str]:
        """Yields paragraphs and tables in document order. A text box follows the paragraph in which it is anchored."""
        for child in container:
            kind = local_name(child)
            if kind == "p":
                yield self._paragraph(child)
                for box in _boxes(child):
                    yield from self.blocks(box)
            elif kind == "tbl":
                yield "\n".join(line for line in table_lines(self._rows(child)) if line)
            elif kind not in _SKIPPED and kind not in ("sectPr", "tblPr", "tcPr", "trPr"):
                yield from self.blocks(child)

    def _paragraph(self, paragraph: etree._Element) -> str:
        text = "".join(self._runs(paragraph)).strip()
        about = next(children(paragraph, "pPr"), None)
        style = next(children(about, "pStyle"), None) if about is not None else None
        name = attribute(style, "val") if style is not None else ""
        if not text:
            return ""
        number = self._numbering.next(about, name)
        level = self._levels.get(name, 0)
        if level:
            shown = f"{number[0]} " if number and number[0] != "-" else ""
            return f"{'#' * level} {shown}{' '.join(text.split())}"
        return f"{'  ' * number[1] if number[0] == '-' else ''}{number[0]} {text}" if number else text

    def _runs(self, element: etree._Element) -> Iterator[str]:
        for child in element:
            kind = local_name(child)
            if kind == "t":
                yield child.text or ""
            elif kind in _BREAKS:
                yield _BREAKS[kind]
            elif kind in _REFERENCES:
                yield self._mark(_REFERENCES[kind], attribute(child, "id"))
            elif kind == "r" and _is_raised(child):
                yield raised("".join(self._runs(child)))
            elif kind not in _SKIPPED:
                yield from self._runs(child)

    def _mark(self, kind: str, id_: str) -> str:
        """Returns the mark of a note. Notes are numbered in the order in which they are referred to."""
        if (kind, id_) not in self.marks:
            self._notes[kind] += 1
            number = formatted(self._notes[kind], "decimal" if kind == "footnote" else "lowerRoman")
            self.marks[kind, id_] = footnote_mark(number)
        return self.marks[kind, id_]

    def _rows(self, table: etree._Element) -> list[list[str]]:
        """Returns the table as rows of cells.

        A cell that spans several columns is followed by empty cells. A cell that spans several rows is repeated in each of
        them if it is short.
        """
        rows: list[list[str]] = []
        for row in _inside(table, "tr"):
            cells: list[str] = []
            for cell in _inside(row, "tc"):
                about = next(children(cell, "tcPr"), None)
                merge = next(children(about, "vMerge"), None) if about is not None else None
                span = next(children(about, "gridSpan"), None) if about is not None else None
                text = " ".join(block.lstrip("#- ") for block in self.blocks(cell) if block)
                if merge is not None and attribute(merge, "val") != "restart" and rows:
                    text = spanned(rows[-1], len(cells)) or text
                cells.append(text)
                wide = attribute(span, "val") if span is not None else "1"
                cells += [""] * (min(int(wide), 100) - 1 if wide.isdigit() else 0)
            rows.append(cells)
        return rows


def _is_raised(run: etree._Element) -> bool:
    """Whether a run is written above the line."""
    about = next(children(run, "rPr"), None)
    return about is not None and _value(about, "vertAlign") == "superscript"


def _boxes(element: etree._Element) -> Iterator[etree._Element]:
    for child in element:
        if local_name(child) == "txbxContent":
            yield child
        elif local_name(child) != "Fallback":
            yield from _boxes(child)


def _inside(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """Yields the children with this name, including any that are inside content controls, insertions and the like."""
    for child in element:
        if local_name(child) == name:
            yield child
        elif local_name(child) in ("sdt", "sdtContent", "customXml", "ins", "smartTag"):
            yield from _inside(child, name)
