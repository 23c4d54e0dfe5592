"""The texts of the command line: help and errors (no TensorFlow)."""

import dataclasses
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from keras_ptft.comparison.settings import COMPARE_FIELDS
from keras_ptft.config import EVALUATE_FIELDS, FIELDS, PREDICT_FIELDS
from keras_ptft.doctor.settings import DOCTOR_FIELDS
from keras_ptft.federated.settings import FEDERATE_FIELDS
from keras_ptft.launch import JOB_FIELDS
from keras_ptft.registry import nearest, table_names
from keras_ptft.runs.settings import RUNS_FIELDS
from keras_ptft.search.settings import TUNE_FIELDS
from keras_ptft.serving.monitoring.settings import MONITOR_FIELDS
from keras_ptft.serving.smoke.settings import SERVE_FIELDS
from keras_ptft.serving.versioning.rollback import ROLLBACK_FIELDS
from keras_ptft.settings import kind_of, words_of

Fields = Mapping[str, dataclasses.Field[Any]]

_WIDTH = 80


def _of(group: str) -> dict[str, dataclasses.Field[Any]]:
    """The settings of a group."""
    found = ((n, f) for n, f in FIELDS.items() if f.metadata["group"] == group)
    return dict(found)


class Command(NamedTuple):
    """How a command is called.

    Attributes:
        words: what follows its name.
        text: what it does.
        example: a call of it.
        fields: the settings it takes.
    """

    words: str
    text: str
    example: str
    fields: Fields = FIELDS


COMMANDS = {
    "run": Command(
        "RECIPE...",
        "run recipes in order, then compare them in a table",
        "keras-ptft run digits",
    ),
    "compare": Command(
        "RECIPE",
        "prove by several seeds whether a training helped",
        "keras-ptft compare digits --budgets=10,50,100%",
        COMPARE_FIELDS | FIELDS,
    ),
    "tune": Command(
        "RECIPE",
        "search for better settings, judged by validation alone",
        "keras-ptft tune digits --budget=10m",
        TUNE_FIELDS | FIELDS,
    ),
    "federate": Command(
        "RECIPE",
        "train a recipe by clients that keep their examples",
        "keras-ptft federate pretrain_cnn_digits --clients=5 --rounds=10",
        FEDERATE_FIELDS | FIELDS,
    ),
    "pretrain": Command(
        "",
        "train a model from random weights, or its features on from known ones",
        "keras-ptft pretrain --name=birds --dataset=folder:birds --epochs=10",
    ),
    "finetune": Command(
        "",
        "train a new head, and more, on a pretrained backbone",
        "keras-ptft finetune --name=owls --init_from=birds "
        "--dataset=folder:owls",
    ),
    "evaluate": Command(
        "RUN",
        "score a run on the whole test split",
        "keras-ptft evaluate runs/owls",
        EVALUATE_FIELDS | _of("data"),
    ),
    "predict": Command(
        "MODEL INPUT...",
        "label images, arrays, tables or texts",
        "keras-ptft predict runs/owls photos/ --csv=labels.csv",
        PREDICT_FIELDS,
    ),
    "export": Command(
        "RUN",
        "publish a run's next version for TensorFlow Serving",
        "keras-ptft export runs/owls --export_to=saved_models/owls",
        _of("export"),
    ),
    "versions": Command(
        "EXPORT",
        "list the versions of an export: runs, labels, changes",
        "keras-ptft versions saved_models/owls",
        {},
    ),
    "promote": Command(
        "EXPORT",
        "give the label stable to the version that was tried as canary",
        "keras-ptft promote saved_models/owls",
        {},
    ),
    "rollback": Command(
        "EXPORT",
        "serve the version before the newest again, or another",
        "keras-ptft rollback saved_models/owls --to=3",
        ROLLBACK_FIELDS,
    ),
    "serve": Command(
        "EXPORT",
        "serve an export on this machine, or try what a server answers",
        "keras-ptft serve saved_models/owls --smoke",
        SERVE_FIELDS,
    ),
    "monitor": Command(
        "EXPORT LOG...",
        "say what moved in logged requests since training",
        "keras-ptft monitor saved_models/owls requests.log "
        "--require='psi<=0.25'",
        MONITOR_FIELDS,
    ),
    "runs": Command(
        "[RUNS_DIR]",
        "list the runs of a folder side by side, or remove some",
        "keras-ptft runs --sort=seconds --html=runs.html",
        RUNS_FIELDS,
    ),
    "describe": Command(
        "[NAME]",
        "list models, optimizers, ..., or document one of them, or result",
        "keras-ptft describe cnn",
        {},
    ),
    "doctor": Command(
        "",
        "say whether this machine can do the work, and what is missing",
        "keras-ptft doctor --json=doctor.json",
        DOCTOR_FIELDS,
    ),
    "launch": Command(
        "-- COMMAND...",
        "run COMMAND in several workers together",
        "keras-ptft launch --workers=2 -- run pretrain_cnn_digits",
        JOB_FIELDS,
    ),
}
_WORDS = {
    "RECIPE": "a file of settings, or a name that describe recipes lists",
    "RUN": "a run folder, as runs/NAME, or the URL of one",
    "EXPORT": "a folder of versions, as saved_models/NAME",
    "MODEL": "a run folder, a .keras file or a folder of an export",
    "INPUT": "image, folder, .npy, .npz, .txt, .csv, .tsv, .jsonl, .parquet, -",
    "LOG": "a log of TensorFlow Serving, REST bodies a line, or an INPUT",
    "RUNS_DIR": "a folder that holds run folders, or its URL [runs]",
    "COMMAND": "run, pretrain or finetune, with its words and settings",
    "NAME": "an entry that describe lists, recipes, pretrained, result, ...",
}
_SETTINGS = """\
Write --setting=value, or a setting a line in a file: --flagfile=FILE, where
lines that begin with # are comments. The last one wins. What only one model
or optimizer has is written as a call: --optimizer='sgd(momentum=0.9)'.
Defaults are in [brackets].
Modules in the variable KERAS_PTFT_MODULES may register more names.
"""
# what TensorFlow makes of a ValueError, which a UserError is
_INVALID = "InvalidArgumentError"
_KINDS = {int: "a whole number", float: "a number", bool: "true or false"}


