"""One setting: how it is declared, checked, written and read."""

import dataclasses
import math
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

from keras_ptft.errors import UserError
from keras_ptft.registry import nearest, shown

# also the largest whole number: larger ones are no floats
_LARGEST = sys.float_info.max


def setting(
    default: Any,
    group: str,
    description: str,
    *,
    choices: Sequence[str] = (),
    low: float = -math.inf,
    high: float = math.inf,
    table: str = "",
) -> Any:
    """Declares a field of a dataclass that is also a flag.

    Args:
        default: of the type that the field is annotated with.
        group: the concern it belongs to, a heading of the help.
        description: the help, with the unit where there is one.
        choices: all that a text may be, none: anything; or words that may
            stand in place of a number, whose field is annotated as it or str.
        low: least value of a number.
        high: largest value of a number.
        table: of names that it may be, as "data/__init__.py:DATASETS"; the
            help lists them.
    """
    metadata: dict[str, Any] = {
        "group": group,
        "help": description,
        "choices": tuple(choices),
    }
    metadata |= {"low": low, "high": high, "table": table}
    return dataclasses.field(default=default, metadata=metadata)


def kind_of(field: dataclasses.Field[Any]) -> type:
    """Returns the type of a setting: str, int, float or bool.

    It is that of the number where words may stand in place of one, and that
    of one value where a setting may be given several times.
    """
    kind = next(iter(get_args(field.type)), field.type)
    if not isinstance(kind, type):
        raise TypeError(f"{field.name} must be annotated with a type")
    return kind


def words_of(field: dataclasses.Field[Any]) -> tuple[str, ...]:
    """Returns the words that may stand in place of a number."""
    words: tuple[str, ...] = field.metadata["choices"]
    return words if get_args(field.type) and not is_repeated(field) else ()


def is_repeated(field: dataclasses.Field[Any]) -> bool:
    """Returns whether a setting may be given several times, each a text."""
    return get_origin(field.type) is tuple


def check(field: dataclasses.Field[Any], value: Any) -> None:
    """Raises a UserError unless `value` is what the field may be."""
    if is_repeated(field):
        _check_texts(field, value)
        return
    limits, kind = field.metadata, kind_of(field)
    if value in words_of(field):
        return
    kinds = (int, float) if kind is float else (kind,)
    if type(value) not in kinds:
        raise UserError(
            f"--{field.name} must be {_kind_name(field)}, got {value!r}."
        )
    texts = limits["choices"] if kind is str else ()
    if texts and value not in texts:
        raise UserError(
            f"--{field.name} must be one of {', '.join(texts)}, got "
            f"{value!r}{nearest(value, texts)}."
        )
    if kind is str:
        # a flagfile has one line a setting, read without surrounding space
        lines = value.splitlines()
        if len(lines) > 1 or value != value.strip() or "\0" in value:
            raise UserError(
                f"--{field.name} must be one line of text without space at "
                f"its ends, got {value!r}."
            )
    elif not limits["low"] <= value <= min(limits["high"], _LARGEST):
        raise UserError(
            f"--{field.name} must be {_range(limits)}, got {shown(value)}."
        )


def _check_texts(field: dataclasses.Field[Any], value: Any) -> None:
    texts = value if isinstance(value, tuple) else (None,)
    if not all(isinstance(text, str) for text in texts):
        raise UserError(
            f"--{field.name} must be a tuple of str, got {value!r}."
        )


def _kind_name(field: dataclasses.Field[Any]) -> str:
    return " or ".join((kind_of(field).__name__, *words_of(field)))


def _range(limits: Any) -> str:
    if math.isinf(limits["high"]):
        return f"at least {limits['low']:g} and finite"
    return f"from {limits['low']:g} to {limits['high']:.15g}"


def to_text(field: dataclasses.Field[Any], value: Any) -> str:
    """Returns a value as a flagfile has it."""
    if value in words_of(field):
        return str(value)
    # 1 is the same setting as 1.0, and is written the same
    text = str(kind_of(field)(value))
    return text.lower() if field.type is bool else text


def from_text(field: dataclasses.Field[Any], text: str) -> Any:
    """Reads a value from a flagfile, as the field's type."""
    if text in words_of(field):
        return text
    try:
        if field.type is bool:
            return {"true": True, "false": False}[text.lower()]
        return kind_of(field)(text)
    except (KeyError, ValueError):
        raise UserError(
            f"--{field.name} must be {_kind_name(field)}, got {text!r}."
        ) from None


def at_home(value: Any) -> Any:
    """Returns text that begins with ~/ or ~USER/ as the path it stands for.

    Shells leave it as it is after --setting=, and a folder called ~ would be
    made, which is dangerous to remove. Other values stay as they are.

    Example:

    >>> at_home("runs/~"), at_home(3)
    ('runs/~', 3)
    """
    if isinstance(value, str) and re.match(r"~(\w*/|$)", value):
        return os.path.expanduser(value)
    return value


def to_lines(fields: Mapping[str, dataclasses.Field[Any]], values: Any) -> str:
    """Returns a flagfile of the attributes that are named like the fields."""
    return "".join(
        f"--{name}={to_text(field, getattr(values, name))}\n"
        for name, field in fields.items()
    )


def from_lines(
    fields: Mapping[str, dataclasses.Field[Any]], text: str
) -> dict[str, Any]:
    """Reads the values in a flagfile, by name.

    Raises:
        UserError: a line that is no setting.
    """
    values = {}
    # editors on Windows write a byte order mark
    for line in map(str.strip, text.removeprefix("\ufeff").splitlines()):
        if not line or line.startswith("#"):
            continue
        match = re.fullmatch(r"--(\w+)=(.*)", line)
        name = match.group(1) if match else line
        if not match or name not in fields:
            raise UserError(
                f"Unknown setting {name!r}{nearest(name, fields)}: "
                "write one --setting=value a line."
            )
        values[name] = from_text(fields[name], match.group(2))
    return values
