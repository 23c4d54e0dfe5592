"""What Flower is told: the run's configuration, and that of a node."""

import importlib.util

import pytest

from keras_ptft.config import Config
from keras_ptft.errors import UserError
from keras_ptft.federated.flower import client_app, server_app
from keras_ptft.federated.flower.asked import Asked, read
from keras_ptft.federated.flower.nodes import of_node
from keras_ptft.federated.settings import FederateConfig

TWO = Asked(Config(), FederateConfig(clients=2))


def test_the_words_are_those_of_the_command():
    words = "pretrain_cnn_digits --rounds=3 --partition=dirichlet(0.5) --seed=4"
    asked = read({"federate": words, "timeout": 60})
    assert asked.recipe.backbone.startswith("cnn")
    assert asked.recipe.seed == 4
    assert asked.federate.rounds == 3
    assert asked.federate.partition == "dirichlet(0.5)"
    assert (asked.client_privacy, asked.timeout) == ("none", 60.0)


@pytest.mark.parametrize(
    "run_config, told",
    [
        ({}, "name a recipe"),
        ({"federate": "--rounds=3"}, "name a recipe"),
        ({"federate": "'pretrain"}, "No closing quotation"),
        ({"federate": "pretrain_cnn_digits --round=3"}, 'mean "rounds"'),
        ({"secure": "secagg+"}, "SecAgg\\+ for its older strategies alone"),
        (
            {"federate": "pretrain_cnn_digits", "timeout": 0},
            "'timeout' must be at least 1, got 0",
        ),
    ],
)
def test_a_wrong_configuration_is_refused_in_a_line(run_config, told):
    with pytest.raises(UserError, match=told):
        read(run_config)


def test_a_node_has_a_part_or_data_of_its_own():
    node = {"partition-id": 1, "num-partitions": 2}
    assert of_node(TWO, node) == (Config(), 1)
    own = {"dataset": "folder:photos", "runs-dir": "elsewhere"}
    config, part = of_node(TWO, own)
    assert part is None
    assert (config.dataset, config.runs_dir) == ("folder:photos", "elsewhere")


@pytest.mark.parametrize(
    "node, told",
    [
        ({}, "got nothing"),
        (
            {"dataset": "digits", "partition-id": 0, "num-partitions": 2},
            "either partition-id and num-partitions or a dataset",
        ),
        ({"partition-id": 0, "num-partitions": 3}, "Expected num-partitions=2"),
        ({"partition-id": 2, "num-partitions": 2}, "partition-id below it"),
        ({"dataset": "digits", "learning-rate": 1.0}, "got learning_rate"),
        ({"dataset": "digits", "colour": "red"}, "got colour"),
    ],
)
def test_a_wrong_node_is_refused_in_a_line(node, told):
    with pytest.raises(UserError, match=told):
        of_node(TWO, node)


@pytest.mark.skipif(
    importlib.util.find_spec("flwr") is not None, reason="Flower is installed"
)
@pytest.mark.parametrize("make", [client_app, server_app])
def test_without_flower_a_line_names_the_extra(make):
    with pytest.raises(UserError, match=r'"keras_ptft\[federated\]"'):
        make()
