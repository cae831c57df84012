"""Reads the cells of a table's lines, with the names of their columns, and the numbers in them."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from rag.records import Block
from rag.text.blocks.columns import cell_spans, has_border, is_ruling

_MOST_DIGITS = 40
_NUMBER = re.compile(
    r"(?P<open>\()?(?P<sign>[-−–+]?)[ ]?(?P<before>[^\W\d_]{0,3}[^\w\s.,()+−–-]?|[A-Z]{3}[ ]?)[ ]{0,3}"
    r"(?P<inner>\()?(?P<sign2>[-−–]?)(?P<digits>\d[\d.,'’ \u00a0\u2009\u202f]{0,39})(?<![ \u00a0\u2009\u202f])"
    r"(?P<close>\))?[ \u00a0]?(?P<after>[^\d()|]{0,20})(?P<end>\))?"
)
_GROUPS = re.compile(r"\d{1,3}(?:(?P<mark>[.,'’ \u00a0\u2009\u202f])\d{2,3})(?:(?P=mark)\d{2,3})*")
_SPACE = re.compile(" ")
_ORDINALS = ("st", "nd", "rd", "th")
# Codes of currencies (ISO 4217) that precede a sum more often than other words of three capitals do.
_CURRENCIES = frozenset(
    "AED ARS AUD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR JPY KES KRW MXN MYR NGN NOK NZD PHP PKR"
    " PLN RON RUB SAR SEK SGD THB TRY TWD UAH USD VND ZAR".split()
)


class Quantity(NamedTuple):
    """A number with its unit.

    Attributes:
        number: The number in that unit: 12.5 for "12.5%".
        unit: A percent sign, a currency, or another unit, such as "kg" or "million"; may be empty.
    """

    number: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table's row.

    Attributes:
        name: The column's name; empty if it has none. Names of several header lines are joined by spaces.
        start: Where the cell's value starts in the document's text, behind the column's name if that precedes it.
        end: Where it ends.
        quantity: What the cell counts or measures; None if it is not one number with at most one unit.
    """

    name: str
    start: int
    end: int
    quantity: Quantity | None


def exact_numbers(blocks: Iterable[Block]) -> dict[int, Decimal]:
    """Returns the exact numbers of a document's rounded cells, by the position at which each cell starts."""
    return {block.start: Decimal(block.number) for block in blocks if block.kind == "cell" and block.number}


def table_rows(text: str, table: Block, exact: Mapping[int, Decimal] = MappingProxyType({})) -> Iterator[list[Cell]]:
    r"""Yields the cells of each row of a table below its header lines. Empty cells are left out.

    Args:
        text: The text that contains the table.
        table: A block of the kind "table".
        exact: The exact numbers of the document's rounded cells; see `exact_numbers`.

    Example:
        >>> text = "Item | Price\nItem: Oak | Price: 1,200 €"
        >>> [[cell] for row in table_rows(text, Block("table", 0, len(text), level=1)) for cell in row[1:]]
        [[Cell(name='Price', start=32, end=39, quantity=Quantity(number=Decimal('1200'), unit='€'))]]
    """
    lines = [(start, line) for start, line in _lines(text, table) if line.strip() and not is_ruling(line.strip())]
    bordered = has_border(line for _, line in lines)
    headers = [
        [(span, line[slice(*span)]) for span in cell_spans(line, has_border=bordered)] for _, line in lines[: table.level]
    ]
    known = {name for header in headers for _, name in header if name}
    placed = []
    for start, line in lines[table.level :]:
        spans = cell_spans(line, has_border=bordered)
        names = _names_above(headers, spans, is_barred="|" in line)
        placed.append([_named(line, start, a, b, name, known) for name, (a, b) in zip(names, spans, strict=True)])
    comma = has_decimal_commas(text[start:end] for row in placed for _, start, end in row)
    for row in placed:
        cells = []
        for name, start, end in row:
            found = quantity(text[start:end], decimal_comma=comma)
            if start in exact:
                found = Quantity(exact[start], found.unit if found else "")
            if start < end:
                cells.append(Cell(name, start, end, found))
        yield cells


def _lines(text: str, table: Block) -> Iterator[tuple[int, str]]:
    start = text.rfind("\n", 0, table.start) + 1
    for line in text[start : table.end].split("\n"):
        yield start, line
        start += len(line) + 1


def _names_above(
    headers: Sequence[Sequence[tuple[tuple[int, int], str]]], spans: Sequence[tuple[int, int]], *, is_barred: bool
) -> Iterator[str]:
    """Yields the name of each cell's column: those in the same place of each header line, or the nearest ones above."""
    for n, (start, end) in enumerate(spans):
        names = []
        for header in headers:
            if is_barred:
                names.append(_spanning(header, n) if header is not headers[-1] else _nth(header, n))
                continue
            at, name = min(header, key=lambda above: abs(sum(above[0]) - start - end) if above[1] else math.inf)
            names.append(name if n or at[0] < end else "")
        yield " ".join(dict.fromkeys(filter(None, names)))


def _nth(header: Sequence[tuple[tuple[int, int], str]], n: int) -> str:
    return header[n][1] if n < len(header) else ""


