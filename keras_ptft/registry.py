"""Entries of a table, chosen and set by text such as `cnn(dropout=0.2)`.

A table is a dict of factories: functions or classes. What the program passes
to one comes before the `/` of its signature; every other parameter is a
setting that the user may write. Nothing is evaluated but literals.
"""

import ast
import contextlib
import dataclasses
import difflib
import inspect
import pathlib
import re
import reprlib
import types
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Union, get_args, get_origin

from keras_ptft.errors import UserError

MODULES = "KERAS_PTFT_MODULES"
"""The environment variable that names modules with entries of a user's own."""

# sizes and counts of TensorFlow end here
_LARGEST = 2**31


@dataclasses.dataclass(frozen=True)
class BoundFactory:
    """A factory with the user's settings bound to it."""

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __call__(self, *context: Any) -> Any:
        """Calls the factory with what the program passes to it."""
        return self.function(*context, *self.args, **self.kwargs)


def lookup(
    table: Mapping[str, Callable[..., Any]], spec: str, kind: str
) -> BoundFactory:
    """Finds the entry that `spec` names and binds the settings it writes.

    Args:
        table: name to function.
        spec: `name`, `name(setting=value, ...)` or `name:text`, the last
            being short for `name("text")`.
        kind: what the table holds, as the user calls it: "backbone".

    Raises:
        UserError: unknown name or setting, a value of the wrong type, or
            text that is not a call with literal values.

    Example:

    >>> def sgd(learning_rate, /, *, momentum: float = 0.0):
    ...     return learning_rate, momentum
    >>> lookup({"sgd": sgd}, "sgd(momentum=0.9)", "optimizer")(0.1)
    (0.1, 0.9)
    """
    name, args, kwargs = _parse(spec, kind)
    if name not in table:
        guess = nearest(name, table)
        own = "" if guess else f"; {MODULES} names modules with others"
        raise UserError(
            f"Unknown {kind} {name!r}{guess}; "
            f"there are: {', '.join(sorted(table))}{own}."
        )
    bound = _bind(table[name], args, kwargs, f"{kind} {name!r}")
    return BoundFactory(name, table[name], *bound)


