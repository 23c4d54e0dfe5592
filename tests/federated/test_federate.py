"""Runs of clients: their folders, their rounds, what ends and goes on."""

import csv
import json

import numpy as np
import pytest

import keras_ptft
from keras_ptft import UserError, main
from keras_ptft.config import Config
from keras_ptft.federated import federate
from keras_ptft.federated.rounds import chosen, play
from keras_ptft.federated.run import federated_run
from keras_ptft.federated.settings import FederateConfig

SETTINGS = {
    "dataset": "digits",
    "image_size": 8,
    "train_examples": 400,
    "backbone": "mlp(hidden=(16,), dropout=0.2)",
    "optimizer": "sgd(momentum=0.9)",
    "learning_rate": 0.05,
    "batch_size": 16,
    "validation_fraction": 0.1,
    "jit_compile": "false",
    "near_copies": False,
    "explain": False,
}
ASKED = FederateConfig(
    clients=4,
    rounds=3,
    clients_per_round=2,
    local_epochs=2,
    partition="dirichlet(1.0)",
    server="fedavgm(momentum=0.5)",
    score_rounds=True,
)


class DiedError(Exception):
    """A process that ends."""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    runs = str(tmp_path_factory.mktemp("runs"))
    return Config(runs_dir=runs, name="whole", **SETTINGS)


@pytest.fixture(scope="module")
def run(config):
    return keras_ptft.federate(config, ASKED)


def test_a_run_tells_of_its_rounds_and_clients(run):
    with open(run.folder / "history.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["round"] for row in rows] == ["1", "2", "3"]
    assert [row["epoch"] for row in rows] == ["2", "4", "6"]
    told = json.loads((run.folder / "result.json").read_text())["federated"]
    assert len(told["clients"]) == 4
    assert sum(row["examples"] for row in told["clients"]) == 400
    # float32 of 64 * 16 + 16 and of 16 * 10 + 10, from each of 2 clients
    size = 4 * 1210
    assert told["bytes_of_a_client"] == size
    assert {row["bytes_up"] for row in rows} == {str(2 * size)}
    last = float(rows[-1]["test_accuracy"])
    assert last == pytest.approx(run.metrics["test"]["accuracy"])
    assert last > 0.5 and float(rows[-1]["val_loss"]) > 0


def test_the_same_call_reads_the_run(run, config, caplog):
    assert keras_ptft.federate(config, ASKED).result == run.result
    assert "is complete already" in caplog.text


def test_a_run_is_no_other_training(run, config):
    del run
    line = "was trained by a federation, or by none, that changed since"
    with pytest.raises(UserError, match=line):
        keras_ptft.federate(config, ASKED, server="fedavg")
    with pytest.raises(UserError, match=line):
        keras_ptft.pretrain(config.replace(epochs=6))


@pytest.mark.slow
@pytest.mark.parametrize("moment", [(0, 1), (2, 0), (2, 1)])
def test_a_run_that_died_ends_with_the_same_bytes(run, config, moment):
    """Before the first client of a round, or between two of them."""
    config = config.replace(name=f"died-{moment[0]}-{moment[1]}")
    seen = []

    def watch(number, client):
        assert 0 <= client < 4
        seen.append(number)
        if (number, seen.count(number) - 1) == moment:
            raise DiedError

    with pytest.raises(DiedError):
        federated_run(config, ASKED, lambda *a: play(*a, watch))
    again = keras_ptft.federate(config, ASKED)
    assert again.result.resumed == ([2] if moment[0] else [])
    pairs = zip(run.model.get_weights(), again.model.get_weights(), strict=True)
    assert all(np.array_equal(own, theirs) for own, theirs in pairs)
    for own, theirs in zip(run.history, again.history, strict=True):
        assert {**own, "seconds": 0} == {**theirs, "seconds": 0}


def test_clients_of_a_round_are_drawn_by_its_number():
    drawn = [chosen(0, number, 10, 3) for number in range(20)]
    assert drawn == [chosen(0, number, 10, 3) for number in range(20)]
    assert {len(set(each)) for each in drawn} == {3}
    assert set().union(*drawn) == set(range(10))


@pytest.mark.slow
def test_a_column_divides_by_its_values(tmp_path):
    draw = np.random.default_rng(0)
    lines = ["a,b,person,label"]
    for person, count in (("ann", 60), ("bob", 30)):
        for _ in range(count):
            a, b = draw.random(2)
            lines.append(f"{a},{b},{person},{'yes' if a > b else 'no'}")
    table = tmp_path / "table.csv"
    table.write_text("\n".join(lines))
    settings = {**SETTINGS, "dataset": f"csv:{table}", "train_examples": 0}
    settings.pop("image_size")
    settings |= {"backbone": "mlp(hidden=(4,))", "batch_size": 8}
    done = keras_ptft.federate(
        Config(runs_dir=str(tmp_path / "runs"), name="by", **settings),
        partition="by:person",
        rounds=1,
    )
    assert done.result.federated["settings"]["partition"] == "by:person"
    names = [row["client"] for row in done.result.federated["clients"]]
    assert names == ["ann", "bob"]
    assert "person" not in str(done.result.data["splits"])


@pytest.mark.parametrize(
    "words, line",
    [
        (["--early_stopping_patience=2"], "watches epochs"),
        (["--schedule=cosine"], "begins with a fresh one"),
        (["--ema=0.9"], "begins with a fresh one"),
        (["--learning_rate=find"], "begins with a fresh one"),
        (["--objective=dino"], "begins with a fresh one"),
        (["--strategy=multi_worker"], "one machine"),
        (
            ["--checkpoint_every=60s"],
            "--checkpoint_every=60s is no whole round: use epoch or never.",
        ),
        (["--clients=3", "--clients_per_round=4"], "more than the 3"),
        (["--clients=1000", "--batch_size=1"], "for 1000 clients one has 0"),
        (["--partition=halves"], "Unknown partition 'halves'"),
        (["--server=fedsgd"], "Unknown server 'fedsgd'"),
        (["--partition=by:person"], "needs a table"),
        (["--probe=logistic"], "--probe=logistic"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(tmp_path, capsys, words, line):
    recipe = tmp_path / "r.flags"
    settings = {**SETTINGS, "runs_dir": str(tmp_path / "runs")}
    lines = [f"--{k}={str(v).lower()}" for k, v in settings.items()]
    recipe.write_text("\n".join(lines))
    assert main.main(["federate", str(recipe), *words]) == 2
    told = capsys.readouterr().err.strip()
    assert line in told and "\n" not in told
    assert not list(tmp_path.glob("runs/*/flags.flags"))


def test_settings_may_be_given_one_by_one():
    assert federate.FederateConfig(clients=3) == FederateConfig(clients=3)
    with pytest.raises(UserError, match="clients"):
        keras_ptft.federate(clients=0)
