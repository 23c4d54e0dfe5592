"""How Flower averages, on numbers worked by hand."""

import types

import numpy as np
import pytest

pytest.importorskip("flwr", reason="Flower is not installed")

from flwr.app import Message, MetricRecord, RecordDict

from keras_ptft.config import Config
from keras_ptft.errors import UserError
from keras_ptft.federated.flower.asked import Asked
from keras_ptft.federated.flower.privacy import guarded
from keras_ptft.federated.flower.records import packed, unpacked
from keras_ptft.federated.flower.rounds import Rounds
from keras_ptft.federated.servers import SERVERS
from keras_ptft.federated.settings import FederateConfig
from keras_ptft.registry import lookup
from tests.federated.grid import Here

NODES = {1: {}, 2: {}}


def asked(server="fedavg", privacy="none", **federate):
    federate = {"clients": 2, "rounds": 1, "server": server} | federate
    return Asked(Config(), FederateConfig(**federate), privacy)


def rounds_of(asked, start=0.0, statistics=False):
    """Rounds of a model whose one array is a weight, or a statistic."""
    local = types.SimpleNamespace(
        names=["w"],
        trained=0 if statistics else 1,
        server=lookup(SERVERS, asked.federate.server, "server")(),
        weights=lambda: [np.full(2, start, np.float32)],
    )
    return Rounds(guarded(asked), local)


def answering(answers):
    """An app whose node k answers (weights, examples), or fails."""

    def app(message, context):
        weights, examples = answers[context.node_id]
        content = RecordDict(
            {
                "arrays": packed(["w"], [np.asarray(weights, np.float32)]),
                "metrics": MetricRecord({"num-examples": examples}),
            }
        )
        return Message(content, reply_to=message)

    return app


def play(asked, answers, times=1, statistics=False):
    """The weights after some rounds of the same answers, and the rounds."""
    rounds = rounds_of(asked, statistics=statistics)
    grid = Here(answering(answers), NODES)
    begin = packed(["w"], [np.zeros(2, np.float32)])
    result = rounds.start(grid, begin, num_rounds=times)
    return unpacked(result.arrays, ["w"])[0], rounds


UNEVEN = {1: ([1.0, 2.0], 1), 2: ([3.0, 6.0], 3)}


@pytest.mark.parametrize("server", ["fedavg", "fedprox(mu=0.1)"])
def test_the_mean_is_weighted_by_examples(server):
    found, rounds = play(asked(server), UNEVEN)
    np.testing.assert_allclose(found, [2.5, 5.0])
    # two floats of 4 bytes and a header of NumPy's, to two clients and back
    (row,) = rounds.rows
    assert (row["clients"], row["failed"]) == (2, 0)
    assert row["bytes_down"] == row["bytes_up"] == 2 * (128 + 8)


def test_momentum_goes_on_as_by_hand():
    # the mean stays 2.5: 0 -> 2.5, then a step of 0.5 * 2.5 + 0
    found, _ = play(asked("fedavgm(momentum=0.5)"), UNEVEN, times=2)
    np.testing.assert_allclose(found, [3.75, 7.5])


def test_statistics_have_no_momentum():
    asks = asked("fedavgm(momentum=0.5)")
    found, _ = play(asks, UNEVEN, times=2, statistics=True)
    np.testing.assert_allclose(found, [2.5, 5.0])


def test_who_trained_is_told():
    _, rounds = play(asked(), UNEVEN, times=2)
    assert rounds.clients == [
        {"client": "1", "examples": 1},
        {"client": "2", "examples": 3},
    ]


def test_a_missing_client_is_told(caplog):
    found, rounds = play(asked(), {1: ([1.0, 2.0], 1)})
    np.testing.assert_allclose(found, [1.0, 2.0])
    assert rounds.rows[0]["failed"] == 1
    assert "1 of 2 clients failed in round 1: 2" in caplog.text


def test_a_round_without_clients_ends_the_run():
    with pytest.raises(UserError, match="2 of 2 clients failed in round 1"):
        play(asked(), {})


EVEN = {1: ([3.0, 4.0], 1), 2: ([0.0, 0.1], 1)}


def test_changes_are_clipped():
    pytest.importorskip("dp_accounting")
    # of norm 5 and 0.1, to 1 at most: ([0.6, 0.8] + [0, 0.1]) / 2
    private = asked(privacy="client_dp(noise=1e-4, clip=1.0)")
    found, _ = play(private, EVEN)
    np.testing.assert_allclose(found, [0.3, 0.45], atol=1e-3)


def test_noise_is_for_a_mean_of_all_clients(caplog):
    pytest.importorskip("dp_accounting")
    private = asked(privacy="client_dp(noise=1.0, clip=1.0)")
    found, rounds = play(private, {1: EVEN[1]})
    np.testing.assert_array_equal(found, [0.0, 0.0])
    assert "the round changes nothing" in caplog.text
    assert rounds.clients == []


def test_noise_is_that_of_the_mean_and_never_the_same():
    pytest.importorskip("dp_accounting")
    still = {node: (np.full(2, 1e-9), 1) for node in NODES}
    private = asked(privacy="client_dp(noise=4.0, clip=0.5)")
    drawn = []
    for _ in range(100):
        np.random.seed(0)
        drawn.append(play(private, still)[0])
    # 4.0 * 0.5 / 2; 200 draws are within 20 % in all but 1 of 10,000
    assert np.std(drawn) == pytest.approx(1.0, rel=0.2)


def test_what_was_given_away_is_counted():
    dp = pytest.importorskip("dp_accounting")
    private = asked(privacy="client_dp(noise=2.0, clip=1.0, delta=1e-6)")
    _, rounds = play(private, EVEN, times=3)
    told = rounds.guarded.told()["privacy"]
    accountant = dp.rdp.RdpAccountant()
    accountant.compose(dp.GaussianDpEvent(2.0), 3)
    assert told["epsilon"] == pytest.approx(accountant.get_epsilon(1e-6))
    assert (told["rounds"], told["unit"]) == (3, "client")


def test_clients_that_count_differently_are_refused():
    pytest.importorskip("dp_accounting")
    private = asked(privacy="client_dp(noise=1.0, clip=1.0)")
    with pytest.raises(ValueError, match="equal client weights"):
        play(private, UNEVEN)


@pytest.mark.parametrize(
    "privacy, told",
    [
        ("client_dp(noise=0.0, clip=1.0)", "'noise' must be"),
        ("client_dp(noise=1.0)", "clip"),
        ("client_pd", 'mean "client_dp"'),
    ],
)
def test_what_cannot_hold_is_refused(privacy, told):
    with pytest.raises(UserError, match=told):
        rounds_of(asked(privacy=privacy))


def test_a_record_has_the_order_of_the_names():
    record = packed(["b", "a"], [np.ones(1), np.zeros(2)])
    assert [len(each) for each in unpacked(record, ["a", "b"])] == [2, 1]
