"""The settings that a search varies, and the values they may have."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from keras_ptft import settings
from keras_ptft.config import FIELDS
from keras_ptft.errors import UserError
from keras_ptft.registry import lookup, nearest
from keras_ptft.settings import kind_of, to_text

Field = dataclasses.Field[Any]

# trials that differ in these would be judged on other examples, or be other
# files; the luckiest seed is no finding
_FIXED = (
    "name",
    "runs_dir",
    "overwrite",
    "dataset",
    "data_dir",
    "manual_dir",
    "classes",
    "validation_fraction",
    "skip_bad_images",
    "label_column",
    "label_columns",
    "image_column",
    "image_root",
    "group_column",
    "group_pattern",
    "split_seed",
    "stratify",
    "folds",
    "fold",
    "on_leak",
    "near_copies",
    "compare_scratch",
    "forgetting",
    "explain",
    "checkpoint_every",
    "keep_checkpoints",
    "seed",
    "strategy",
    "reject_below",
    "calibrate",
    "profile_steps",
    *(name for name in FIELDS if FIELDS[name].metadata["group"] == "export"),
)


class Suggests(Protocol):
    """What a dimension needs of a trial of Optuna's."""

    def suggest_float(
        self, name: str, low: float, high: float, /, *, log: bool = False
    ) -> float:
        """Draws a number."""
        ...

    def suggest_int(self, name: str, low: int, high: int, /) -> int:
        """Draws a whole number."""
        ...

    def suggest_categorical(self, name: str, choices: Sequence[Any], /) -> Any:
        """Draws one of some values."""
        ...


