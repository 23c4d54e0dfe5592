"""What the command line says of itself (no TensorFlow)."""

import dataclasses
import re
import textwrap
from collections.abc import Mapping

from keras_ptft.config import FIELDS
from keras_ptft.launch import JOB_FIELDS
from keras_ptft.registry import nearest

Fields = Mapping[str, dataclasses.Field]

# a command's words, and what it does
_COMMANDS = {
    "run": ("RECIPE...", "run recipes in order, then compare them in a table"),
    "pretrain": ("", "train a model from random weights"),
    "finetune": ("", "train a new head, and more, on a pretrained backbone"),
    "evaluate": ("RUN", "score a run on the whole test split"),
    "predict": ("MODEL INPUT...", "label images, arrays, tables or texts"),
    "export": ("RUN", "publish a run's next version for TensorFlow Serving"),
    "describe": ("[NAME]", "list models, optimizers, ..., or tell of one"),
    "launch": ("-- COMMAND...", "run COMMAND in several workers together"),
}
_EXAMPLES = {
    "run": "keras-ptft run flags/pretrain_cnn_digits.flags "
    "flags/finetune_cnn_digits.flags",
    "pretrain": "keras-ptft pretrain --name=birds --dataset=folder:birds "
    "--epochs=10",
    "finetune": "keras-ptft finetune --name=owls --init_from=birds "
    "--dataset=folder:owls",
    "evaluate": "keras-ptft evaluate runs/owls",
    "predict": "keras-ptft predict runs/owls photos/ --csv=labels.csv",
    "export": "keras-ptft export runs/owls --export_to=saved_models/owls",
    "describe": "keras-ptft describe cnn",
    "launch": "keras-ptft launch --workers=2 -- run "
    "flags/pretrain_cnn_digits.flags",
}
_WORDS = {
    "RECIPE": "a file with a setting a line; init_from makes it fine-tuning",
    "RUN": "a run folder, as runs/NAME",
    "MODEL": "a run folder, a .keras file or a folder of an export",
    "INPUT": "image, folder, .npy, .npz, .csv; or text, .txt, .tsv, .jsonl, -",
    "COMMAND": "run, pretrain or finetune, with its words and settings",
    "NAME": "a row, as keras-ptft describe lists them",
}
_SETTINGS = """\
Settings come as --setting=value, or a line each from --flagfile=FILE, where
lines that begin with # are comments. The last one wins. What a model or an
optimizer has of its own is written as a call: --optimizer='sgd(momentum=0.9)'.
Defaults stand in [brackets].
"""
_KINDS = {int: "a whole number", float: "a number", bool: "true or false"}


def overview() -> str:
    """The help of the program: every command and every setting."""
    forms = [" ".join((n, w)).strip() for n, (w, _) in _COMMANDS.items()]
    width = max(map(len, forms)) + 2
    commands = "".join(
        f"  {form:{width}}{text}\n"
        for form, (_, text) in zip(forms, _COMMANDS.values(), strict=True)
    )
    return (
        "keras-ptft COMMAND [--setting=value | --flagfile=FILE]...\n\n"
        "Pretrain a Keras model once, fine-tune it, prove that it helped, "
        f"serve it.\n\nCommands\n{commands}{_words(_COMMANDS)}"
        f"\nFor example\n  {_EXAMPLES['pretrain']}\n\n{_settings()}"
    )


def command_help(command: str) -> str:
    """The help of one command."""
    words, text = _COMMANDS[command]
    form = " ".join(filter(None, ("keras-ptft", command, words)))
    head = f"{text[0].upper()}{text[1:]}.\n{_words([command])}"
    head += f"\nFor example\n  {_EXAMPLES[command]}\n"
    if command == "describe":
        return f"{form}\n\n{head}"
    if command == "launch":
        form = form.replace("--", "[--setting=value]... --")
        return f"{form}\n\n{head}\n{_groups(JOB_FIELDS)}"
    return f"{form} [--setting=value | --flagfile=FILE]...\n\n{head}\n" + (
        _settings()
    )


