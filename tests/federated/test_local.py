"""What a client does with weights, in process, on the digits."""

import pathlib

import keras
import numpy as np
import pytest

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import take
from keras_ptft.experiment.frozen import frozen_inputs
from keras_ptft.experiment.training import train
from keras_ptft.federated.local import Local
from keras_ptft.federated.settings import FederateConfig

CONFIG = Config(
    dataset="digits",
    image_size=8,
    train_examples=200,
    backbone="mlp(hidden=(16,), dropout=0.2)",
    optimizer="sgd(momentum=0.9)",
    learning_rate=0.1,
    batch_size=16,
    jit_compile="false",
    near_copies=False,
)
SEVERAL = FederateConfig(clients=3, rounds=3, partition="dirichlet(0.5)")


def distance(left, right):
    pairs = zip(left, right, strict=True)
    return float(np.sqrt(sum(((a - b) ** 2).sum() for a, b in pairs)))


@pytest.fixture(scope="module")
def several():
    return Local(CONFIG, SEVERAL)


def test_one_client_trains_as_a_plain_training():
    # a fresh optimizer each round has no state only where SGD has none
    plain = CONFIG.replace(backbone="mlp(hidden=(16,))", optimizer="sgd")
    one = FederateConfig(clients=1, rounds=2)
    local = Local(plain.replace(backbone="mlp(hidden=(16,), dropout=0.0)"), one)
    weights = start = local.weights()
    for number in range(2):
        weights, examples, _ = local.of(0).train(weights, number)
    assert examples == 200
    local.put(start)
    frozen = frozen_inputs(
        local.config, None, local.objective, local.loaded.dataset.splits
    )
    train(local.config, local.model, local.objective, frozen)
    for own, theirs in zip(weights, local.weights(), strict=True):
        np.testing.assert_array_equal(own, theirs)


def test_a_round_is_a_function_of_weights_client_and_round(several):
    weights = several.weights()
    first, examples, metrics = several.of(1).train(weights, 1)
    several.of(0).train(weights, 2)
    again, _, same = several.of(1).train(weights, 1)
    assert examples == len(several.parts[1].rows) and metrics == same
    assert all(map(np.array_equal, first, again))
    other, _, _ = several.of(1).train(weights, 2)
    assert distance(first, other) > 0


def test_clients_draw_the_same_examples_in_other_orders():
    # without dropout nothing but the order tells clients apart
    plain = CONFIG.replace(backbone="mlp(hidden=(16,), dropout=0.0)")
    local = Local(plain, FederateConfig(clients=2))
    source = take(local.shared.sources["train"], local.parts[0].rows)
    start, found = local.weights(), []
    for client in (0, 1, 2, 1):
        local.put(start)
        local.trainer.train(source, client, range(1))
        found.append(local.weights())
    first, second, third, again = found
    assert all(map(np.array_equal, second, again))
    for one, other in ((first, second), (second, third), (first, third)):
        assert distance(one, other) > 1e-3


def test_clients_of_any_size_share_one_trace(several):
    weights = several.weights()
    sizes = {len(part.rows) // 16 for part in several.parts}
    assert len(sizes) > 1
    several.of(0).train(weights, 0)
    traced = []
    gradients = several.trainer.model._gradients
    several.trainer.model._gradients = lambda *a: (
        traced.append(1) or gradients(*a)
    )
    for number in range(3):
        for client in range(3):
            several.of(client).train(weights, number)
    several.trainer.model._gradients = gradients
    assert not traced


def test_all_steps_of_all_local_epochs_are_trained():
    """Also where calls of several steps do not divide an epoch."""
    config = CONFIG.replace(train_examples=520, batch_size=8)
    local = Local(config, FederateConfig(clients=1, local_epochs=2))
    local.of(0).train(local.weights(), 0)
    model = local.trainer.model
    size = model.plan.steps_per_execution
    calls = 2 * -(-65 // size)
    # calls that Keras takes for whole would seem to be enough without the last
    assert (calls - 1) * size >= 2 * 65
    assert int(model.step) == 2 * 65


def test_a_client_alone_trains_as_one_of_many(several):
    weights = several.weights()
    alone = Local(CONFIG, SEVERAL, 1)
    expected, _, _ = several.of(1).train(weights, 0)
    found, examples, _ = alone.train(weights, 0)
    assert (
        examples == len(several.parts[1].rows)
        and alone.frozen == several.frozen
    )
    assert all(map(np.array_equal, expected, found))


def test_a_proximal_term_holds_a_client_near():
    moved = {}
    for server in ("fedavg", "fedprox(mu=0.0)", "fedprox(mu=5.0)"):
        asked = FederateConfig(clients=2, server=server)
        local = Local(CONFIG, asked)
        start = local.weights()
        moved[server] = distance(start, local.of(0).train(start, 0)[0])
    plain, none, near = moved.values()
    assert near < plain / 2 and none == pytest.approx(plain, rel=1e-6)


@pytest.mark.slow
def test_the_first_step_is_on_its_anchor():
    """Where a client begins, the term has no gradient; later it has."""
    config = CONFIG.replace(
        train_examples=16, backbone="mlp(hidden=(16,), dropout=0.0)"
    )
    found = {}
    for server in ("fedavg", "fedprox(mu=2.0)"):
        for epochs in (1, 2):
            asked = FederateConfig(
                clients=1, server=server, local_epochs=epochs
            )
            local = Local(config, asked)
            start = local.weights()
            found[server, epochs] = local.of(0).train(start, 0)[0]
    plain, near = (
        [found[server, epochs] for epochs in (1, 2)]
        for server in ("fedavg", "fedprox(mu=2.0)")
    )
    assert distance(plain[0], near[0]) < 1e-6
    assert distance(plain[1], near[1]) > 1e-3


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    inputs = keras.Input((8, 8, 1), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 16, name="scale")(inputs)
    x = keras.layers.Flatten(name="flat")(x)
    x = keras.layers.Dense(8, "relu", name="first")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    path = tmp_path_factory.mktemp("backbone") / "backbone.keras"
    keras.Model(inputs, x, name="backbone").save(path)
    return str(path)


@pytest.mark.parametrize(
    "freeze, trained, statistics", [("all", 2, 0), ("none", 6, 2)]
)
def test_only_what_is_trained_travels(pretrained, freeze, trained, statistics):
    path, runs = pretrained, str(pathlib.Path(pretrained).parent / "runs")
    config = CONFIG.replace(backbone="", init_from=path, freeze=freeze)
    config = config.replace(batchnorm="update", runs_dir=runs)
    local = Local(config, FederateConfig(clients=2))
    assert local.trained == trained
    assert len(local.names) == trained + statistics
    before, start = local.frozen, local.weights()
    found, _, _ = local.of(0).train(start, 0)
    assert local.frozen == before
    assert all((a != b).any() for a, b in zip(start, found, strict=True))
