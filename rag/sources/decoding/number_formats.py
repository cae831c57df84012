"""Writes numbers the way a spreadsheet application shows them, as in "12.5%" and "1,200.00 €".

Source: ECMA-376, part 1, section 18.8.30 (numFmt) and 18.8.31 (numFmts). Formats for dates are not handled here, because
the reader of the workbook recognises dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import NamedTuple

from rag.sources.decoding.stray_cells import column_number
from rag.sources.decoding.zipped_xml import XmlPackage, attribute, children, first_element

# Formats that are numbered in the standard instead of being written down in the workbook.
_BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: "$#,##0;-$#,##0", 6: "$#,##0;-$#,##0", 7: "$#,##0.00;-$#,##0.00",
    8: "$#,##0.00;-$#,##0.00", 9: "0%", 10: "0.00%", 37: "#,##0;(#,##0)", 38: "#,##0;(#,##0)", 39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;(#,##0.00)", 41: "#,##0;(#,##0);-", 42: "$#,##0;($#,##0);-", 43: "#,##0.00;(#,##0.00);-",
    44: "$#,##0.00;($#,##0.00);-",
}  # fmt: skip
_LONGEST_CODE = 255
_MOST_DECIMALS, _MOST_PERCENTS = 30, 2
_LARGEST = 1e15  # larger numbers are not exact, and are written without a format
_CELL = re.compile(rb'<(?:\w+:)?c r="([A-Z]{1,3})([1-9][0-9]{0,6})" s="([0-9]{1,6})"')
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|\[\$(?P<currency>[^\]-]*)[^\]]*\]|(?P<colour>\[[A-Za-z]{3,}[0-9]{0,2}\])'
    r"|(?P<space>[_*].)|(?P<number>[0#?][0#?,]*(?:\.[0#?]*)?,*|\.[0#?]+)|(?P<percent>%)|(?P<literal>[-+$€£¥() :!&'~{}<>=])"
)


class ShownCell(NamedTuple):
    """A cell that a workbook shows differently from its value.

    Attributes:
        row: From 0.
        column: From 0.
        text: What is shown.
        exact: The exact number if the one that is shown is rounded, in the same unit: "12.543" for 12.5%; otherwise empty.
    """

    row: int
    column: int
    text: str
    exact: str = ""


@dataclass(frozen=True, slots=True)
class _Section:
    """A part of a format for positive, negative or zero numbers.

    Attributes:
        before: Text before the number.
        after: Text after it.
        digits: Placeholders for its digits; empty if the section shows no number.
        percents: How many percent signs there are.
    """

    before: str
    after: str
    digits: str
    percents: int


class StyledCell(NamedTuple):
    """A cell and the number of its style; rows and columns are counted from 0."""

    row: int
    column: int
    style: int


class NumberFormats:
    """The number formats of a workbook.

    Args:
        written: The formats that the workbook defines, by their number.
        styles: The number of each style's format.
    """

    def __init__(self, written: Mapping[int, str], styles: Iterable[int]) -> None:
        self._codes = [written.get(number) or _BUILT_IN.get(number, "") for number in styles]
        self._matter = {n for n, code in enumerate(self._codes) if _sections(code)}

    def shown(self, cells: Iterable[StyledCell], values: Sequence[Sequence[object]]) -> Iterator[ShownCell]:
        """Yields the cells of a sheet that have a format for numbers.

        Args:
            cells: Cells that contain numbers.
            values: The values of all cells.
        """
        for row, column, style in cells if self._matter else ():
            if style in self._matter and row < len(values) and column < len(values[row]):
                value = values[row][column]
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    text, exact = shown(value, self._codes[style])
                    if text:
                        yield ShownCell(row, column, text, exact)


def xlsx_formats(package: XmlPackage) -> NumberFormats:
    """Reads the number formats of an XLSX workbook."""
    styles = package.find("xl/styles.xml")
    own, cells = first_element(styles, "numFmts"), first_element(styles, "cellXfs")
    listed = children(own, "numFmt") if own is not None else ()
    written = {_number_of(attribute(one, "numFmtId")): attribute(one, "formatCode") for one in listed}
    codes = (attribute(one, "numFmtId") for one in (children(cells, "xf") if cells is not None else ()))
    return NumberFormats(written, map(_number_of, codes))


def xlsx_cells(package: XmlPackage, sheet: str) -> Iterator[StyledCell]:
    """Yields the cells of a sheet of an XLSX workbook that have a style.

    Args:
        package: The workbook.
        sheet: The sheet's part of the package.
    """
    for found in _CELL.finditer(package.read(sheet)):
        yield StyledCell(int(found.group(2)) - 1, column_number(found.group(1).decode()) - 1, int(found.group(3)))


def _number_of(code: str) -> int:
    return int(code) if code.isascii() and code.isdigit() and len(code) < 6 else 0


def shown(value: float, code: str) -> tuple[str, str]:
    """Returns a number as it is shown with a format, and the exact number in the same unit if the one shown is rounded.

    Both are empty if the format is not known or does not change the number.

    Example:
        >>> [shown(0.125, "0.0%"), shown(-1234.5, '#,##0.00 "€"'), shown(-3, "#,##0;(#,##0)"), shown(5.04e6, '0.0,,"m"')]
        [('12.5%', ''), ('-1,234.50 €', ''), ('(3)', ''), ('5.0m', '5.04')]
    """
    sections = _sections(code[: _LONGEST_CODE + 1])
    if not sections or not abs(value) < _LARGEST:
        return "", ""
    part, sign = sections[0], "-" if value < 0 else ""
    if value < 0 and len(sections) > 1:
        part, sign = sections[1], ""
    elif value == 0 and len(sections) > 2:
        part = sections[2]
    number, exact = _number(abs(value), part) if part.digits else ("", "")
    exact = f"-{exact}" if exact and value < 0 else exact
    return (sign + part.before + number + part.after).strip(), exact


def _number(value: float, part: _Section) -> tuple[str, str]:
    whole, _, decimals = part.digits.partition(".")
    thousands = len(part.digits) - len(part.digits.rstrip(","))
    exact = Decimal(repr(float(value))).scaleb(2 * part.percents - 3 * thousands)
    places = Decimal(1).scaleb(-min(sum(d in "0#?" for d in decimals), _MOST_DECIMALS))
    quantized = exact.quantize(places, ROUND_HALF_UP, Context(prec=60))
    rounded = format(quantized, "f")
    left, _, right = rounded.partition(".")
    needed = len(decimals.rstrip(",").rstrip("#?"))
    while len(right) > needed and right.endswith("0"):
        right = right[:-1]
    left = left.lstrip("0").rjust(whole.count("0"), "0")
    if left and "," in whole.strip(","):
        left = f"{int(left):,}"
    # Fifteen digits are those that a spreadsheet application computes with: 0.1 + 0.2 is not different from 0.30.
    precise = Context(prec=15).create_decimal(exact).normalize()
    return f"{left}.{right}" if right else left, "" if precise == quantized else format(precise, "f")


@lru_cache(1024)
def _sections(code: str) -> Sequence[_Section]:
    """Returns the sections of a format; empty if it is not known, is for dates or text, or does not change numbers."""
    if not code or len(code) > _LONGEST_CODE:
        return ()
    sections: list[_Section] = []
    before, after, digits, percents, at = "", "", "", 0, 0
    while at <= len(code):
        if at == len(code) or code[at] == ";":
            sections.append(_Section(before, after, digits, percents))
            before, after, digits, percents = "", "", "", 0
            at += 1
            continue
        found = _TOKEN.match(code, at)
        if found is None:
            rest = code[at:].strip().lower()
            return sections[:3] if len(sections) == 3 and rest.lstrip("_*( )").startswith("@") else ()
        at = found.end()
        if found["number"]:
            if digits:
                return ()
            digits = found["number"]
            continue
        text = next((found[name] for name in ("quoted", "escaped", "currency", "literal") if found[name]), "")
        if found["percent"]:
            text, percents = "%", percents + 1
            if percents > _MOST_PERCENTS:
                return ()
        if digits:
            after += text
        else:
            before += text
    return sections
