"""Derives JSON contracts from records, using pydantic. A contract defines the structure of one kind of JSON output.

Contracts are built when their modules are imported, which takes 0.1 s. Commands therefore import these modules only when
they print JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import AliasPath, BaseModel, ConfigDict, Field, TypeAdapter, WithJsonSchema, create_model

SCHEMA_VERSION = 1
JSONObject = dict[str, Any]
# A number that is printed unchanged. With the type float, pydantic would print the integer 28 as 28.0.
Number = Annotated[int | float, WithJsonSchema({"type": "number"})]


class Contract(BaseModel):
    """A JSON object derived from a record, with some fields left out, renamed, reordered or added."""

    model_config = ConfigDict(from_attributes=True, json_schema_serialization_defaults_required=True)


class Versioned(Contract):
    """A JSON object whose first field is the version of its schema."""

    schema_version: int = SCHEMA_VERSION


def derive(
    record: type,
    spec: str = "",
    *,
    without: str = "",
    nested: Mapping[type, type[Contract]] | None = None,
    base: type[Contract] = Contract,
) -> type[Contract]:
    """Derives the contract for a record. The field types are the same as in the record.

    Args:
        record: A dataclass.
        spec: The JSON fields in order, separated by spaces. Each is `name` or `name=path.to.attribute`. If empty, all of
            the record's fields are used, except those in `without`.
        without: Fields of the record that the JSON leaves out, separated by spaces.
        nested: Contracts for nested records, keyed by record class. Other nested records are printed unchanged.
        base: The contract to extend; its fields come first.

    Raises:
        TypeError: A field of the record is in neither `spec` nor `without`.

    Example:
        >>> from rag.records import Turn
        >>> to_json(derive(Turn, "q=question", without="answer"), Turn("Who?", "She."))
        {'q': 'Who?'}
    """
    names = [field.name for field in fields(record)]
    left_out = without.split()
    paths = dict(_path(part) for part in spec.split()) or {name: (name,) for name in names if name not in left_out}
    undecided = set(names) - {path[0] for path in paths.values()} - set(left_out)
    if undecided:
        raise TypeError(f"the contract for {record.__name__} neither includes nor omits {', '.join(sorted(undecided))}")
    types = {name: _as_json_type(_type_at(record, path), nested or {}) for name, path in paths.items()}
    found: dict[str, Any] = {
        name: (types[name], Field(validation_alias=AliasPath(*path)) if path != (name,) else ...)
        for name, path in paths.items()
    }
    made: type[Contract] = create_model(record.__name__, __base__=base, **found)
    return made


def _path(part: str) -> tuple[str, tuple[str, ...]]:
    """Parses one field of a spec, such as "dense=ranks.dense" → ("dense", ("ranks", "dense"))."""
    name, _, path = part.partition("=")
    return name, tuple((path or name).split("."))


def _type_at(record: type, path: tuple[str, ...]) -> Any:
    """Returns the annotated type of an attribute of a record or of a nested record."""
    found: Any = record
    for name in path:
        found = get_type_hints(found)[name]
    return found


def _as_json_type(hint: Any, nested: Mapping[type, type[Contract]]) -> Any:
    """Returns a type with nested records replaced by their contracts, mappings by dict, and float by `Number`."""
    if isinstance(hint, type) and hint in nested:
        return nested[hint]
    if hint is float:
        return Number
    origin: Any = get_origin(hint)
    arguments = tuple(_as_json_type(argument, nested) for argument in get_args(hint))
    if origin in (Union, UnionType):
        return Union.__getitem__(arguments)
    if origin in (tuple, dict, Mapping):
        return (tuple if origin is tuple else dict).__class_getitem__(arguments)
    return hint


@cache
def adapter(contract: Any) -> TypeAdapter[Any]:
    """Returns pydantic's adapter for a contract, or for a record that is printed unchanged."""
    return TypeAdapter(contract)


def to_json(contract: type, record: object, **more: object) -> JSONObject:
    """Converts a record to a JSON object.

    Args:
        contract: The contract, or the record's own class if the record is printed unchanged.
        record: The record, or a dict with the values for the contract.
        more: Values for the contract's fields that the record does not have.
    """
    value = record if is_dataclass(contract) else adapter(contract).validate_python(record)
    if isinstance(value, BaseModel) and more:
        value = value.model_copy(update=more)
    dumped: JSONObject = adapter(contract).dump_python(value, mode="json")
    return dumped