def unknown_command(command: str) -> str:
    """One line about a command that there is not."""
    if command.startswith("-"):
        problem = f"Expected a command before {command}"
    else:
        problem = f"Unknown command {command!r}{nearest(command, _COMMANDS)}"
    return f"{problem}; there are: {', '.join(_COMMANDS)}."


def unknown_setting(name: str, fields: Fields = FIELDS) -> str:
    """One line about a setting that there is not."""
    return (
        f"Unknown setting --{name}{nearest(name, fields)}: "
        "see keras-ptft --help."
    )


def wrong_value(text: str, fields: Fields = FIELDS) -> str:
    """One line about what absl could not read as a setting."""
    found = re.fullmatch(r"flag --(\w+)=(.*?): .*", text, re.DOTALL)
    if found and found[1] in fields:
        kind = _KINDS.get(fields[found[1]].type, "text")
        return f"--{found[1]} must be {kind}, got {found[2]!r}."
    if found := re.fullmatch(r"Missing value for flag --(\w+)", text):
        return f"--{found[1]} needs a value: write --{found[1]}=VALUE."
    return f"{' '.join(text.split()).rstrip('.')}: see keras-ptft --help."


def unreadable(error: OSError | UnicodeDecodeError) -> str:
    """One line about a flagfile that cannot be read."""
    if isinstance(error, UnicodeDecodeError):
        return "A recipe or flagfile must be text in UTF-8: write it as such."
    return (
        f"Cannot open the recipe or flagfile {error.filename}: "
        f"{error.strerror}; check the path."
    )


def circular(words: list[str]) -> str:
    """One line about flagfiles that read each other without end."""
    named = [word for word in words if "flagfile" in word]
    return (
        f"{' '.join(named)} reads itself, maybe by way of others: take out "
        "the line --flagfile=... that leads back."
    )


def limit(error: Exception) -> str | None:
    """One line about what a user can mend all the same; None: no such."""
    # TensorFlow's own error, named so that TensorFlow need not be imported
    exhausted = type(error).__name__ == "ResourceExhaustedError"
    if exhausted or isinstance(error, MemoryError):
        return (
            "This does not fit into memory: choose a smaller model, "
            "--batch_size or --image_size, or fewer data."
        )
    # what a data pipeline raised, TensorFlow hands on as this
    told = re.search(r"\bUserError: (.+)", str(error))
    if told and type(error).__name__ == "UnknownError":
        return told[1]
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return (
            f"{where}{error.strerror}. Check the path, its permissions and "
            "the space there."
        )
    return None


def _words(commands) -> str:
    """A line for each word that follows these commands."""
    used = " ".join(_COMMANDS[command][0] for command in commands)
    lines = (f"  {w:8}{t}\n" for w, t in _WORDS.items() if w in used)
    return "".join(["\n", *lines]) if used else ""


def _settings() -> str:
    return f"{_SETTINGS}\n{_groups(FIELDS)}"


def _groups(fields: Fields) -> str:
    groups: dict[str, list[str]] = {}
    for field in fields.values():
        groups.setdefault(field.metadata["group"], []).append(_entry(field))
    return "\n".join(
        f"Settings: {name}\n" + "".join(entries)
        for name, entries in groups.items()
    )


def _entry(field: dataclasses.Field) -> str:
    text = field.metadata["help"]
    if field.metadata["choices"]:
        text += f" ({', '.join(field.metadata['choices'])})"
    if field.default != "":
        text += f" [{str(field.default).lower()}]"
    head = f"  --{field.name}"
    # a longer name has a line to itself
    over = [""] if len(head) > 25 else []
    lines = over + textwrap.wrap(text, 52, break_on_hyphens=False)
    first = f"{head:26}{lines[0]}".rstrip()
    return "\n".join([first, *(" " * 26 + x for x in lines[1:])]) + "\n"
