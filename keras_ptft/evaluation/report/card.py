"""A model card: what a model is for, made of, worth, and not known to be.

The form is that of Mitchell et al. 2019, "Model Cards for Model Reporting",
and its head the YAML that Hugging Face reads.
"""

import json
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from keras_ptft import files
from keras_ptft.evaluation.metrics import metric_of, shown_metrics
from keras_ptft.evaluation.report.calibration import calibration_text
from keras_ptft.evaluation.report.card_limits import limits
from keras_ptft.evaluation.report.class_tables import (
    class_rows,
    worst_classes,
)
from keras_ptft.evaluation.report.lineage import (
    Lineage,
    origins,
    transfer_sentences,
)
from keras_ptft.evaluation.report.markdown import (
    data_parts,
    privacy_parts,
    score_table,
)
from keras_ptft.evaluation.report.markup import (
    code,
    escaped,
    items,
    text_table,
)
from keras_ptft.evaluation.report.page import shortened
from keras_ptft.evaluation.report.report import DataFindings

if TYPE_CHECKING:
    # a report is written without TensorFlow
    from keras_ptft.data.core.info import DataInfo
    from keras_ptft.evaluation.evaluation import Evaluation

_MOST_NAMES = 100
_UNKNOWN = "not known"
# what Hugging Face calls metrics that it has
_HUB_METRICS = {"f1_macro": "f1", "mae": "mae", "accuracy": "accuracy"}
_OF_TEXTS = {"masked_tokens": "fill-mask", "next_token": "text-generation"}
_OWN_WORDS = (
    "Intended users, and uses that are out of scope, are not known: whoever "
    "publishes the model names them here."
)


class Served(NamedTuple):
    """What a model card says beside a report.

    Attributes:
        info: what the model knows of its data.
        answers: whether the model answers requests.
        pretrained: what is known of the weights that it started from, by
            title, as the licence; empty: nothing.
    """

    info: "DataInfo"
    answers: bool
    pretrained: Mapping[str, str]


def write_card(
    path: str | os.PathLike,
    *,
    title: str,
    lineage: Lineage,
    evaluation: "Evaluation",
    data: DataFindings,
    served: Served,
) -> None:
    """Writes a model card; the same run gives the same bytes.

    Args:
        path: the file, written beside and renamed.
        title: what the model is called.
        lineage: what the run was made of.
        evaluation: what the model is worth.
        data: what was found of the data.
        served: the rest.

    Raises:
        UserError: the file cannot be written.
    """
    task = task_of(lineage.config.objective, served.info)
    head = _front_matter(title, task, lineage, evaluation)
    parts = [
        f"---\n{head}---",
        f"# Model card: {escaped(title)}",
        *_details(lineage),
        *_use(task, served),
        "## Training data",
        _named("source", _data_set(lineage)),
        *data_parts(data),
        *privacy_parts(lineage),
        *_worth(evaluation),
        *_weights(lineage, served),
        "## Limits",
        items(limits(lineage, evaluation, data)),
        *_loading(served),
    ]
    files.write_text(path, "\n\n".join(parts) + "\n")


def task_of(objective: str, info: "DataInfo") -> str:
    """Returns what Hugging Face calls a task; "other" where it has no name.

    Args:
        objective: the setting.
        info: what the model knows of its data.
    """
    name = re.split(r"\W", objective)[0]
    if name in _OF_TEXTS:
        return _OF_TEXTS[name]
    if info.tagged:
        return "token-classification"
    if not info.label_names:
        kind = _kind(info)
        is_table = name == "regression" and kind == "tabular"
        return "tabular-regression" if is_table else "other"
    return f"{_kind(info)}-classification"


def _kind(info: "DataInfo") -> str:
    if info.is_text:
        return "text"
    return "image" if "image" in _inputs(info) else "tabular"