def settings(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Returns the parameters of a factory that a user may set.

    Example:

    >>> def sgd(learning_rate, /, *, momentum: float = 0.0): ...
    >>> list(settings(sgd))
    ['momentum']
    """
    signature = inspect.signature(function, eval_str=True)
    return {
        name: parameter
        for name, parameter in signature.parameters.items()
        if parameter.kind is not inspect.Parameter.POSITIONAL_ONLY
    }


def table_names(table: str) -> list[str]:
    """Returns the names in a table without importing it.

    A table is a dict in plain sight, so its source says what is in it, and
    help needs not wait for TensorFlow.

    Args:
        table: path in the package and name, "data/__init__.py:DATASETS".

    Example:

    >>> "digits" in table_names("data/__init__.py:DATASETS")
    True
    """
    path, _, name = table.partition(":")
    text = (pathlib.Path(__file__).parent / path).read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        target: ast.expr | None = None
        if isinstance(node, ast.Assign):
            target = node.targets[0]
        elif isinstance(node, ast.AnnAssign):
            target = node.target
        if (
            isinstance(node, ast.Assign | ast.AnnAssign)
            and isinstance(node.value, ast.Dict)
            and isinstance(target, ast.Name)
            and target.id == name
        ):
            return [ast.literal_eval(key) for key in node.value.keys if key]
    raise LookupError(f"no dict {name} in {path}")


def nearest(name: str, names: Iterable[str]) -> str:
    """Returns text that suggests the nearest of `names`, or nothing.

    Example:

    >>> nearest("adm", ["adam", "sgd"])
    ' (did you mean "adam"?)'
    """
    names = list(names)
    found = [n for n in names if n.casefold() == name.casefold()]
    found = found or difflib.get_close_matches(name, names, n=1)
    return f' (did you mean "{found[0]}"?)' if found else ""


def type_text(wanted: Any) -> str:
    """Returns an annotation as the user reads it.

    Example:

    >>> type_text(int | tuple[int, ...])
    'int or a list of int'
    """
    kinds = get_args(wanted)
    if _is_union(wanted):
        return " or ".join(map(type_text, kinds))
    if get_origin(wanted) is tuple:
        within = (kind for kind in kinds if kind is not ...)
        return f"a list of {' and '.join(map(type_text, within))}"
    return "None" if wanted is types.NoneType else wanted.__name__


def _is_union(wanted: Any) -> bool:
    """Whether an annotation is `int | None`, or `Optional[int]`."""
    return get_origin(wanted) in (types.UnionType, Union)


def _parse(spec: str, kind: str) -> tuple[str, list, dict]:
    short = re.match(r"\s*(\w+):\s*(\S.*)", spec, re.DOTALL)
    if short:
        return short.group(1), [short.group(2).rstrip()], {}
    # TypeError: an unhashable key in a literal
    unreadable = SyntaxError, ValueError, TypeError, RecursionError, MemoryError
    with contextlib.suppress(*unreadable), warnings.catch_warnings():
        # Python warns of the backslashes of a Windows path in quotes
        warnings.simplefilter("ignore")
        node = ast.parse(spec.strip(), mode="eval").body
        if isinstance(node, ast.Name):
            return node.id, [], {}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            args = [ast.literal_eval(value) for value in node.args]
            kwargs = {
                keyword.arg: ast.literal_eval(keyword.value)
                for keyword in node.keywords
                if keyword.arg
            }
            # fewer where a name came twice or as **names
            if len(kwargs) == len(node.keywords):
                return node.func.id, args, kwargs
    raise UserError(
        f"Cannot read {kind} {spec!r}: expected name, name(setting=value) "
        "or name:text, with literal values (numbers, quoted text, lists)."
    )


def _bind(
    function: Callable[..., Any],
    args: list[Any],
    kwargs: dict[str, Any],
    label: str,
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    allowed = settings(function)
    for name in kwargs:
        if name not in allowed:
            raise UserError(
                f"Unknown setting {name!r} of {label}"
                f"{nearest(name, allowed)}; "
                f"there are: {', '.join(allowed) or 'none'}."
            )
    signature = inspect.Signature(list(allowed.values()))
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise UserError(
            f"Cannot set {label}: {error}; its settings are: "
            f"{', '.join(allowed) or 'none'}."
        ) from None
    for name, value in bound.arguments.items():
        bound.arguments[name] = _checked(value, allowed[name], label)
    return bound.args, bound.kwargs


def _checked(value: Any, parameter: inspect.Parameter, label: str) -> Any:
    wanted = parameter.annotation
    if wanted is inspect.Parameter.empty:
        return value
    try:
        return _fit(value, wanted)
    except (TypeError, ValueError, OverflowError) as error:
        kind = type_text(wanted)
        if isinstance(error, OverflowError) and wanted is not float:
            kind += " below 2,147,483,648"
        raise UserError(
            f"Setting {parameter.name!r} of {label} must be {kind}, got "
            f"{shown(value)}."
        ) from None


def _fit(value: Any, wanted: Any) -> Any:
    """Converts lists to tuples and ints to floats where annotated so."""
    kinds = get_args(wanted)
    if _is_union(wanted):
        for kind in kinds:
            with contextlib.suppress(TypeError, ValueError, OverflowError):
                return _fit(value, kind)
    elif get_origin(wanted) is tuple and isinstance(value, list | tuple):
        if kinds[-1] is ...:
            kinds = kinds[:1] * len(value)
        pairs = zip(value, kinds, strict=True)
        return tuple(_fit(*pair) for pair in pairs)
    elif type(value) is wanted:
        if type(value) is int and abs(value) >= _LARGEST:
            raise OverflowError
        return value
    elif wanted is float and type(value) is int:
        return float(value)
    raise TypeError(f"no {wanted}")


def shown(value: Any) -> str:
    """Returns a value as the user reads it, shortened where it is long."""
    try:
        return reprlib.repr(value)
    except ValueError:
        return "a number of more than 4,300 digits"
