"""What the command line says of itself."""

import pytest

from keras_ptft import main, usage
from keras_ptft.config import FIELDS, PREDICT_FIELDS
from keras_ptft.registry import table_names

COMMANDS = list(main.COMMANDS)
WITH_SETTINGS = [n for n in COMMANDS if n not in ("describe", "launch")]


def entries(text):
    """The settings of a help text, each with its own lines."""
    found = {}
    for line in text.partition("\nSettings: ")[2].splitlines():
        if line.startswith("  --"):
            name = line.split()[0].removeprefix("--")
            found[name] = []
        if found and line.startswith("  "):
            found[name] += line.split()
    return {name: " ".join(words) for name, words in found.items()}


def test_every_command_has_a_help():
    assert list(usage.COMMANDS) == COMMANDS


def test_overview_names_every_command():
    listed = usage.overview().partition("Commands\n")[2].partition("\n\n")[0]
    # a line that goes on is indented further
    lines = [x for x in listed.splitlines() if not x.startswith("   ")]
    assert [line.split()[0] for line in lines] == COMMANDS
    assert all(len(line) <= 80 for line in usage.overview().splitlines())


@pytest.mark.parametrize(
    "command, group", [("evaluate", "data"), ("export",) * 2]
)
def test_a_command_lists_the_settings_that_it_takes(command, group):
    """The others of a run are refused."""
    listed = entries(usage.command_help(command))
    taken = {n for n, f in FIELDS.items() if f.metadata["group"] == group}
    assert listed.keys() & FIELDS.keys() == taken


@pytest.mark.parametrize("name", WITH_SETTINGS)
def test_help_lists_every_setting_in_order(name):
    fields = usage.COMMANDS[name].fields
    listed = list(entries(usage.command_help(name)))
    groups = dict.fromkeys(f.metadata["group"] for f in fields.values())
    assert listed == [
        name
        for group in groups
        for name, field in fields.items()
        if field.metadata["group"] == group
    ]


def test_overview_lists_every_setting():
    assert set(entries(usage.overview())) == {*FIELDS, *PREDICT_FIELDS}


@pytest.mark.parametrize("name", FIELDS)
def test_setting_tells_help_choices_and_default(name):
    field = FIELDS[name]
    told = entries(usage.overview())[name]
    assert " ".join(field.metadata["help"].split()) in told
    assert all(choice in told for choice in field.metadata["choices"])
    if table := field.metadata["table"]:
        assert f"({', '.join(table_names(table))})" in told
    if field.default != "":
        assert told.endswith(f" [{str(field.default).lower()}]")


def test_groups_stand_together():
    lines = usage.overview().splitlines()
    groups = [x for x in lines if x.startswith("Settings: ")]
    fields = [*FIELDS.values(), *PREDICT_FIELDS.values()]
    assert len(groups) == len({f.metadata["group"] for f in fields})


@pytest.mark.parametrize("command", COMMANDS)
def test_command_help_tells_its_words_and_an_example(command):
    text = usage.command_help(command)
    assert text.startswith(f"keras-ptft {command}")
    assert f"\n  keras-ptft {command}" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_describe_has_no_settings():
    assert "Settings" not in usage.command_help("describe")


@pytest.mark.parametrize(
    "text, told",
    [
        ("flag --epochs=two: invalid", "--epochs must be a whole number"),
        ("flag --clip_norm=a: invalid", "--clip_norm must be a number"),
        (
            "flag --learning_rate=a: x",
            "--learning_rate must be a number or find",
        ),
        ("flag --overwrite=a: invalid", "--overwrite must be true or false"),
        ("Missing value for flag --name", "--name needs a value"),
    ],
)
def test_wrong_value(text, told):
    assert usage.wrong_value(text).startswith(told)


def test_unknown_things_suggest_the_nearest():
    assert 'did you mean "pretrain"?' in usage.unknown_command("pretrian")
    assert 'did you mean "epochs"?' in usage.unknown_setting("epoch")
    assert "Expected a command before --epochs=1" in usage.unknown_command(
        "--epochs=1"
    )
