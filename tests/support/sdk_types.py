"""The types of Telnyx's own Python SDK: as strict as JSON, and as a list of what they allow."""

import typing
from collections.abc import Iterable
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import typing_extensions
from pydantic import ConfigDict, with_config
from telnyx._types import SequenceNotStr
from telnyx._utils import PropertyInfo

# The SDK's types, made strict. Nothing is written down again: each TypedDict is rebuilt from its own annotations with
# unknown keys forbidden, with the names of the wire, and with list in place of Iterable (which pydantic would only
# look into when one iterates).

UNIONS = (Union, UnionType)
_STRICT: dict[type, Any] = {}


def strict(kind: Any) -> Any:
    """The same type, as strict as JSON."""
    origin, arguments = get_origin(kind), get_args(kind)
    if typing_extensions.is_typeddict(kind):
        return strict_mapping(kind)
    if origin in (typing.Required, typing_extensions.Required):
        return typing_extensions.Required[strict(arguments[0])]
    if origin is typing.Annotated:
        return strict(arguments[0])
    if origin is SequenceNotStr or (isinstance(origin, type) and origin is not dict and issubclass(origin, Iterable)):
        return list[strict(arguments[0])]  # type: ignore[misc]
    if origin in UNIONS:
        return Union[tuple(strict(argument) for argument in arguments)]  # noqa: UP007
    if origin is dict:
        return dict[strict(arguments[0]), strict(arguments[1])]  # type: ignore[misc]
    return kind


def strict_mapping(kind: Any) -> Any:
    """A TypedDict of the SDK with every annotation resolved, and closed unless the SDK declares it open."""
    if kind in _STRICT:
        return _STRICT[kind]
    hints = get_type_hints(kind, include_extras=True)
    fields = {wire_name(name, hint): strict(hint) for name, hint in hints.items()}
    is_open = getattr(kind, "__extra_items__", typing_extensions.NoExtraItems) is not typing_extensions.NoExtraItems
    made = typing_extensions.TypedDict(kind.__name__, fields, total=False)  # type: ignore[misc]
    _STRICT[kind] = with_config(ConfigDict(strict=True, extra="allow" if is_open else "forbid"))(made)
    return _STRICT[kind]


def wire_name(name: str, hint: Any) -> str:
    """The key in the JSON: the alias in the annotation, or the name."""
    if get_origin(hint) in (typing.Required, typing_extensions.Required):
        return wire_name(name, get_args(hint)[0])
    notes = get_args(hint)[1:] if get_origin(hint) is typing.Annotated else ()
    return next((note.alias for note in notes if isinstance(note, PropertyInfo) and note.alias), name)


def words(hint: Any) -> list[Any]:
    """The values of every Literal in a type, however deep in unions."""
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    if get_origin(hint) in UNIONS:
        return [word for argument in get_args(hint) for word in words(argument)]
    return []