class Dimension(Protocol):
    """One setting that is searched.

    Attributes:
        name: of the setting.
        text: as the user writes it.
        logarithmic: whether equal ratios are equally likely.
        values: all that it may be, of a list; else none.
    """

    @property
    def name(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def logarithmic(self) -> bool: ...

    @property
    def values(self) -> tuple[Any, ...]: ...

    def suggest(self, trial: Suggests) -> Any:
        """Draws a value for a trial, of the setting's type."""
        ...

    def holds(self, value: Any) -> bool:
        """Returns whether it could draw a value."""
        ...


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of some values."""

    name: str
    values: tuple[Any, ...]
    logarithmic: bool = False

    @property
    def text(self) -> str:
        """Such as freeze=all,conv2."""
        values = ",".join(to_text(FIELDS[self.name], v) for v in self.values)
        return f"{self.name}={values}"

    def suggest(self, trial: Suggests) -> Any:
        """Draws one of them."""
        return trial.suggest_categorical(self.name, self.values)

    def holds(self, value: Any) -> bool:
        """Returns whether a value is one of them."""
        return value in self.values


@dataclasses.dataclass(frozen=True)
class Number:
    """A number of a range, with three digits that count."""

    name: str
    low: float
    high: float
    logarithmic: bool = False
    values: tuple[Any, ...] = ()

    @property
    def text(self) -> str:
        """Such as learning_rate=log(1e-05,0.1)."""
        kind = "log" if self.logarithmic else "uniform"
        return f"{self.name}={kind}({self.low:g},{self.high:g})"

    def suggest(self, trial: Suggests) -> float:
        """Draws a number, and rounds it."""
        drawn = trial.suggest_float(
            self.name, self.low, self.high, log=self.logarithmic
        )
        return min(max(float(f"{drawn:.3g}"), self.low), self.high)

    def holds(self, value: Any) -> bool:
        """Returns whether a value is in the range."""
        is_number = isinstance(value, int | float)
        return is_number and self.low <= value <= self.high


@dataclasses.dataclass(frozen=True)
class Whole:
    """A whole number of a range, both ends included."""

    name: str
    low: int
    high: int
    logarithmic: bool = False
    values: tuple[Any, ...] = ()

    @property
    def text(self) -> str:
        """Such as epochs=int(2,9)."""
        return f"{self.name}=int({self.low},{self.high})"

    def suggest(self, trial: Suggests) -> int:
        """Draws a whole number."""
        return trial.suggest_int(self.name, self.low, self.high)

    def holds(self, value: Any) -> bool:
        """Returns whether a value is in the range."""
        return isinstance(value, int) and self.low <= value <= self.high


def log(field: Field, /, low: float, high: float) -> Dimension:
    """Numbers of which equal ratios are equally likely."""
    _check_numbers(field, low, high, "log", float)
    if low <= 0:
        raise UserError(
            f"--search={field.name}=log({low:g},{high:g}) must begin above 0, "
            f"got {low:g}: raise it, or write uniform({low:g},{high:g})."
        )
    return Number(field.name, low, high, logarithmic=True)


def uniform(field: Field, /, low: float, high: float) -> Dimension:
    """Numbers of which equal distances are equally likely."""
    _check_numbers(field, low, high, "uniform", float)
    return Number(field.name, low, high)


def whole(field: Field, /, low: int, high: int) -> Dimension:
    """Whole numbers, all equally likely."""
    _check_numbers(field, low, high, "int", int)
    return Whole(field.name, low, high)


DISTRIBUTIONS: dict[str, Callable[..., Dimension]] = {
    "log": log,
    "uniform": uniform,
    "int": whole,
}


def parse_search(text: str) -> list[Dimension]:
    """Reads which settings are searched, and their values.

    Args:
        text: `name=values` with space between them. Values are a list with
            commas, or a row of DISTRIBUTIONS. Commas and space within a call
            or quotes divide nothing.

    Raises:
        UserError: a setting that there is not or that cannot be searched, a
            value that it cannot have, or nothing to choose from.

    Example:

    >>> for dimension in parse_search(
    ...     "learning_rate=log(1e-5,1e-1) optimizer='sgd(momentum=0.9)',adam"
    ... ):
    ...     print(dimension)
    Number(name='learning_rate', low=1e-05, high=0.1, logarithmic=True, \
values=())
    Choice(name='optimizer', values=('sgd(momentum=0.9)', 'adam'), \
logarithmic=False)
    """
    found: dict[str, Dimension] = {}
    for word in filter(None, _parts(text, " \t")):
        dimension = _dimension(word)
        if dimension.name in found:
            raise UserError(
                f"--search names {dimension.name} twice: write all of its "
                "values in one place."
            )
        found[dimension.name] = dimension
    return list(found.values())


def drawn(space: Sequence[Dimension], trial: Suggests) -> dict[str, Any]:
    """Draws a value of every dimension, by the setting's name."""
    return {dimension.name: dimension.suggest(trial) for dimension in space}


def holds(space: Sequence[Dimension], values: Mapping[str, Any]) -> bool:
    """Returns whether a space has such a point."""
    return all(d.holds(values[d.name]) for d in space)


def _parts(text: str, ends: str) -> list[str]:
    """Divides a text at signs that stand in no call and in no quotes."""
    parts, depth, quote = [""], 0, ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "()[]":
            depth += 1 if sign in "([" else -1
        if sign in ends and not quote and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    if quote or depth:
        raise UserError(
            f"--search={text!r} cannot be read: close its quotes and brackets."
        )
    return parts


def _dimension(word: str) -> Dimension:
    name, equals, values = word.partition("=")
    if not equals or not values or not re.fullmatch(r"\w+", name):
        raise UserError(
            "--search must list settings with their values, as "
            f"'learning_rate=log(1e-5,1e-1) freeze=all,none', got {word!r}."
        )
    if name not in FIELDS:
        raise UserError(
            f"--search names an unknown setting {name!r}"
            f"{nearest(name, FIELDS)}: see keras-ptft tune --help."
        )
    if name in _FIXED:
        raise UserError(
            f"--search cannot vary {name}: all trials must be judged on the "
            "same examples; vary settings of the model or of its training."
        )
    field = FIELDS[name]
    if re.match(rf"({'|'.join(DISTRIBUTIONS)})\(", values):
        return lookup(DISTRIBUTIONS, values, f"distribution of {name}")(field)
    return _choice(field, values)


def _choice(field: Field, text: str) -> Choice:
    texts = _parts(text, ",")
    if not all(texts):
        raise UserError(
            f"--search={field.name}={text} has an empty value: leave out a "
            "comma, or write '' for an empty text."
        )
    values = tuple(settings.from_text(field, _unquoted(text)) for text in texts)
    for value in values:
        settings.check(field, value)
    if len(set(values)) < max(2, len(values)):
        raise UserError(
            f"--search={field.name}={text} must list different values, two at "
            f"least: set one by --{field.name} after the recipe."
        )
    return Choice(field.name, values)


def _unquoted(text: str) -> str:
    found = re.fullmatch(r"'([^']*)'|\"([^\"]*)\"", text)
    return text if found is None else found[1] or found[2] or ""


def _check_numbers(
    field: Field, low: float, high: float, kind: str, wanted: type
) -> None:
    """Refuses a range that a setting cannot have."""
    text = f"--search={field.name}={kind}({low:g},{high:g})"
    own = kind_of(field)
    if own is not wanted:
        remedy = f"int({low:.0f},{high:.0f})" if own is int else "a list"
        if own is float:
            remedy = f"uniform({low:g},{high:g})"
        raise UserError(
            f"{text} is for {_NAMES[wanted]}, and --{field.name} is "
            f"{_NAMES[own]}: write {remedy}."
        )
    if not low < high:
        raise UserError(
            f"{text} must go from a smaller number to a larger one: swap them."
        )
    for end in (low, high):
        settings.check(field, end)


_NAMES: dict[type, str] = {
    float: "numbers",
    int: "whole numbers",
    str: "a text",
    bool: "true or false",
}
