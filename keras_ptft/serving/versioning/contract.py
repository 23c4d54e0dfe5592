"""What the clients of a version rely on, and what the next one would break."""

import itertools
import logging
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from keras_ptft import files
from keras_ptft.errors import UserError, first_line
from keras_ptft.serving.versioning.labels import version_labels
from keras_ptft.serving.versioning.versions import (
    EXTRA,
    GRAPH,
    facts_of,
    versions,
)

Contract = Mapping[str, Any]
"""Names, dtypes and shapes of what each signature takes and answers; the label
of each class, and the column of each number of a vector, in order. See
`contract_of`."""

CONTRACT = "contract"
"""Name in FACTS under which a version tells its contract."""

_LOG = logging.getLogger("keras_ptft")
_MOST_TOLD = 5
# of versions that tell no contract
_LABELS_FILE = f"{EXTRA}/labels.json"
# signatures that are not for clients
_INTERNAL = "__saved_model"


def contract_of(
    version: str | os.PathLike,
    label_names: Sequence[str] | None = None,
    columns: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns the contract of a SavedModel, whose weights are not loaded.

    Args:
        version: its folder.
        label_names: the label of each class, in order; None: not known.
        columns: the column of each number of an input vector, in order.

    Returns:
        Values that JSON has: "signatures" by name, each with "inputs" and
        "outputs" by name, each with "dtype" and "shape", in which None is
        any; "labels"; "columns".

    Raises:
        UserError: there is no SavedModel, or it cannot be read.
    """
    # versions that tell their contract are compared without TensorFlow
    from tensorflow.core.protobuf import saved_model_pb2

    path = pathlib.Path(version) / GRAPH
    try:
        saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    # a broken file fails in as many ways as it can be broken
    except Exception as error:
        raise UserError(
            f"Cannot read {path}: expected a SavedModel, got: "
            f"{first_line(error)}; export it again."
        ) from error
    return {
        "signatures": {
            name: {
                "inputs": _specs(definition.inputs),
                "outputs": _specs(definition.outputs),
            }
            for graph in saved.meta_graphs
            for name, definition in sorted(graph.signature_def.items())
            if not name.startswith(_INTERNAL)
        },
        "labels": None if label_names is None else list(label_names),
        "columns": list(columns),
    }


def check_contract(
    base: pathlib.Path, contract: Contract, *, breaking: bool
) -> None:
    """Compares a contract with those of the versions that clients use.

    These are the versions that have a label, or else the newest one. What is
    new is logged, and so is what breaks, where that is meant.

    Args:
        base: folder of versions; it need not hold any.
        contract: of the version that is to be published there.
        breaking: whether it may break clients.

    Raises:
        UserError: it would, and it may not.
    """
    for path in _in_use(base):
        try:
            before = contract_in(path)
        except UserError as error:
            _LOG.warning("%s Its clients are not considered.", error)
            continue
        if added := additions(before, contract):
            _LOG.info("New for the clients of %s: %s.", path, told(added))
        if not (broken := breaks(before, contract)):
            continue
        if not breaking:
            raise UserError(
                f"Expected a version that the clients of {path} can use, got "
                f"one where {told(broken)}: nothing was published; keep what "
                "they use, export to another folder, or accept it by "
                "--breaking."
            )
        _LOG.warning("Breaks the clients of %s: %s.", path, told(broken))


def contract_in(version: pathlib.Path) -> Contract:
    """Returns the contract of a published version.

    Versions that do not tell theirs are read as SavedModels.

    Raises:
        UserError: there is no SavedModel, or it cannot be read.
    """
    told_there = facts_of(version).get(CONTRACT)
    if isinstance(told_there, dict) and "signatures" in told_there:
        return told_there
    try:
        names = files.read_json(version / _LABELS_FILE)
    except UserError:
        names = None
    return contract_of(version, names if isinstance(names, list) else None)


def breaks(before: Contract, after: Contract) -> list[str]:
    """Returns what clients of one contract cannot do with another.

    An input may take more than it did, and an output promise more.

    Args:
        before: what clients use.
        after: what they would find.

    Returns:
        Clauses, as "signature 'tokens' is missing".
    """
    found = []
    for name, old in before["signatures"].items():
        new = after["signatures"].get(name)
        if new is None:
            found.append(f"signature {name!r} is missing")
            continue
        for kind in ("input", "output"):
            for key, spec in old[f"{kind}s"].items():
                found += _spec_break(
                    f"{kind} {key!r} of {name!r}",
                    spec,
                    new[f"{kind}s"].get(key),
                    widens=kind == "input",
                )
        found += [
            f"{name!r} needs a new input {key!r}"
            for key in new["inputs"]
            if key not in old["inputs"]
        ]
    found += _order_breaks("label", before.get("labels"), after.get("labels"))
    # versions that tell no contract tell no columns
    columns = before.get("columns") or None
    return found + _order_breaks("column", columns, after.get("columns"))


def additions(before: Contract, after: Contract) -> list[str]:
    """Returns what a contract has that clients of another do not know.

    Args:
        before: what clients use.
        after: what they would find.

    Returns:
        Clauses, as "signature 'features'".
    """
    found = []
    for name, new in after["signatures"].items():
        old = before["signatures"].get(name)
        if old is None:
            found.append(f"signature {name!r}")
            continue
        found += [
            f"output {key!r} of {name!r}"
            for key in new["outputs"]
            if key not in old["outputs"]
        ]
    return found


def told(clauses: Sequence[str]) -> str:
    """Returns the first of many clauses, and how many more there are.

    Example:

    >>> told(["a", "b"]), told(list("abcdefg"))
    ('a; b', 'a; b; c; d; e; and 2 more')
    """
    more = len(clauses) - _MOST_TOLD
    shown = [*clauses[:_MOST_TOLD], *([f"and {more} more"] if more > 0 else [])]
    return "; ".join(shown)


def _in_use(base: pathlib.Path) -> list[pathlib.Path]:
    # below a URL the upload of a version may have died
    whole = (path for path in versions(base) if (path / GRAPH).is_file())
    found = {int(path.name): path for path in whole}
    numbers = set(version_labels(base).values()) or set(sorted(found)[-1:])
    # another export may come and go meanwhile
    return [found[n] for n in sorted(numbers) if n in found]


def _specs(infos: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    from tensorflow import dtypes

    return {
        name: {
            "dtype": dtypes.as_dtype(info.dtype).name,
            "shape": _shape(info.tensor_shape),
        }
        for name, info in sorted(infos.items())
    }


def _shape(shape: Any) -> list[int | None] | None:
    if shape.unknown_rank:
        return None
    return [axis.size if axis.size >= 0 else None for axis in shape.dim]


def _spec_break(
    what: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any] | None,
    *,
    widens: bool,
) -> list[str]:
    """Why clients cannot use an input, which may widen, or an output."""
    if new is None:
        return [f"{what} is missing"]
    if new["dtype"] != old["dtype"]:
        return [f"{what} is {new['dtype']}, was {old['dtype']}"]
    wide, narrow = (new, old) if widens else (old, new)
    if _covers(wide["shape"], narrow["shape"]):
        return []
    now, was = _shown(new["shape"]), _shown(old["shape"])
    return [f"{what} has shape {now}, had {was}"]


def _covers(
    wide: Sequence[int | None] | None, narrow: Sequence[int | None] | None
) -> bool:
    if wide is None:
        return True
    if narrow is None or len(wide) != len(narrow):
        return False
    pairs = zip(wide, narrow, strict=True)
    return all(size is None or size == other for size, other in pairs)


def _shown(shape: Sequence[int | None] | None) -> str:
    if shape is None:
        return "of any rank"
    return f"({', '.join('any' if n is None else str(n) for n in shape)})"


def _order_breaks(
    kind: str, old: Sequence[str] | None, new: Sequence[str] | None
) -> list[str]:
    """Where names that stand in an order are not what they were."""
    if old is None or new is None:
        return []
    found = []
    for i, (was, now) in enumerate(itertools.zip_longest(old, new)):
        if was == now:
            continue
        if now is None:
            found.append(f"{kind} {i}, {was!r}, is missing")
        elif was is None:
            found.append(f"{kind} {i}, {now!r}, is new")
        else:
            found.append(f"{kind} {i} is {now!r}, was {was!r}")
    return found
