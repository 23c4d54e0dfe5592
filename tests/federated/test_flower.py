"""A recipe trained by the apps of Flower, from messages to a run folder."""

import csv
import shlex

import numpy as np
import pytest

pytest.importorskip("flwr", reason="Flower is not installed")

from flwr.common.config import parse_config_args

import keras_ptft
from keras_ptft.config import Config
from keras_ptft.errors import UserError
from keras_ptft.federated.flower import client_app, server_app
from keras_ptft.federated.flower.asked import Asked, read
from keras_ptft.federated.local import Local
from keras_ptft.federated.settings import FederateConfig
from tests.federated.grid import Here, context

pytestmark = pytest.mark.slow
TWO = FederateConfig(clients=2, rounds=2, local_epochs=2)


def node(part):
    return {"partition_id": part, "num_partitions": 2}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return Config(
        name="flower",
        backbone="mlp(hidden=(16,), dropout=0.0)",
        optimizer="sgd(momentum=0.9)",
        learning_rate=0.1,
        runs_dir=str(tmp_path_factory.mktemp("runs")),
        near_copies=False,
        explain=False,
        jit_compile="false",
    )


@pytest.fixture(scope="module")
def played(recipe):
    asked = Asked(recipe, TWO)
    grid = Here(client_app(asked), {5: node(0), 7: node(1)})
    server_app(asked)(grid, context())
    return grid


def averaged(recipe, rounds):
    """The weights that the same clients come to without Flower."""
    weights = Local(recipe, TWO).weights()
    clients = [Local(recipe, TWO, part) for part in range(2)]
    for number in range(rounds):
        found = [client.train(weights, number) for client in clients]
        total = sum(examples for _, examples, _ in found)
        weights = [
            sum(each[i] * (examples / total) for each, examples, _ in found)
            for i in range(len(weights))
        ]
    return weights


def test_the_average_ends_in_a_run_folder(recipe, played):
    run = keras_ptft.load_run(f"{recipe.runs_dir}/flower")
    assert run.metrics["test"]["accuracy"] > 0.7
    assert all(not reply.has_error() for reply in played.replies)
    with open(run.folder / "history.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["round"] for row in rows] == ["1", "2"]
    assert [row["epoch"] for row in rows] == ["2", "4"]
    assert float(rows[1]["val_loss"]) < float(rows[0]["val_loss"])
    told = run.result.federated
    assert told["bytes_of_a_client"] * 2 < int(rows[0]["bytes_up"])
    assert [row["client"] for row in told["clients"]] == ["5", "7"]
    report = (run.folder / "report.md").read_text("utf-8")
    assert "## Clients" in report
    (line,) = (row for row in report.splitlines() if row.startswith("flwr run"))
    again = read(parse_config_args(shlex.split(line)[-1:]))
    assert again == Asked(
        recipe.replace(name="flower-again", epochs=4), TWO, "none"
    )


@pytest.mark.usefixtures("played")
def test_the_weights_are_those_without_flower(recipe):
    expected = averaged(recipe, rounds=2)
    run = keras_ptft.load_run(f"{recipe.runs_dir}/flower")
    found = [np.asarray(each) for each in run.model.trainable_variables]
    for own, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, theirs, atol=1e-6)


@pytest.mark.usefixtures("played")
def test_another_privacy_is_another_run(recipe):
    pytest.importorskip("dp_accounting")
    asked = Asked(recipe, TWO, "client_dp(noise=1.0, clip=1.0)")
    with pytest.raises(UserError, match="a federation, or by none"):
        server_app(asked)(Here(client_app(asked), {}), context())


def test_a_private_recipe_is_refused_by_either_side(recipe):
    asked = Asked(recipe.replace(privacy="dp_sgd(epsilon=3, delta=1e-5)"), TWO)
    told = "what one training gives away, not what clients do"
    with pytest.raises(UserError, match=told):
        server_app(asked)(Here(client_app(asked), {}), context())
    grid = Here(client_app(asked), {5: node(0), 7: node(1)})
    server = server_app(Asked(recipe.replace(name="plain"), TWO))
    with pytest.raises(UserError, match=f"2 of 2 clients failed.*{told}"):
        server(grid, context())


def test_a_killed_run_begins_again_and_says_so(recipe, caplog):
    asked = Asked(recipe.replace(name="killed"), TWO)
    grid = Here(client_app(asked), {5: node(0), 7: node(1)})

    def killed(messages, *, timeout=None):
        messages = list(messages)
        if messages and grid.replies:
            raise KeyboardInterrupt
        return Here.send_and_receive(grid, messages, timeout=timeout)

    grid.send_and_receive = killed
    with pytest.raises(KeyboardInterrupt):
        server_app(asked)(grid, context())
    del grid.send_and_receive
    server_app(asked)(grid, context())
    assert "it begins again with round 1" in caplog.text
    run = keras_ptft.load_run(f"{recipe.runs_dir}/killed")
    assert [row["round"] for row in run.history] == [1, 2]


def test_data_that_the_model_is_not_made_for_are_refused(recipe):
    asked = Asked(recipe.replace(name="other"), TWO)
    own = {"dataset": "digits", "classes": "0-4"}
    grid = Here(client_app(asked), {5: own, 7: own})
    with pytest.raises(UserError, match="labels and scaling and weights"):
        server_app(asked)(grid, context())


def test_a_private_client_sends_no_count(recipe):
    pytest.importorskip("dp_accounting")
    asked = Asked(
        recipe.replace(name="private"),
        FederateConfig(clients=2, rounds=1),
        "client_dp(noise=0.01, clip=0.1)",
    )
    grid = Here(client_app(asked), {5: node(0), 7: node(1)})
    server_app(asked)(grid, context())
    for reply in grid.replies:
        assert dict(reply.content["metrics"]) == {"num-examples": 1}
