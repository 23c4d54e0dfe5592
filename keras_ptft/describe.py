"""Documents every table: its entries and their settings."""

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft import recipes
from keras_ptft.data import DATASETS
from keras_ptft.data.images.resize import RESIZES
from keras_ptft.data.pipeline.augment import AUGMENTATIONS
from keras_ptft.data.pipeline.mix import MIXES
from keras_ptft.data.text.tokenizers import TOKENIZERS
from keras_ptft.errors import UserError
from keras_ptft.experiment.attacks import ATTACKS
from keras_ptft.experiment.results import describe_result
from keras_ptft.experiment.tpu import describe_tpu
from keras_ptft.models import BACKBONES
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.normalization import NORMALIZATIONS
from keras_ptft.models.pretrained import FACTS, PRETRAINED
from keras_ptft.models.structure import input_spec
from keras_ptft.objectives import OBJECTIVES
from keras_ptft.objectives.probes import PROBES
from keras_ptft.privacy import MECHANISMS
from keras_ptft.quantities import short
from keras_ptft.registry import lookup, nearest, settings
from keras_ptft.serving.signatures import promises
from keras_ptft.training.distribution.strategies import TPU
from keras_ptft.training.optimizers import OPTIMIZERS, SCHEDULES
from keras_ptft.transfer.costs import CutCost, cut_costs, principal
from keras_ptft.transfer.cut import cut_points
from keras_ptft.transfer.lora import LORA

TABLES: dict[str, Mapping[str, Callable[..., Any]]] = {
    "dataset": DATASETS,
    "resize": RESIZES,
    "augment": AUGMENTATIONS,
    "mix": MIXES,
    "attack": ATTACKS,
    "tokenizer": TOKENIZERS,
    "backbone": BACKBONES,
    "normalization": NORMALIZATIONS,
    "objective": OBJECTIVES,
    "init_from": PRETRAINED,
    "lora": LORA,
    "probe": PROBES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "privacy": MECHANISMS,
}
_IMAGE = BackboneInput(
    tf.TensorSpec((224, 224, 3), tf.uint8, "image"),
    scaling=(np.zeros(3), np.ones(3)),
)
_TEXT = BackboneInput(
    tf.TensorSpec((None,), tf.int32, "tokens"), vocabulary_size=1000
)
_SECTION = re.compile(r"^(Args|Returns|Raises|Example):$", re.MULTILINE)
_WIDTH = 80
# of a text, whose cost depends on it
_TOKENS = 32
_ABOUT_COSTS = (
    "Multiply-adds are those of one example in matrix products and "
    "convolutions, forward, without the head; FLOPs are twice as many. An "
    "epoch is of 1,000 examples, and training on one takes three times its "
    "forward pass. Cached: after one pass of the frozen part over the "
    "examples, for all epochs; their features take so many bytes. Uncached "
    "(--augment without --augment_views, or features of each token of a "
    "text): the frozen part runs at every step."
)


def tables() -> str:
    """Returns every entry of every table with its first line of help."""
    listed = "\n".join(map(_table, TABLES))
    return (
        f"{listed}\nMore of one: keras-ptft describe NAME\n"
        "Recipes with what they came to: keras-ptft describe recipes\n"
        "Known models with their licences: keras-ptft describe pretrained\n"
        "The fields of result.json: keras-ptft describe result\n"
        "What exports take and answer: keras-ptft describe signatures\n"
        "What can be trained on a TPU: keras-ptft describe tpu"
    )


def row(name: str) -> str:
    """Documents the entries, or the table, called `name`.

    Args:
        name: of an entry or a table, or an entry with settings, as
            "cnn(dense=32)"; "pretrained" lists known models, "result" is
            `result.json`, "signatures" what exports take and answer, "tpu"
            what can be trained on one.

    Raises:
        UserError: there is none, or it has no such settings.
    """
    if name in _PAGES:
        return _PAGES[name]()
    found = [_table(name)] if name in TABLES else []
    entry = re.split(r"[(:]", name)[0].strip()
    having = [setting for setting, table in TABLES.items() if entry in table]
    if not found and not having:
        names = sorted({n for table in TABLES.values() for n in table})
        raise UserError(
            f"Nothing is called {name!r}"
            f"{nearest(name, [*names, *recipes.names()])}; "
            f"there are: {', '.join(names)}."
        )
    found += [_row(s, entry, TABLES[s][entry]) for s in having]
    if not {"backbone", "init_from"}.isdisjoint(having):
        found.append(_costs(name, entry))
    return "\n".join(found).rstrip("\n")


def _pretrained() -> str:
    """Every known model, with what is known of it without loading it."""
    parts = []
    for name, function in PRETRAINED.items():
        parts += [f"--init_from={name}", f"  {summary(function)}"]
        parts += [*_facts(name), ""]
    return "\n".join(parts)


def _signatures() -> str:
    """Every signature and every output that an export may have."""
    parts = []
    for name, promise in promises.SIGNATURES.items():
        told = promise._asdict().items()
        parts += [name, *(_told(title, text) for title, text in told), ""]
    outputs = promises.OUTPUTS.items()
    parts += ["outputs", *(_told(name, text, 13) for name, text in outputs)]
    return "\n".join(parts)


def _told(title: str, text: str, width: int = 7) -> str:
    head = f"  {title:{width}}  "
    return textwrap.fill(
        text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head)
    )


def _facts(name: str) -> list[str]:
    """Lines of what is known of the weights of a row, if anything is."""
    if name not in FACTS:
        return []
    facts = FACTS[name]
    told = {
        "architecture": facts.architecture,
        "parameters": f"{facts.parameters:,}",
        "licence": facts.licence,
        "source": facts.source,
        "size": f"{facts.bytes / 1e6:,.1f} MB",
        "SHA-256": facts.sha256,
    }
    return [f"  {title:12}  {value}" for title, value in told.items()]


