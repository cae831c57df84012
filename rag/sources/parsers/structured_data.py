"""Parses JSON, JSON Lines and XML. Writes values as lines of text, each preceded by its name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from rag.errors import ReadError
from rag.records import Document
from rag.sources.decoding import xhtml
from rag.sources.decoding.pages import join_parts
from rag.sources.decoding.text import canonical, decode, find_date, name_as_title
from rag.sources.decoding.zipped_xml import local_name, xml_tree

_TITLES = ("title", "name", "headline", "subject")
_AUTHORS = ("author", "creator", "byline")
_SHORT = 200  # maximum length, in code points, of values that share a line


def parse(data: bytes, name: str) -> Document:
    """Parses a JSON file.

    Raises:
        ReadError: The file is not JSON.
    """
    text = decode(data)
    try:
        value = json.loads(text, parse_float=str, parse_int=str)
    except RecursionError:
        raise ReadError("its values are nested too deeply", "save it with fewer levels of nesting") from None
    except ValueError as error:
        try:
            return parse_lines(data, name)  # the file may be JSON Lines, with one value per line
        except ReadError:
            raise ReadError(
                f"it is not valid JSON ({error})"[:120], "fix it, or change the extension to .txt to add it as plain text"
            ) from None
    if isinstance(value, list):
        return _listed(value, name, "item")
    return Document(
        canonical("\n".join(_lines(value)).strip()),
        title=_field(value, _TITLES) or name_as_title(name),
        author=_field(value, _AUTHORS),
        date=find_date(text[:3000]),
        media_type="application/json",
    )


def parse_lines(data: bytes, name: str) -> Document:
    """Parses a JSON Lines file, which has one JSON value per line.

    Raises:
        ReadError: More than a tenth of the lines are not JSON.
    """
    values: list[Any] = []
    bad = 0
    for line in decode(data).split("\n"):
        try:
            values.append(json.loads(line, parse_float=str, parse_int=str) if line.strip() else None)
        except (ValueError, RecursionError):
            values.append(line)
            bad += 1
    if bad > len(values) / 10:
        raise ReadError("it is not valid JSON Lines", "fix it, or change the extension to .txt to add it as plain text")
    return _listed(values, name, "line")


def parse_xml(data: bytes, name: str) -> Document:
    """Parses an XML file.

    Raises:
        ReadError: The file is not XML.
    """
    root = xml_tree(data)
    text = xhtml.text_of(root) if local_name(root).lower() == "html" else "\n".join(_elements(root))
    title = next(
        (" ".join("".join(found.itertext()).split()) for found in root.iter() if local_name(found).lower() in _TITLES), ""
    )
    return Document(
        canonical(text.strip()),
        title=canonical(title[:200]) or name_as_title(name),
        date=find_date(text[:3000]),
        media_type="application/xml",
    )


def _listed(values: list[Any], name: str, counts: str) -> Document:
    """Returns a document in which each value from a list becomes a paragraph with a numbered anchor."""
    numbered = ((f"{counts} {n}", None, _paragraph(value)) for n, value in enumerate(values, start=1))
    text, anchors = join_parts([part for part in numbered if part[2]])
    return Document(text, name_as_title(name), date=find_date(text[:1500]), anchors=anchors, media_type="application/json")


def _paragraph(value: Any) -> str:
    """Returns one value as text, on one line if all its fields are short."""
    return (_row(value) if isinstance(value, dict) else "") or "\n".join(_lines(value)).strip()


def _row(value: dict[str, Any]) -> str:
    """Returns an object's fields on one line; "" if one of them is long or nested."""
    if any(isinstance(one, dict | list) or len(str(one)) > _SHORT for one in value.values()):
        return ""
    return " | ".join(f"{key}: {_scalar(one)}" for key, one in value.items() if _scalar(one))


def _lines(value: Any, path: str = "") -> Iterator[str]:
    """Yields lines, each containing a value preceded by its name or, if the value is nested, by its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(inner, f"{path} › {key}" if path else str(key))
    elif isinstance(value, list):
        yield from _listed_lines(value, path)
    elif text := _scalar(value):
        yield f"{path}: {text}" if path else text


def _listed_lines(values: list[Any], path: str) -> Iterator[str]:
    """Yields the lines for a list. If all values are short, they share one line; otherwise, they are on separate lines."""
    if all(not isinstance(inner, dict | list) and len(str(inner)) <= _SHORT for inner in values):
        if text := ", ".join(filter(None, map(_scalar, values))):
            yield f"{path}: {text}" if path else text
        return
    for inner in values:
        if isinstance(inner, dict) and (row := _row(inner)):
            yield f"{path}: {row}" if path else row
        elif isinstance(inner, dict):
            yield f"\n{path}:" if path else ""
            yield from _lines(inner)
        else:
            yield from _lines(inner, path)
    yield ""


def _scalar(value: Any) -> str:
    if value is None:
        return ""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _field(value: Any, names: tuple[str, ...]) -> str:
    found = next((value[name] for name in names if isinstance(value.get(name), str)), "") if isinstance(value, dict) else ""
    return " ".join(found.split())[:200]


_PROSE = re.compile(
    r"(?:p|para|paragraph|title|text|body|abstract|s|li|td|entry|emph|i|b|sub|sup|xref|a|span|ref)$", re.IGNORECASE
)


def _elements(root: etree._Element) -> Iterator[str]:
    """Yields a line for each element: its name, attributes and text. An element inside a sentence stays in the sentence."""
    done: set[etree._Element] = set()
    for element in root.iter():
        if not isinstance(element.tag, str) or element in done:
            continue
        name = local_name(element)
        attributes = ", ".join(
            f"{str(key).rpartition('}')[2]} {value}" for key, value in element.attrib.items() if value.strip()
        )
        mixed = any((child.tail or "").strip() for child in element) or bool(_PROSE.match(name))
        text = " ".join(("".join(element.itertext()) if mixed else element.text or "").split())
        if mixed:
            done.update(element.iterdescendants())
        label = f"{name} ({attributes})" if attributes and not mixed else name
        if text:
            yield text if _PROSE.match(name) else f"{label}: {text}"
        elif attributes:
            yield label
