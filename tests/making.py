"""Makes small files for tests: PDFs with lines at given positions, scans of PDFs, and zips."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from html import escape


def pdf(pages: Sequence[Sequence[tuple[float, float, str]]], catalog: str = "") -> bytes:
    """Makes a PDF whose pages have lines (x, y, text) in Helvetica, drawn in order; points from the lower left corner.

    "^{2}" is drawn smaller and raised, "_{2}" smaller and lowered, and lines that begin with "~" are smaller. More entries
    of the document's catalog can be given.
    """
    root = f"<< /Type /Catalog /Pages 2 0 R {catalog} >>".encode()
    objects = [root, b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for lines in pages:
        drawn = "".join(_drawn_line(x, y, text) for x, y, text in lines).encode("latin-1")
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(drawn), drawn))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Kids [%b] /Count %d >>" % (b" ".join(kids), len(kids))
    made, offsets = b"%PDF-1.4\n", []
    for n, content in enumerate(objects, start=1):
        offsets.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (n, content)
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return made + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)


def _drawn_line(x: float, y: float, text: str) -> str:
    size = 8 if text.startswith("~") else 11
    pieces = re.split(r"([\^_])\{(.*?)\}", text.lstrip("~").replace("(", "[").replace(")", "]"))
    drawn = f"/F1 {size} Tf ({pieces[0]}) Tj"
    for sign, shifted, level in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        rise = 0.35 * size if sign == "^" else -0.2 * size
        drawn += f" /F1 {0.65 * size} Tf {rise} Ts ({shifted}) Tj /F1 {size} Tf 0 Ts ({level}) Tj"
    return f"BT 1 0 0 1 {x} {y} Tm {drawn} ET\n"


def scan(data: bytes, dpi: int = 150) -> bytes:
    """Makes a PDF whose pages are pictures of another PDF's pages."""
    import pypdfium2

    pages = [page.render(scale=dpi / 72).to_pil().convert("L") for page in pypdfium2.PdfDocument(data)]
    made = io.BytesIO()
    pages[0].save(made, "PDF", save_all=True, append_images=pages[1:], resolution=dpi)
    return made.getvalue()


def joined(*several: bytes) -> bytes:
    """Joins the pages of several PDFs."""
    import pypdfium2

    whole = pypdfium2.PdfDocument.new()
    for data in several:
        whole.import_pages(pypdfium2.PdfDocument(data))
    made = io.BytesIO()
    whole.save(made)
    return made.getvalue()


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    """Makes a zip from name → content; a part "mimetype" is not compressed, as OpenDocument and EPUB require."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data, zipfile.ZIP_STORED if name == "mimetype" else None)
    return made.getvalue()


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
LINKS = "http://schemas.openxmlformats.org/package/2006/relationships"


def workbook(
    *sheets: Mapping[str, str | tuple[float, int]],
    formats: Sequence[str] = (),
    hidden: Collection[int] = (),
    merged: str = "",
) -> bytes:
    """Makes an XLSX file.

    Args:
        sheets: For each sheet, from a cell's place to its text, or to its number and the index of its format.
        formats: The formats of numbers.
        hidden: The numbers of the hidden sheets, from 1.
        merged: A range of merged cells in the last sheet, such as "A2:A3".
    """
    numbers = range(1, len(sheets) + 1)
    states = [' state="hidden"' if n in hidden else "" for n in numbers]
    listed = "".join(
        f'<sheet name="Sheet {n}" sheetId="{n}"{state} r:id="r{n}"/>' for n, state in zip(numbers, states, strict=True)
    )
    related = "".join(
        f'<Relationship Id="r{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
    )
    codes = "".join(f'<numFmt numFmtId="{n}" formatCode="{escape(code)}"/>' for n, code in enumerate(formats, start=170))
    styles = "".join(f'<xf numFmtId="{n}"/>' for n in range(170, 170 + len(formats)))
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{LINKS}"><Relationship Id="r1" Type="{OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{LINKS}">{related}</Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts>{codes}</numFmts><cellXfs>{styles}</cellXfs></styleSheet>',
    }
    for n, cells in enumerate(sheets, start=1):
        rows: dict[int, str] = {}
        for place, content in cells.items():
            number = int(place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
            if isinstance(content, str):
                cell = f'<c r="{place}" t="inlineStr">{f"<is><t>{content}</t></is>" if content else ""}</c>'
            else:
                cell = f'<c r="{place}" s="{content[1]}"><v>{content[0]!r}</v></c>'
            rows[number] = rows.get(number, "") + cell
        body = "".join(f'<row r="{number}">{row}</row>' for number, row in sorted(rows.items()))
        merging = f'<mergeCells count="1"><mergeCell ref="{merged}"/></mergeCells>' if merged and n == len(sheets) else ""
        parts[f"xl/worksheets/sheet{n}.xml"] = (
            f'<worksheet xmlns="{MAIN}"><sheetData>{body}</sheetData>{merging}</worksheet>'
        )
    return zipped(parts)
