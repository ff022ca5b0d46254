"""Reading what was saved: one checker, which compares parsed JSON, or a line of text, with a dataclass.

Dataclasses rather than pydantic or msgspec: there are a handful of small schemas, and either library is a compiled dependency
that is larger than this file by orders of magnitude. All errors are the library's own `InputError`, with the field's name.
NaN and infinity are refused, a boolean is no number, and fields that the class does not have are refused.
"""

from __future__ import annotations

import dataclasses
import math
import re
import types
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from vaeaug.runtime.errors import refuse

T = TypeVar("T")
LONGEST_INTEGER = 40  # digits; Python itself refuses 4,300
INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|nan|inf)", re.ASCII | re.IGNORECASE)


class Between(NamedTuple):
    """The allowed range of a number, as an annotation: `Annotated[int, Between(1)]`."""

    low: float = -math.inf
    high: float = math.inf


MAY_BE_NAN = object()  # an annotation of a float


class Mismatch(ValueError):
    """Raised where content does not fit; says which field, what was expected and what is there.

    Arguments:
        name: The path of the field, such as `data.counts[0]`.
        expected: What it should have been.
        got: What it is.
    """

    def __init__(self, name: str, expected: str, got: str) -> None:
        super().__init__(f"{name}: expected {expected}, got {got}")
        self.name, self.expected, self.got = name, expected, got


class Place(NamedTuple):
    """The path of a field in the content, such as `data.counts[0]`."""

    name: str = ""

    def field(self, name: str) -> Place:
        return Place(f"{self.name}.{name}" if self.name else name)

    def item(self, index: int) -> Place:
        return Place(f"{self.name}[{index}]")

    def refuse(self, expected: str, value: Any) -> NoReturn:
        text = repr(value)
        raise Mismatch(self.name or "the content", expected, text if len(text) <= 60 else f"{text[:57]}...")


def read(cls: type[T], content: Any, file: str, remedy: str) -> T:
    """Returns an instance of a dataclass made from parsed JSON.

    Arguments:
        cls: The dataclass; see `parse`.
        content: What was read.
        file: What was read, for the message, such as `'model/vae.safetensors'`.
        remedy: What the user can do about a file that does not fit.

    Raises:
        InputError: If a field is missing, unknown, of another type or out of range.
    """
    try:
        return parse(cls, content)
    except Mismatch as error:
        refuse(f"{error.name} to be {error.expected} in {file}", error.got, remedy)


def read_text(cls: type[T], row: Mapping[Any, Any], file: str, remedy: str) -> T:
    """Returns an instance of a dataclass whose fields are int, float or str, made from texts.

    Arguments:
        cls, file, remedy: As in `read`.
        row: The text of each field.

    Raises:
        InputError: As `read`.
    """
    hints = _hints(cls)  # type: ignore[arg-type]
    try:
        values = {name: _number(text, hints.get(name), Place(name)) for name, text in row.items()}
        return parse(cls, values)
    except Mismatch as error:
        refuse(f"{error.name} to be {error.expected} in {file}", error.got, remedy)


def parse(cls: type[T], content: Any) -> T:
    """Returns an instance of a dataclass made from parsed JSON.

    Arguments:
        cls: The dataclass. Its fields may be int, float, bool, str, None, Any, literals, tuples, lists, dicts of text,
            unions of these, and other such dataclasses.
        content: What was read.

    Raises:
        Mismatch: If a field is missing, unknown, of another type or out of range.
    """
    return _read_object(cls, content, Place())


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


def _number(text: str, hint: Any, place: Place) -> Any:
    kind = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if kind is int:
        return (
            int(text)
            if INTEGER.fullmatch(text) and len(text) < LONGEST_INTEGER
            else place.refuse("a whole number", text)
        )
    if kind is float:
        return float(text) if NUMBER.fullmatch(text) else place.refuse("a number", text)
    return text


def _read_object(cls: type[T], content: Any, place: Place) -> T:
    if not isinstance(content, Mapping):
        place.refuse("an object with named fields", content)
    hints = _hints(cls)  # type: ignore[arg-type]
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    unknown = [name for name in content if name not in fields]
    if unknown:
        place.refuse(f"an object without a field {unknown[0]!r}", list(content))
    missing = [name for name, f in fields.items() if name not in content and _is_required(f)]
    if missing:
        place.refuse(f"an object with a field {missing[0]!r}", list(content))
    return cls(**{name: read_value(hints[name], value, place.field(name)) for name, value in content.items()})


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def read_value(hint: Any, value: Any, place: Place) -> Any:
    """Returns a value as its annotation describes it: lists become tuples where the annotation says so.

    Arguments:
        hint: The annotation.
        value: The parsed value.
        place: Where it was found.

    Raises:
        InputError: If it does not fit.
    """
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin is Annotated:
        return _read_annotated(args[0], args[1:], value, place)
    if origin in (Union, types.UnionType):
        return _read_union(args, value, place)
    if origin is Literal:
        return value if value in args else place.refuse(f"one of {', '.join(map(str, args))}", value)
    if origin in (tuple, list):
        return _read_sequence(origin, args, value, place)
    if origin is dict:
        if not isinstance(value, Mapping):
            place.refuse("an object with named fields", value)
        return {str(name): read_value(args[1], entry, place.field(str(name))) for name, entry in value.items()}
    if dataclasses.is_dataclass(hint):
        return _read_object(hint, value, place)  # type: ignore[arg-type]
    return _read_scalar(hint, value, place, finite=True)


def _read_annotated(hint: Any, notes: tuple[Any, ...], value: Any, place: Place) -> Any:
    if hint is float and MAY_BE_NAN in notes:
        return _read_scalar(hint, value, place, finite=False)
    value = read_value(hint, value, place)
    for note in notes:
        if isinstance(note, Between) and not note.low <= value <= note.high:
            end = f" to {note.high:g}" if note.high < math.inf else " up"
            place.refuse(f"a number from {note.low:g}{end}", value)
    return value


def _read_union(hints: tuple[Any, ...], value: Any, place: Place) -> Any:
    if value is None and type(None) in hints:
        return None
    others = [hint for hint in hints if hint is not type(None)]
    for hint in others[:-1]:
        try:
            return read_value(hint, value, place)
        except Mismatch:
            continue
    return read_value(others[-1], value, place)


def _read_sequence(kind: type, hints: tuple[Any, ...], value: Any, place: Place) -> Any:
    if not isinstance(value, list | tuple):
        place.refuse("a list", value)
    if kind is tuple and hints[-1] is not Ellipsis:
        if len(value) != len(hints):
            place.refuse(f"a list of {len(hints)} values", value)
    else:
        hints = (hints[0],) * len(value)
    return kind(read_value(hint, v, place.item(i)) for i, (hint, v) in enumerate(zip(hints, value, strict=True)))


def _read_scalar(kind: Any, value: Any, place: Place, *, finite: bool) -> Any:
    is_bool = isinstance(value, bool)
    if kind is float and isinstance(value, int | float) and not is_bool:
        if abs(value) > 1e308 or (finite and not math.isfinite(value)):
            place.refuse("a finite number", value)
        return float(value)
    if isinstance(value, kind) and is_bool == (kind is bool):
        return value
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
    place.refuse(words.get(kind, str(kind)), value)
