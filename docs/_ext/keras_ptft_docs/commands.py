"""The command line, from what the program says of itself."""

from keras_ptft import usage
from keras_ptft.config import FIELDS
from keras_ptft_docs.markdown import block
from keras_ptft_docs.settings import field_table


def commands(_: str) -> str:
    """Returns a section for each command."""
    return "\n".join(map(_section, usage.COMMANDS))


def _section(name: str) -> str:
    command = usage.COMMANDS[name]
    # what all commands have in common, and settings, follow the example
    told, example, _ = usage.command_help(name).partition(command.example)
    return "\n".join([f"## {name}", block(told + example), _settings(command)])


def _settings(command: usage.Command) -> str:
    """What a command takes: its own settings, and groups of those of a run."""
    own = [f for name, f in command.fields.items() if name not in FIELDS]
    told = field_table(own) if own else ""
    if taken := FIELDS.keys() & command.fields.keys():
        groups = {FIELDS[name].metadata["group"] for name in taken}
        is_all = len(taken) == len(FIELDS)
        which = "" if is_all else f" of the group {', '.join(sorted(groups))}"
        told += f"\nIt takes the [settings of a run](settings.md){which}.\n"
    return told
