"""Settings as a page shows them, and what repeats a run."""

import json
import pathlib
import re
import shlex

from keras_ptft.config import FIELDS, Config
from keras_ptft.evaluation.report.settings_table import (
    ShownSetting,
    repeating_commands,
    shown_settings,
)
from tests.evaluation.report.pages import LINEAGE, report, words


def test_settings_that_differ_come_apart_from_the_others():
    config = Config(epochs=7, deterministic=True, learning_rate="find")
    chosen, others = shown_settings(config)
    assert chosen == [
        ShownSetting("learning_rate", "find", "0.001"),
        ShownSetting("epochs", "7", "5"),
        ShownSetting("deterministic", "true", "false"),
    ]
    assert len(others) == len(FIELDS) - 3
    assert ShownSetting("classes", "", "") in others


def test_the_flagfile_repeats_a_run_under_another_name():
    folder = pathlib.Path("runs/my run")
    command, _ = repeating_commands("finetune", folder, Config())
    assert shlex.split(" ".join(command)) == [
        "keras-ptft",
        "finetune",
        "--flagfile=runs/my run/flags.flags",
        "--name=my run-again",
    ]


def test_a_run_of_clients_is_repeated_as_it_was_carried():
    folder, config = pathlib.Path("runs/my run"), Config()
    told = {"settings": {"clients": 2, "server": "fedprox(mu=0.1)"}}
    words = ["runs/my run/flags.flags", "--name=my run-again"]
    words += ["--clients=2", "--server=fedprox(mu=0.1)"]
    command, _ = repeating_commands("pretrain", folder, config, federated=told)
    assert shlex.split(" ".join(command)) == ["keras-ptft", "federate", *words]
    told |= {"carrier": "flower", "client_privacy": "client_dp(noise=1.0)"}
    command, _ = repeating_commands("pretrain", folder, config, federated=told)
    *start, text = shlex.split(" ".join(command))
    assert start == ["flwr", "run", "deploy/flower", "--run-config"]
    pairs = re.findall(r'([\w-]+)=("(?:\\.|[^"])*")(?: |$)', text)
    found = {name: json.loads(value) for name, value in pairs}
    assert shlex.split(found["federate"]) == words
    assert found["client-privacy"] == "client_dp(noise=1.0)"


def test_the_settings_repeat_a_run_without_its_folder():
    config = Config(
        name="a", dataset="folder:it's $HOME; `x`", overwrite=True, epochs=7
    )
    _, command = repeating_commands("pretrain", pathlib.Path("runs/a"), config)
    assert command[-1] == "--epochs=7"
    read = shlex.split(" ".join(command))
    given = dict(word[2:].split("=", 1) for word in read[2:])
    again = Config(name=given.pop("name"), dataset=given.pop("dataset"))
    assert again.dataset == config.dataset and again.name == "a-again"
    # where it goes, and what it replaces there, is not repeated
    assert given == {"epochs": "7"}


def test_a_page_folds_what_is_at_its_default(tmp_path):
    lineage = LINEAGE._replace(
        folder=pathlib.Path("runs/<a>"),
        config=Config(dataset="folder:<b>&c", epochs=7),
    )
    page = report(tmp_path / "report.html", ["a", "b"], lineage=lineage)
    assert "<a>" not in page and "<b>&c" not in page
    text = words(page)
    assert (
        "To repeat the run: keras-ptft pretrain "
        "'--flagfile=runs/<a>/flags.flags' '--name=<a>-again' or, without its "
        "folder: keras-ptft pretrain '--name=<a>-again' "
        "'--dataset=folder:<b>&c' --epochs=7 setting value default dataset "
        "folder:<b>&c digits epochs 7 5 "
        f"{len(FIELDS) - 2} settings at their defaults" in text
    )
    _, _, folded = page.partition("<details>")
    assert "<td>batch_size</td>" in folded and "<td>epochs" not in folded


def test_a_program_has_to_hand_its_objects_over_again(tmp_path):
    lineage = LINEAGE._replace(handed_over=("dataset", "backbone"))
    text = words(report(tmp_path / "a.html", ["a", "b"], lineage=lineage))
    assert "A program handed over the dataset and the backbone, so" in text
    assert "keras-ptft" not in text


def test_without_changes_there_is_no_table_of_them(tmp_path):
    lineage = LINEAGE._replace(config=Config())
    text = words(report(tmp_path / "a.html", ["a", "b"], lineage=lineage))
    assert "--name=a-again or, without its folder" in text
    assert f"{len(FIELDS)} settings at their defaults" in text
    assert "value default" not in text