def _front_matter(
    title: str, task: str, lineage: Lineage, evaluation: "Evaluation"
) -> str:
    """YAML, of which JSON's strings and numbers are a part."""
    test = evaluation.metrics["test"]
    shown = shown_metrics(test)
    names = [_HUB_METRICS.get(name, name) for name in shown]
    source = _data_set(lineage)
    lines = ["library_name: keras", "license: unknown", "tags:", "- keras"]
    lines += [f"- {task}", f"- {lineage.stage}"]
    if task != "other":
        lines.append(f"pipeline_tag: {task}")
    lines += ["metrics:", *(f"- {name}" for name in names)]
    lines += ["model-index:", f"- name: {_quoted(title)}", "  results:"]
    lines += ["  - task:", f"      type: {task}", "    dataset:"]
    lines += [f"      name: {_quoted(source)}"]
    lines += [f"      type: {_quoted(source.partition(':')[0])}"]
    lines += ["      split: test", "    metrics:"]
    for name, kind in zip(shown, names, strict=True):
        heading = evaluation.titles.get(name, metric_of(name).title)
        lines += [
            f"    - type: {kind}",
            f"      value: {shown[name]!r}",
            f"      name: {_quoted(heading)}",
        ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _details(lineage: Lineage) -> list[str]:
    config = lineage.config
    backbone = config.backbone or f"that of {config.init_from or 'cnn'}"
    rows = [("run", lineage.folder.name), ("backbone", backbone)]
    kept = ("stage", "taught by", "trained parameters", "versions")
    rows += [row for row in origins(lineage) if row[0] in kept]
    rows += [("precision", config.precision), ("seed", str(config.seed))]
    rows += [("licence of this model", _UNKNOWN)]
    return ["## Model details", items(f"{what}: {it}" for what, it in rows)]


def _use(task: str, served: Served) -> list[str]:
    info = served.info
    rows = [f"task: {task.replace('-', ' ')}"]
    rows += [f"input {name}: {it}" for name, it in _inputs(info).items()]
    if info.is_text:
        tokenizer = info.text_tokenizer
        rows.append(
            f"texts: at most {tokenizer.sequence_length:,} tokens of "
            f"{tokenizer.setting}, the rest is cut off"
        )
    if info.columns:
        rows.append(f"columns: {_some(info.columns)}")
    if info.label_names:
        count = f"{len(info.label_names):,}"
        rows.append(f"labels, {count}: {_some(info.label_names)}")
    if info.target.name:
        rows.append(f"number that is predicted: {info.target.name}")
    return ["## Intended use", items(rows), _OWN_WORDS]


def _inputs(info: "DataInfo") -> dict[str, str]:
    """What an example of each input looks like."""
    if info.spec is None:
        return {}
    given = info.spec
    specs = given if isinstance(given, Mapping) else {given.name: given}
    return {
        name: f"{spec.dtype.name} of shape {tuple(spec.shape)}"
        for name, spec in specs.items()
    }


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(map(shortened, names[:_MOST_NAMES]))
    return shown if len(names) <= _MOST_NAMES else f"{shown}, ..."


def _data_set(lineage: Lineage) -> str:
    """The data set without the folders of whoever trained the model."""
    name, colon, path = lineage.config.dataset.partition(":")
    words = path.replace("\\", "/").split(",")
    return name + colon + ",".join(pathlib.PurePosixPath(w).name for w in words)


def _worth(evaluation: "Evaluation") -> list[str]:
    test = evaluation.metrics["test"]
    parts = ["## Evaluation", score_table(evaluation)]
    rows = class_rows(test.get("per_class", {}))
    if rows:
        shown = worst_classes(rows) or rows
        cells = [["class", "precision", "recall", "F1", "examples"]]
        for row in shown:
            shares = (row.precision, row.recall, row.f1)
            numbers = [f"{share:.4f}" for share in shares]
            cells.append([row.name, *numbers, f"{row.support:,}"])
        few = f"Of {len(rows):,}, those with the lowest F1:"
        parts += [few] if len(shown) < len(rows) else []
        parts.append(text_table(cells))
    if "calibration" in test:
        parts.append(escaped(calibration_text(test["calibration"])))
    return parts


def _weights(lineage: Lineage, served: Served) -> list[str]:
    origin = dict(origins(lineage))["weights from"]
    rows = {"weights from": origin, **served.pretrained}
    if origin != "random weights":
        rows.setdefault("licence", _UNKNOWN)
    told = [f"{what}: {it}" for what, it in rows.items()]
    return [
        "## Pretrained weights",
        items([*told, *transfer_sentences(lineage)]),
    ]


def _loading(served: Served) -> list[str]:
    parts = ["## How to load it"]
    if served.answers:
        words = 'keras_ptft.predict("FOLDER", ["INPUT"])'
        parts += [
            "FOLDER is the run's, or that of an export:",
            code(f"import keras_ptft\n\nprint({words})", "python"),
            "An export answers without this package, as TensorFlow Serving "
            "does:",
            code(
                "import tensorflow as tf\n\n"
                'model = tf.saved_model.load("saved_models/NAME/VERSION")\n'
                'answer = model.signatures["serving_default"]',
                "python",
            ),
        ]
    loading = 'keras.saving.load_model("model.keras", compile=False)'
    parts += [
        "The Keras model of the run folder, from raw inputs to outputs:",
        code(f"import keras\n\nmodel = {loading}", "python"),
    ]
    return parts


def _named(what: str, text: Any) -> str:
    return escaped(f"{what}: {text}")