def _table(setting: str) -> str:
    rows = TABLES[setting].items()
    lines = (f"  {name:18} {summary(row)}" for name, row in rows)
    return "\n".join([f"--{setting}=", *lines, ""])


def summary(function: Callable) -> str:
    """Returns the first line of help of an entry."""
    if isinstance(function, partial):
        values = ", ".join(f"{k}={v!r}" for k, v in function.keywords.items())
        return f"The same as {function.func.__name__}({values})."
    return (inspect.getdoc(function) or "").partition("\n")[0]


def _row(setting: str, name: str, function: Callable) -> str:
    told = function.func if isinstance(function, partial) else function
    text = inspect.getdoc(told) or ""
    intro, helps = _SECTION.split(text)[0], argument_helps(text)
    lines = [f"--{setting}={name}", "", intro.strip(), ""]
    if told is not function:
        lines += [summary(function), ""]
    parameters = settings(function).values()
    if parameters:
        lines += ["Settings", *(_entry(p, helps) for p in parameters), ""]
    if setting == "init_from" and name in FACTS:
        lines += ["Weights", *_facts(name), ""]
    return "\n".join(lines)


def argument_helps(docstring: str) -> dict[str, str]:
    """Returns the text of each argument in the Args section of a docstring."""
    _, *parts = _SECTION.split(docstring)
    sections = dict(zip(*[iter(parts)] * 2, strict=True))
    entries = re.split(r"^    (\w+): ", sections.get("Args", ""), flags=re.M)
    pairs = zip(entries[1::2], entries[2::2], strict=True)
    return {name: " ".join(text.split()) for name, text in pairs}


def _entry(parameter: inspect.Parameter, helps: dict[str, str]) -> str:
    value = ""
    if parameter.default is not inspect.Parameter.empty:
        value = f"={parameter.default!r}"
    head = f"  {parameter.name}{value}"
    text = helps.get(parameter.name, "")
    lines = textwrap.wrap(text, _WIDTH - 28) or [""]
    if len(head) > 26:
        lines.insert(0, "")
    lines = [f"{head:28}{lines[0]}", *(" " * 28 + line for line in lines[1:])]
    return "\n".join(line.rstrip() for line in lines)


def _costs(spec: str, entry: str) -> str:
    """The cut points of a backbone or a known model, with their costs."""
    try:
        backbone = _built(spec, entry)
    except UserError as error:
        if spec != entry:
            raise
        # a setting without a default, or weights that are not installed
        return f"Cut points: none can be shown. {error}"
    points = cut_points(backbone)
    shown = principal(backbone, points)
    text = _cost_table(backbone, cut_costs(backbone, shown, _TOKENS))
    if len(shown) < len(points) - 1:
        others = f"All of them: {', '.join(['all', 'none', *points])}"
        text += "\n\n" + textwrap.fill(others, _WIDTH)
    return text


def _built(spec: str, entry: str) -> keras.Model:
    """A backbone with random weights, or else that of a known model."""
    if entry in BACKBONES:
        try:
            return _for_photos_or_texts(spec)
        except UserError:
            # a setting that the known model alone has
            if entry not in PRETRAINED:
                raise
    return lookup(PRETRAINED, spec, "known model")(0).backbone


def _for_photos_or_texts(spec: str) -> keras.Model:
    make = lookup(BACKBONES, spec, "backbone")
    try:
        return make(_IMAGE)
    except UserError as error:
        try:
            return make(_TEXT)
        except UserError:
            raise error from None


def _cost_table(backbone: keras.Model, costs: list[CutCost]) -> str:
    width = max(len(cost.name) for cost in costs)
    titles = "parameters", "multiply-adds", "an epoch of 1,000"
    pair = f"  {'frozen':>7} {'trained':>8}"
    lines = [
        f"Cut points for --freeze, for {_example(backbone)}",
        "",
        " " * width + "".join(f"  {title:>16}" for title in titles),
        " " * width
        + pair * 2
        + f"  {'cached':>7} {'uncached':>8}  {'cache':>7}",
        *(_cost_line(cost, width) for cost in costs),
        "",
        textwrap.fill(_ABOUT_COSTS, _WIDTH),
    ]
    return "\n".join(lines)


def _cost_line(cost: CutCost, width: int) -> str:
    # the rest is of 1,000 examples
    size, cached, uncached = "-", "-", short(1000 * cost.uncached_step)
    if cost.cached_bytes is not None:
        size = short(1000 * cost.cached_bytes, "B")
        cached = short(1000 * cost.cached_step)
    pairs = (
        (short(cost.frozen_parameters), short(cost.trained_parameters)),
        (short(cost.frozen), short(cost.trained)),
        (cached, uncached),
    )
    cells = (f"{left:>7} {right:>8}" for left, right in pairs)
    return "  ".join([f"{cost.name:{width}}", *cells, f"{size:>7}"])


def _example(backbone: keras.Model) -> str:
    """What the costs of a backbone are counted for."""
    spec = input_spec(backbone)
    if isinstance(spec, tf.TensorSpec) and spec.shape.rank == 3:
        return f"images of {'×'.join(map(str, spec.shape))}"
    return f"texts of {_TOKENS} tokens"


# what is documented that is no entry of a table
_PAGES: dict[str, Callable[[], str]] = {
    "result": describe_result,
    "pretrained": _pretrained,
    "signatures": _signatures,
    TPU: describe_tpu,
}