def _spanning(header: Sequence[tuple[tuple[int, int], str]], n: int) -> str:
    """Returns the name that a header line above others gives a column: its own, or one that spans several columns.

    A single name spans all columns; otherwise, a name spans the columns up to the next one.
    """
    names = [name for _, name in header[1:] if name]
    if n == 0 or len(names) < 2:
        return "" if n == 0 or not names else names[0]
    return next((name for _, name in reversed(header[1 : n + 1]) if name), "")


def _named(line: str, offset: int, start: int, end: int, above: str, known: set[str]) -> tuple[str, int, int]:
    """Returns the name, start and end of a cell's value. In "Price: 12 €", the column's name precedes the value."""
    name, colon, value = line[start:end].rpartition(": ")
    if colon and (quantity(value) or _begins_or_ends_with(name, known)):
        return name, offset + end - len(value), offset + end
    return above, offset + start, offset + end


def _begins_or_ends_with(name: str, known: set[str]) -> bool:
    """Whether one of the known names is all of a name, or whole words at its start or its end."""
    gaps = [found.start() for found in _SPACE.finditer(name)]
    return name in known or any(name[:gap] in known or name[gap + 1 :] in known for gap in gaps)


def quantity(words: str, *, decimal_comma: bool = False) -> Quantity | None:
    """Returns the number that is all of a text, with its unit; None if the text is anything else.

    Args:
        words: The text, such as a table's cell.
        decimal_comma: Whether 1,234 has three decimals, and 1.234 is more than a thousand.

    Example:
        >>> [str(quantity(words).number) for words in ("1,204", "(3.5)", "12 %", "US$1.2 million", "−4 °C")]
        ['1204', '-3.5', '12', '1.2', '-4']
        >>> quantity("1.204,50 €", decimal_comma=True), quantity("HX-2040"), quantity("2nd")
        (Quantity(number=Decimal('1204.50'), unit='€'), None, None)
    """
    words = words.strip()
    found = _NUMBER.fullmatch(words) if len(words) <= _MOST_DIGITS * 2 else None
    if found is None or found["after"].casefold() in _ORDINALS:
        return None
    before, after = found["before"].strip(), found["after"].strip()
    if (before and not _is_currency(before)) or (after and not _is_unit(after)):
        return None
    digits = _plain(found["digits"].strip(), decimal_comma)
    opened, closed = (sum(bool(found[name]) for name in names) for names in (("open", "inner"), ("close", "end")))
    if digits is None or opened != closed or opened > 1:
        return None
    is_negative = opened == 1 or (found["sign"] or found["sign2"]) in tuple("-−–")
    unit = " ".join(filter(None, (before, after)))
    return Quantity(-Decimal(digits) if is_negative else Decimal(digits), unit)


def has_decimal_commas(texts: Iterable[str]) -> bool:
    """Whether most numbers that show which mark precedes their decimals have a comma.

    Example:
        >>> has_decimal_commas(["1.234,50", "12,5 %", "3.000"]), has_decimal_commas(["1,234", "12"])
        (True, False)
    """
    votes = 0
    for words in texts:
        found = _NUMBER.fullmatch(words.strip()) if len(words) <= _MOST_DIGITS * 2 else None
        votes += _vote(found["digits"].strip()) if found else 0
    return votes > 0


def _vote(digits: str) -> int:
    """Returns 1 if a number shows that a comma precedes decimals, -1 if it shows that a point does, and otherwise 0."""
    marks = [character for character in digits if character in ".,"]
    if not marks:
        return 0
    if len(set(marks)) == 2:
        return 1 if marks[-1] == "," else -1
    if len(marks) > 1:
        return -1 if marks[0] == "," else 1
    left, _, right = digits.partition(marks[0])
    is_decimal = len(right) != 3 or left == "0"
    return (1 if marks[0] == "," else -1) if is_decimal else 0


def _plain(digits: str, decimal_comma: bool) -> str | None:
    """Returns a number's digits with a decimal point and without marks between thousands; None if it is no number.

    Groups of two digits, as in 12,34,567, are read, too.
    """
    vote = _vote(digits)
    comma = vote > 0 if vote else decimal_comma
    whole, mark, decimals = digits.rpartition("," if comma else ".")
    if not mark:
        whole, decimals = decimals, ""
    if decimals and not decimals.isdigit():
        return None
    if not whole.isdigit():
        groups = _GROUPS.fullmatch(whole)
        if groups is None or len(re.split(r"\D", whole)[-1]) != 3:
            return None
        whole = re.sub(r"\D", "", whole)
    return f"{whole}.{decimals}" if decimals else whole


def _is_currency(words: str) -> bool:
    return words in _CURRENCIES or unicodedata.category(words[-1]) == "Sc"


def _is_unit(words: str) -> bool:
    """Whether words behind a number are a unit: one or two words, or signs such as % and °."""
    first = words[0]
    is_sign = unicodedata.category(first) in ("Sc", "So", "Sk") or first in "%‰"
    return (is_sign or first.isalpha()) and len(words.split()) <= 2 and words[-1] not in ",;:-–"
