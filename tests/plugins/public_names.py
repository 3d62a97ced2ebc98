"""The public names of the SDK with their signatures, as text.

uv run python -m tests.plugins.public_names > plugins/API.txt
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

MODULES = (
    "touchline",
    "touchline.grid",
    "touchline.counts",
    "touchline.dixon_coles",
    "touchline.names",
    "touchline.margin",
    "touchline.implied",
    "touchline.value",
    "touchline.metrics",
    "touchline.calibration",
    "touchline.evaluation",
    "touchline.evaluation.leaks",
    "touchline.simulator",
    "touchline.football_data",
    "touchline.forecasting",
    "touchline.in_play",
    "touchline.combos",
    "touchline.season",
    "touchline.competitions",
    "touchline.testing",
)
"""Modules whose names an author may rely on; every other one may change without notice."""


_STARS: Mapping[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def told() -> str:
    """All public names, a module after the other."""
    return "\n".join(line for module in MODULES for line in _module(module))


def public(module: ModuleType) -> list[str]:
    """A module's public names: those of its `__all__`, or else the functions and classes that it defines."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    return sorted(
        name
        for name, thing in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(thing) or inspect.isclass(thing))
        and thing.__module__ == module.__name__
    )


def _module(name: str) -> Iterator[str]:
    module = import_module(name)
    yield f"# {name}"
    for own in public(module):
        yield from _thing(own, getattr(module, own))
    yield ""


def _thing(name: str, thing: Any) -> Iterator[str]:
    if inspect.isclass(thing) and not _is_alias(thing):
        yield from _class(name, thing)
    elif inspect.isfunction(thing):
        yield f"def {name}{_signature(thing)}"
    elif isinstance(thing, str | int | float):
        yield f"{name} = {_value(thing)}"
    else:
        yield f"{name}: {'type' if _is_alias(thing) else type(thing).__name__}"


def _is_alias(thing: Any) -> bool:
    """Whether it is a name for `NDArray[…]` and the like, which some Pythons call a class."""
    return hasattr(thing, "__origin__")


def _class(name: str, kind: type) -> Iterator[str]:
    if issubclass(kind, enum.Enum):
        yield f"enum {name}"
        yield from (f"    {member.name} = {_value(member.value)}" for member in kind)
    elif getattr(kind, "_is_protocol", False):
        yield f"protocol {name}"
    elif is_dataclass(kind):
        yield f"class {name}"
        yield from (f"    {_field(one)}" for one in fields(kind) if not one.name.startswith("_"))
    elif "__init__" in vars(kind):
        yield f"class {name}{_signature(vars(kind)['__init__'])}"
    elif hasattr(kind, "_fields"):
        yield f"class {name}"
        yield from (f"    {own}: {_annotation(typed)}" for own, typed in kind.__annotations__.items())
    else:
        yield f"class {name}"
    yield from (f"    {line}" for own, thing in vars(kind).items() for line in _member(own, thing))


def _member(name: str, thing: Any) -> Iterator[str]:
    if (
        name.startswith(("_", "test_")) and name != "__call__"
    ):  # the kit makes one test of each check, and the guide lists those
        return
    if isinstance(thing, property):
        yield f"{name}: {_annotation(inspect.signature(thing.fget).return_annotation)}" if thing.fget else name
    elif isinstance(thing, classmethod | staticmethod):
        yield f"def {name}{_signature(thing.__func__)}"
    elif inspect.isfunction(thing):
        yield f"def {name}{_signature(thing)}"


def _field(one: Field[Any]) -> str:
    if one.default is not MISSING:
        return f"{one.name}: {_annotation(one.type)} = {_value(one.default)}"
    made = "" if one.default_factory is MISSING else " = …"
    return f"{one.name}: {_annotation(one.type)}{made}"


def _signature(function: Any) -> str:
    """The arguments and the answer, with annotations as they are written."""
    signature = inspect.signature(function)
    written: list[str] = []
    is_behind_star = False
    for argument in signature.parameters.values():
        if argument.name in ("self", "cls"):
            continue
        if argument.kind is argument.KEYWORD_ONLY and not is_behind_star:
            written.append("*")
        is_behind_star |= argument.kind in (argument.KEYWORD_ONLY, argument.VAR_POSITIONAL)
        star = _STARS.get(argument.kind, "")
        typed = "" if argument.annotation is argument.empty else f": {_annotation(argument.annotation)}"
        default = "" if argument.default is argument.empty else f" = {_value(argument.default)}"
        written.append(f"{star}{argument.name}{typed}{default}")
    answer = signature.return_annotation
    told = "" if answer in (signature.empty, None, "None") else f" -> {_annotation(answer)}"
    return f"({', '.join(written)}){told}"


def _annotation(annotation: Any) -> str:
    """An annotation as it is written; a named tuple keeps it as a forward reference."""
    written = getattr(annotation, "__forward_arg__", annotation)
    return written if isinstance(written, str) else inspect.formatannotation(written)


def _value(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    return type(value).__name__ if " at 0x" in repr(value) else repr(value)


if __name__ == "__main__":
    print(told(), end="")
