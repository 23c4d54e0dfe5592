"""The part of pickle that PyTorch writes tensors in, read without running it.

A pickle is a program: Python's own reader calls whatever the file names. This
one knows containers, numbers, text and tensors; anything else is refused
before the next instruction. Nothing in the file is imported or called.
"""

import pickletools
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple, TypeAlias

from keras_ptft.errors import first_line
from keras_ptft.models.pretrained.weights.unreadable import Unreadable


class Storage(NamedTuple):
    """Numbers that a file holds elsewhere, under a key."""

    kind: str
    key: str
    size: int


class Tensor(NamedTuple):
    """Numbers of a storage, in units of one number."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Pickled(NamedTuple):
    """What a pickle holds.

    Attributes:
        value: dicts, lists, tuples, numbers and texts, with a `Tensor` for
            each tensor.
        storages: of all tensors, by their keys.
    """

    value: Any
    storages: dict[str, Storage]


class _Global(NamedTuple):
    """What a pickle may name, by its module and name."""

    name: str


_DICT = "collections.OrderedDict"
_TENSOR = "torch._utils._rebuild_tensor_v2"
_PARAMETER = "torch._utils._rebuild_parameter"
STORAGES = {
    "torch.BFloat16Storage": "bfloat16",
    "torch.BoolStorage": "bool",
    "torch.ByteStorage": "uint8",
    "torch.CharStorage": "int8",
    "torch.DoubleStorage": "float64",
    "torch.FloatStorage": "float32",
    "torch.HalfStorage": "float16",
    "torch.IntStorage": "int32",
    "torch.LongStorage": "int64",
    "torch.ShortStorage": "int16",
}
"""dtype of each kind of storage."""

# sizes and offsets of tensors
_LARGEST = 2**63


def unpickle(stream: BinaryIO) -> Pickled:
    """Reads one pickle of plain values and tensors.

    Args:
        stream: at its start; read up to its end, and no further. A read of
            more bytes than there are must return those that there are.

    Raises:
        Unreadable: it is broken, or holds anything else.
    """
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name == "STOP":
                return Pickled(machine.pop(), machine.storages)
            machine.run(opcode.name, argument)
    # a broken program fails in as many ways as it can be broken
    except (LookupError, ValueError, TypeError, OverflowError) as error:
        reason = first_line(error)[:100]
        raise Unreadable(f"its pickle is broken ({reason})") from error
    raise Unreadable("its pickle is cut off")


class _Machine:
    """The stack, its marks, and the memory of what was made."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memory: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}

    def run(self, name: str, argument: Any) -> None:
        """Runs one instruction."""
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _MAKERS:
            self.stack.append(_MAKERS[name]())
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        elif name not in _IGNORED:
            raise Unreadable(
                f"expected only tensors, got the pickle instruction {name}"
            )

    def pop(self) -> Any:
        """Takes the last value that no mark stands behind."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise ValueError("it takes a value that is not there")
        return self.stack.pop()

    def pop_marked(self) -> list[Any]:
        """Takes what came since the last mark."""
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def top(self, kind: type) -> Any:
        """Returns the last value, a container of that kind."""
        if not self.stack or type(self.stack[-1]) is not kind:
            raise ValueError(f"it fills what is no {kind.__name__}")
        return self.stack[-1]


def _mark(machine: _Machine, _: Any) -> None:
    machine.marks.append(len(machine.stack))


def _remember(machine: _Machine, index: int) -> None:
    machine.memory[index] = machine.stack[-1]


def _remember_next(machine: _Machine, _: Any) -> None:
    machine.memory[len(machine.memory)] = machine.stack[-1]


def _recall(machine: _Machine, index: int) -> None:
    if index not in machine.memory:
        raise ValueError(f"it recalls {index}, which it has not stored")
    machine.stack.append(machine.memory[index])


def _tuple_of(length: int) -> Callable[[_Machine, Any], None]:
    def act(machine: _Machine, _: Any) -> None:
        values = [machine.pop() for _ in range(length)]
        machine.stack.append(tuple(reversed(values)))

    return act


def _tuple(machine: _Machine, _: Any) -> None:
    values = machine.pop_marked()
    machine.stack.append(tuple(values))


def _append(machine: _Machine, _: Any) -> None:
    value = machine.pop()
    machine.top(list).append(value)


def _extend(machine: _Machine, _: Any) -> None:
    values = machine.pop_marked()
    machine.top(list).extend(values)


def _set_item(machine: _Machine, _: Any) -> None:
    value, key = machine.pop(), machine.pop()
    _store(machine.top(dict), key, value)


def _set_items(machine: _Machine, _: Any) -> None:
    values = machine.pop_marked()
    for key, value in zip(values[::2], values[1::2], strict=True):
        _store(machine.top(dict), key, value)


def _store(target: dict, key: Any, value: Any) -> None:
    # the hash of tuples within tuples would exhaust the stack of Python
    if type(key) is not str and not _is_size(key):
        raise ValueError(f"a key is a {type(key).__name__}")
    target[key] = value


def _name(machine: _Machine, argument: str) -> None:
    module, _, name = argument.partition(" ")
    machine.stack.append(_allowed(module, name))


def _name_on_stack(machine: _Machine, _: Any) -> None:
    name, module = machine.pop(), machine.pop()
    machine.stack.append(_allowed(module, name))


def _allowed(module: Any, name: Any) -> _Global:
    full = f"{module}.{name}" if type(module) is type(name) is str else "?"
    if full not in (_DICT, _TENSOR, _PARAMETER, *STORAGES):
        raise Unreadable(
            f"expected only tensors, got the code {full[:80]!r}, which other "
            "programs would run"
        )
    return _Global(full)


def _call(machine: _Machine, _: Any) -> None:
    arguments, function = machine.pop(), machine.pop()
    if function == _Global(_DICT) and arguments == ():
        machine.stack.append({})
    elif function == _Global(_TENSOR) and type(arguments) is tuple:
        machine.stack.append(_tensor(*arguments[:4]))
    elif function == _Global(_PARAMETER) and type(arguments) is tuple:
        # a tensor, and how it was trained
        machine.stack.append(arguments[0])
    else:
        raise ValueError("it calls what is no function of tensors")


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> Tensor:
    if type(storage) is not Storage:
        raise ValueError("a tensor has no storage")
    if not type(shape) is type(strides) is tuple:
        raise ValueError("a tensor has no shape")
    if not all(map(_is_size, (offset, *shape, *strides))):
        raise ValueError("the sizes of a tensor are no whole numbers")
    return Tensor(storage, offset, shape, strides)


def _find_storage(machine: _Machine, _: Any) -> None:
    """A persistent id, as PyTorch writes it: a storage and where it is."""
    given = machine.pop()
    if type(given) is not tuple or len(given) not in (5, 6):
        raise ValueError("a storage is no tuple of 5 values")
    word, kind, key, _, count, *view = given
    if word != "storage" or type(kind) is not _Global:
        raise ValueError("a storage is not called so")
    if kind.name not in STORAGES or type(key) is not str:
        raise ValueError("a storage has no kind or no key")
    if not _is_size(count) or view not in ([], [None]):
        raise ValueError("a storage has no size, or is part of another")
    machine.storages[key] = Storage(kind.name, key, count)
    machine.stack.append(machine.storages[key])


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < _LARGEST


def _drop_state(machine: _Machine, _: Any) -> None:
    """Drops the attributes of a dict: PyTorch keeps its versions there."""
    machine.pop()
    machine.top(dict)


Action: TypeAlias = Callable[[_Machine, Any], None]

_IGNORED = {"PROTO", "FRAME"}
# instructions that put their argument on the stack
_LITERALS = {
    "BINFLOAT",
    "BININT",
    "BININT1",
    "BININT2",
    "BINUNICODE",
    "BINUNICODE8",
    "LONG1",
    "LONG4",
    "SHORT_BINUNICODE",
}
_MAKERS: dict[str, Callable[[], Any]] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "NEWFALSE": lambda: False,
    "NEWTRUE": lambda: True,
    "NONE": lambda: None,
}
_ACTIONS: dict[str, Action] = {
    "APPEND": _append,
    "APPENDS": _extend,
    "BINGET": _recall,
    "BINPERSID": _find_storage,
    "BINPUT": _remember,
    "BUILD": _drop_state,
    "GLOBAL": _name,
    "LONG_BINGET": _recall,
    "LONG_BINPUT": _remember,
    "MARK": _mark,
    "MEMOIZE": _remember_next,
    "REDUCE": _call,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "STACK_GLOBAL": _name_on_stack,
    "TUPLE": _tuple,
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
}