def overview() -> str:
    """Returns the help of the program: every command and every setting."""
    forms = [f"{name} {c.words}".strip() for name, c in COMMANDS.items()]
    width = max(map(len, forms)) + 2
    commands = "".join(
        _beside(f"  {form:{width}}", command.text)
        for form, command in zip(forms, COMMANDS.values(), strict=True)
    )
    return (
        "keras-ptft COMMAND [--setting=value | --flagfile=FILE]...\n\n"
        "Pretrain a Keras model once, fine-tune it, prove that it helped, "
        f"serve it.\n\nCommands\n{commands}{_words(COMMANDS)}"
        f"\nFor example\n  {COMMANDS['pretrain'].example}\n\n"
        f"{_SETTINGS}\n{_groups({**FIELDS, **PREDICT_FIELDS})}"
    )


def command_help(name: str) -> str:
    """Returns the help of one command."""
    command = COMMANDS[name]
    form = " ".join(filter(None, ("keras-ptft", name, command.words)))
    head = f"{command.text[0].upper()}{command.text[1:]}.\n{_words([name])}"
    head += f"\nFor example\n  {command.example}\n"
    if not command.fields:
        return f"{form}\n\n{head}"
    if name == "launch":
        form = form.replace("--", "[--setting=value]... --")
        return f"{form}\n\n{head}\n{_groups(command.fields)}"
    return (
        f"{form} [--setting=value | --flagfile=FILE]...\n\n{head}\n"
        f"{_SETTINGS}\n{_groups(command.fields)}"
    )


def unknown_command(command: str) -> str:
    """Returns one line about an unknown command."""
    if command.startswith("-"):
        problem = f"Expected a command before {command}"
    else:
        problem = f"Unknown command {command!r}{nearest(command, COMMANDS)}"
    return f"{problem}; there are: {', '.join(COMMANDS)}."


def unknown_setting(name: str, fields: Fields = FIELDS) -> str:
    """Returns one line about an unknown setting."""
    return (
        f"Unknown setting --{name}{nearest(name, fields)}: "
        "see keras-ptft COMMAND --help."
    )


def wrong_value(text: str, fields: Fields = FIELDS) -> str:
    """Returns one line about a value that absl could not read."""
    found = re.fullmatch(r"flag --(\w+)=(.*?): .*", text, re.DOTALL)
    if found and found[1] in fields:
        field = fields[found[1]]
        kind = _KINDS.get(kind_of(field), "text")
        kinds = " or ".join((kind, *words_of(field)))
        return f"--{found[1]} must be {kinds}, got {found[2]!r}."
    if found := re.fullmatch(r"Missing value for flag --(\w+)", text):
        return f"--{found[1]} needs a value: write --{found[1]}=VALUE."
    return (
        f"{' '.join(text.split()).rstrip('.')}: see keras-ptft COMMAND --help."
    )


def explain_exception(error: Exception) -> str | None:
    """Returns one line about an exception that a user can act on, or None."""
    # TensorFlow's own error, named so that TensorFlow need not be imported
    exhausted = type(error).__name__ == "ResourceExhaustedError"
    if exhausted or isinstance(error, MemoryError):
        return (
            "This does not fit into memory: choose a smaller --batch_size "
            "(with more --gradient_accumulation the run resumes from its "
            "checkpoint), a smaller model or --image_size, or fewer data."
        )
    # TensorFlow wraps what a data pipeline raised
    raised = re.search(r"\bUserError: (.+)", str(error))
    if raised and type(error).__name__ in ("UnknownError", _INVALID):
        return raised[1]
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return (
            f"{where}{error.strerror}. Check the path, its permissions and "
            "the space there."
        )
    return None


def _words(names: Iterable[str]) -> str:
    """A line for each word that follows these commands."""
    said = " ".join(COMMANDS[name].words for name in names)
    used = set(re.findall(r"\w+", said))
    lines = (f"  {w:10}{t}\n" for w, t in _WORDS.items() if w in used)
    return "".join(["\n", *lines]) if used else ""


def _beside(head: str, text: str) -> str:
    """Lines of a text beside its head."""
    rest = " " * len(head)
    lines = textwrap.fill(
        text, _WIDTH, initial_indent=head, subsequent_indent=rest
    )
    return f"{lines}\n"


def _groups(fields: Fields) -> str:
    groups: dict[str, list[str]] = {}
    for field in fields.values():
        groups.setdefault(field.metadata["group"], []).append(_entry(field))
    return "\n".join(
        f"Settings: {name}\n" + "".join(entries)
        for name, entries in groups.items()
    )


def _entry(field: dataclasses.Field[Any]) -> str:
    text = field.metadata["help"]
    choices = field.metadata["choices"]
    if table := field.metadata["table"]:
        choices = table_names(table)
    if choices:
        text += f" ({', '.join(choices)})"
    if field.default not in ("", ()):
        text += f" [{str(field.default).lower()}]"
    head = f"  --{field.name}"
    # a longer name has a line to itself
    over = [""] if len(head) > 25 else []
    lines = over + textwrap.wrap(text, 52, break_on_hyphens=False)
    first = f"{head:26}{lines[0]}".rstrip()
    return "\n".join([first, *(" " * 26 + x for x in lines[1:])]) + "\n"
