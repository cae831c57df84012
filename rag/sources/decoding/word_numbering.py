"""Computes the numbers that Word shows before paragraphs, which a document's text does not contain.

Source: ECMA-376, part 1, section 17.9 (Numbering).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree

from rag.sources.decoding.zipped_xml import attribute, children, first_element

_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"),
    (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_MOST = 5_000  # larger numbers, which only a hostile file has, are written in digits
_LEVELS = 9
_LONGEST_PATTERN = 100  # code points


@dataclass(frozen=True, slots=True)
class _Level:
    """How a level of a list is numbered.

    Attributes:
        start: The first number.
        kind: The kind of number, such as "decimal" or "lowerLetter"; "bullet" for a bullet.
        pattern: The number as it is shown, such as "%1.%2" for the first two levels.
        is_legal: Whether all levels are shown in digits.
    """

    start: int = 1
    kind: str = "decimal"
    pattern: str = ""
    is_legal: bool = False


@dataclass(slots=True)
class _Numbers:
    """A list definition, and the last number of each of its levels."""

    levels: dict[int, _Level]
    styles: dict[str, int]  # paragraph style → level
    last: dict[int, int] = field(default_factory=dict)


class WordNumbering:
    """The numbers of one document's paragraphs. Ask for them in the order of the text.

    Args:
        numbering: The root of the part numbering.xml; None if there is none.
        styles: The root of the part styles.xml; None if there is none.
    """

    def __init__(self, numbering: etree._Element | None, styles: etree._Element | None) -> None:
        abstract = {
            attribute(one, "abstractNumId"): _definition(one)
            for one in (children(numbering, "abstractNum") if numbering is not None else ())
        }
        self._lists: dict[str, _Numbers] = {}
        self._restarts: dict[str, dict[int, int]] = {}
        for one in children(numbering, "num") if numbering is not None else ():
            id_, of = attribute(one, "numId"), first_element(one, "abstractNumId")
            if of is not None and (found := abstract.get(attribute(of, "val"))) is not None:
                self._lists[id_] = found
                self._restarts[id_] = _restarts(one)
        self._of_style = {
            attribute(style, "styleId"): (*_reference(first_element(style, "pPr")), _value(style, "basedOn"))
            for style in (children(styles, "style") if styles is not None else ())
        }

    def next(self, properties: etree._Element | None, style: str) -> tuple[str, int] | None:
        """Returns the number and the level (from 0) of the next paragraph; None if it has none. A bullet is "-".

        Args:
            properties: The paragraph's properties (pPr); None if it has none.
            style: The id of the paragraph's style; empty if it has none.
        """
        id_, level = _reference(properties)
        is_listed = properties is not None and next(children(properties, "numPr"), None) is not None and id_ != "0"
        numbers = self._lists.get(id_)
        if not id_:
            numbers, id_, level = self._numbers_of_style(style)
        if numbers is None or id_ == "0":
            return ("-", 0) if is_listed else None  # the list is not defined
        level = min(max(level, 0), _LEVELS - 1)
        definition = numbers.levels.get(level, _Level(kind="none"))
        if definition.kind == "bullet":
            return "-", level
        restart = self._restarts.get(id_, {}).pop(level, None)
        above = [numbers.last.setdefault(n, numbers.levels.get(n, _Level()).start) for n in range(level)]
        previous = numbers.last.get(level)
        numbers.last[level] = restart if restart is not None else definition.start if previous is None else previous + 1
        for deeper in [n for n in numbers.last if n > level]:
            del numbers.last[deeper]
        shown = _shown(definition, numbers.levels, [*above, numbers.last[level]])
        return (shown, level) if shown else None

    def _numbers_of_style(self, style: str) -> tuple[_Numbers | None, str, int]:
        """Returns the list that a paragraph style belongs to, the list's id, and the level."""
        name = style
        for _ in range(10):
            id_, level, above = self._of_style.get(name, ("", 0, ""))
            if id_ and (numbers := self._lists.get(id_)) is not None:
                return numbers, id_, numbers.styles.get(style, numbers.styles.get(name, level))
            if id_ or not above:
                break
            name = above
        return None, "", 0


def _definition(element: etree._Element) -> _Numbers:
    levels: dict[int, _Level] = {}
    styles: dict[str, int] = {}
    for level in children(element, "lvl"):
        n = _number(attribute(level, "ilvl"), 0)
        start, kind = _number(_value(level, "start"), 1), _value(level, "numFmt") or "decimal"
        levels[n] = _Level(
            start, kind, _value(level, "lvlText")[:_LONGEST_PATTERN], first_element(level, "isLgl") is not None
        )
        if style := _value(level, "pStyle"):
            styles[style] = n
    return _Numbers(levels, styles)


def _restarts(element: etree._Element) -> dict[int, int]:
    """Returns the number with which each level of a list starts again."""
    found = {}
    for override in children(element, "lvlOverride"):
        if value := _value(override, "startOverride"):
            found[_number(attribute(override, "ilvl"), 0)] = _number(value, 1)
    return found


def _reference(properties: etree._Element | None) -> tuple[str, int]:
    """Returns the id of the list and the level that properties name; ("", 0) if they name none."""
    about = next(children(properties, "numPr"), None) if properties is not None else None
    return (_value(about, "numId"), _number(_value(about, "ilvl"), 0)) if about is not None else ("", 0)


def _shown(definition: _Level, levels: dict[int, _Level], numbers: list[int]) -> str:
    shown = definition.pattern
    for n, number in enumerate(numbers):
        kind = "decimal" if definition.is_legal else levels.get(n, _Level()).kind
        shown = shown.replace(f"%{n + 1}", formatted(number, kind))
    return shown.strip()


def formatted(number: int, kind: str) -> str:
    """Returns a number as Word writes it; digits for kinds that are rare.

    Example:
        >>> [formatted(3, kind) for kind in ("decimal", "lowerLetter", "upperRoman", "decimalZero")]
        ['3', 'c', 'III', '03']
    """
    if kind == "none":
        return ""
    if kind == "decimalZero":
        return f"{number:02}"
    if 0 < number <= _MOST and kind in ("lowerLetter", "upperLetter"):
        letters = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letters.upper() if kind == "upperLetter" else letters
    if 0 < number <= _MOST and kind in ("lowerRoman", "upperRoman"):
        roman = _roman(number)
        return roman.upper() if kind == "upperRoman" else roman
    return str(number)


def _roman(number: int) -> str:
    written = ""
    for value, letters in _ROMAN:
        written += letters * (number // value)
        number %= value
    return written


def _value(element: etree._Element | None, name: str) -> str:
    found = next(children(element, name), None) if element is not None else None
    return attribute(found, "val") if found is not None else ""


def _number(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else default
