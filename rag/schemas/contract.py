"""How a JSON contract is derived from a record. The home of pydantic.

Contracts are built when their module is imported, which takes 0.1 s: commands import these modules only to print JSON.
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
# A number as it is: pydantic would print the integer 28 of a float field as 28.0.
Number = Annotated[int | float, WithJsonSchema({"type": "number"})]


class Contract(BaseModel):
    """A JSON object that differs from its record: fields are left out, renamed, reordered or added."""

    model_config = ConfigDict(from_attributes=True, json_schema_serialization_defaults_required=True)


class Versioned(Contract):
    """A JSON object that starts with the version of its schema."""

    schema_version: int = SCHEMA_VERSION


def derive(
    record: type,
    spec: str = "",
    *,
    without: str = "",
    nested: Mapping[type, type[Contract]] | None = None,
    base: type[Contract] = Contract,
) -> type[Contract]:
    """Returns the contract of a record; types come from the record.

    Args:
        record: A dataclass.
        spec: The JSON fields in order, separated by spaces: `name`, or `name=path.to.attribute`. Empty means all fields.
        without: Fields of the record that the JSON leaves out, separated by spaces.
        nested: Record → contract, for records inside this one that have a contract of their own.
        base: The contract whose fields come first.

    Raises:
        TypeError: A field of the record is neither in `spec` nor in `without`.

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
        raise TypeError(f"the contract of {record.__name__} says nothing of {', '.join(sorted(undecided))}")
    types = {name: _as_json_type(_type_at(record, path), nested or {}) for name, path in paths.items()}
    found: dict[str, Any] = {
        name: (types[name], Field(validation_alias=AliasPath(*path)) if path != (name,) else ...)
        for name, path in paths.items()
    }
    made: type[Contract] = create_model(record.__name__, __base__=base, **found)
    return made


def _path(part: str) -> tuple[str, tuple[str, ...]]:
    """A field of a spec: "dense=ranks.dense" → ("dense", ("ranks", "dense"))."""
    name, _, path = part.partition("=")
    return name, tuple((path or name).split("."))


def _type_at(record: type, path: tuple[str, ...]) -> Any:
    """The annotated type of an attribute of a record, or of a record in it."""
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
    """Returns pydantic's adapter of a contract, or of a record that is printed as it is."""
    return TypeAdapter(contract)


def to_json(contract: type, record: object, **more: object) -> JSONObject:
    """Returns a record as JSON values.

    Args:
        contract: A contract, or the record's own class.
        record: The record, or a dict with the values of a contract.
        more: Fields of the contract that the record does not have.
    """
    value = record if is_dataclass(contract) else adapter(contract).validate_python(record)
    if isinstance(value, BaseModel) and more:
        value = value.model_copy(update=more)
    dumped: JSONObject = adapter(contract).dump_python(value, mode="json")
    return dumped
