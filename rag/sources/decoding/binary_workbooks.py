"""Finds which cells of an XLS or XLSB workbook have which number format.

The reader of workbooks returns the values of these cells, but not how an application shows them.
Sources: [MS-XLS] (Excel 97 and later, and Excel 95) and [MS-XLSB].
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import olefile

from rag.sources.decoding.number_formats import NumberFormats, StyledCell
from rag.sources.decoding.zipped_xml import XmlPackage

_MOST_BYTES = 200_000_000  # of a stream
_EXCEL_97 = 0x0600
# Records of XLS
_BOUND_SHEET, _BEGIN, _END, _FORMAT, _STYLE = 0x0085, 0x0809, 0x000A, 0x041E, 0x00E0
_NUMBER, _RK, _MANY_RK, _FORMULA = 0x0203, 0x027E, 0x00BD, 0x0006
# Records of XLSB
_B_FORMAT, _B_STYLE, _B_BEGIN_STYLES, _B_END_STYLES = 44, 47, 617, 618
_B_ROW, _B_NUMBERS, _B_SHEET = 0, (2, 5, 9), 156
_WORKBOOK, _STYLES = "xl/workbook.bin", "xl/styles.bin"


@dataclass(frozen=True, slots=True)
class StyledSheets:
    """The number formats of a workbook, and where they are used.

    Attributes:
        formats: The formats.
        cells: For each sheet, by name: its cells that contain numbers; they can be read once.
    """

    formats: NumberFormats
    cells: Mapping[str, Iterable[StyledCell]]


def xls_sheets(data: bytes) -> StyledSheets:
    """Reads the number formats of an XLS workbook. What is damaged is left out.

    Args:
        data: The file's bytes.
    """
    stream = _workbook_stream(data)
    is_wide, places, written, styles = True, {}, {}, []
    for kind, body in _records(stream, 0):
        if kind == _BEGIN and len(body) >= 2:
            is_wide = _u16(body, 0) == _EXCEL_97
        elif kind == _BOUND_SHEET and len(body) > 6:
            places[_short_text(body, 6, 1, is_wide=is_wide)] = struct.unpack_from("<I", body)[0]
        elif kind == _FORMAT and len(body) > 3:
            written[_u16(body, 0)] = _short_text(body, 2, 2 if is_wide else 1, is_wide=is_wide)
        elif kind == _STYLE and len(body) >= 4:
            styles.append(_u16(body, 2))
    cells = {name: _xls_cells(stream, start) for name, start in places.items()}
    return StyledSheets(NumberFormats(written, styles), cells)


def _workbook_stream(data: bytes) -> bytes:
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as storage:
            name = next((one for one in ("Workbook", "Book") if storage.exists(one)), "")
            return storage.openstream(name).read(_MOST_BYTES) if name else b""
    except Exception:  # olefile raises many kinds of errors on a damaged file
        return b""


def _records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Yields the (type, content) of the records of one part of an XLS stream, without the parts inside it."""
    depth = 0
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        depth += (kind == _BEGIN) - (kind == _END)
        if depth == 1:
            yield kind, stream[at + 4 : at + 4 + length]
        if depth <= 0:
            return
        at += 4 + length


def _short_text(body: bytes, at: int, length_bytes: int, *, is_wide: bool) -> str:
    """Returns text that follows its length. Excel 95 has one byte a character; later ones say how many they have."""
    count = int.from_bytes(body[at : at + length_bytes], "little")
    at += length_bytes
    if not is_wide:
        return body[at : at + count].decode("cp1252", "replace")
    has_two_bytes, at = body[at] & 1 if at < len(body) else 0, at + 1
    return (
        body[at : at + 2 * count].decode("utf-16-le", "replace")
        if has_two_bytes
        else body[at : at + count].decode("latin-1")
    )


def _xls_cells(stream: bytes, start: int) -> Iterator[StyledCell]:
    for kind, body in _records(stream, start):
        if kind in (_NUMBER, _RK, _FORMULA) and len(body) >= 6:
            yield StyledCell(*struct.unpack_from("<HHH", body))
        elif kind == _MANY_RK and len(body) >= 6:
            row, first = struct.unpack_from("<HH", body)
            for n, at in enumerate(range(4, len(body) - 7, 6)):
                yield StyledCell(row, first + n, _u16(body, at))


def xlsb_sheets(package: XmlPackage) -> StyledSheets:
    """Reads the number formats of an XLSB workbook. What is damaged is left out.

    Args:
        package: The workbook.
    """
    written, styles, are_for_cells = {}, [], False
    for kind, body in _binary_records(package, _STYLES):
        if kind == _B_FORMAT and len(body) >= 6:
            written[_u16(body, 0)] = _text(body, 2)[0]
        elif kind in (_B_BEGIN_STYLES, _B_END_STYLES):
            are_for_cells = kind == _B_BEGIN_STYLES
        elif kind == _B_STYLE and are_for_cells and len(body) >= 4:
            styles.append(_u16(body, 2))
    parts = package.related(_WORKBOOK)
    cells = {}
    for kind, body in _binary_records(package, _WORKBOOK):
        if kind == _B_SHEET and len(body) > 12:
            relation, at = _text(body, 8)
            part = parts.get(relation, ("", ""))[1]
            cells[_text(body, at)[0]] = _xlsb_cells(package, part)
    return StyledSheets(NumberFormats(written, styles), cells)


def _xlsb_cells(package: XmlPackage, part: str) -> Iterator[StyledCell]:
    row = 0
    for kind, body in _binary_records(package, part):
        if kind == _B_ROW and len(body) >= 4:
            row = struct.unpack_from("<I", body)[0]
        elif kind in _B_NUMBERS and len(body) >= 8:
            column, style = struct.unpack_from("<II", body)
            yield StyledCell(row, column, style & 0xFFFFFF)


def _binary_records(package: XmlPackage, part: str) -> Iterator[tuple[int, bytes]]:
    """Yields the (type, content) of the records of a part of an XLSB workbook; nothing if it has no such part."""
    data, at = package.read(part) if part in package.names else b"", 0
    while at < len(data):
        kind, at = _variable(data, at, 2)
        length, at = _variable(data, at, 4)
        yield kind, data[at : at + length]
        at += length


def _variable(data: bytes, at: int, most: int) -> tuple[int, int]:
    """Returns a number of at most `most` bytes, each with seven bits, and where it ends. Its last byte is below 128."""
    value = 0
    for n in range(most):
        if at >= len(data):
            return value, at
        byte, at = data[at], at + 1
        value |= (byte & 0x7F) << 7 * n
        if byte < 0x80:
            break
    return value, at


def _text(body: bytes, at: int) -> tuple[str, int]:
    """Returns text that follows its length in characters, and where it ends."""
    if at + 4 > len(body):
        return "", at
    count = struct.unpack_from("<I", body, at)[0]
    end = at + 4 + 2 * count if count != 0xFFFFFFFF else at + 4
    return body[at + 4 : end].decode("utf-16-le", "replace"), end


def _u16(body: bytes, at: int) -> int:
    return int(struct.unpack_from("<H", body, at)[0])
