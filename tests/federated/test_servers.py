"""How a server averages, on numbers worked by hand."""

import numpy as np
import pytest

from keras_ptft import UserError
from keras_ptft.federated.servers import SERVERS, mean_of
from keras_ptft.registry import lookup


def arrays(*values):
    return [np.array([value], np.float32) for value in values]


def rounds(server, start, means):
    weights, state = arrays(start), server.start(arrays(start))
    found = []
    for mean in means:
        weights, state = server.update(weights, [np.array([mean])], state)
        found.append(float(weights[0][0]))
    return found


def made(spec):
    return lookup(SERVERS, spec, "server")()


def test_a_client_counts_by_its_examples():
    sent = [arrays(1.0, 0.0), arrays(2.0, 10.0), arrays(4.0, 20.0)]
    # (1 + 2 * 2 + 4 * 5) / 8 and (2 * 10 + 5 * 20) / 8
    found = mean_of(iter(sent), [1, 2, 5])
    assert [each.tolist() for each in found] == [[3.125], [15.0]]
    assert all(each.dtype == np.float64 for each in found)


def test_one_client_is_its_own_mean():
    weights = arrays(0.1, 1e-30)
    for own, mean in zip(weights, mean_of([weights], [7]), strict=True):
        np.testing.assert_array_equal(mean.astype(np.float32), own)


@pytest.mark.parametrize("spec", ["fedavg", "fedprox(mu=0.1)"])
def test_the_mean_replaces_the_weights(spec):
    assert rounds(made(spec), 1.0, [0.5, 0.25]) == [0.5, 0.25]


def test_momentum_goes_on():
    # v = 0.5, w = 1 - 0.5; v = 0.9 * 0.5 + 0.5 - 0.25 = 0.7, w = 0.5 - 0.7
    found = rounds(made("fedavgm"), 1.0, [0.5, 0.25])
    np.testing.assert_allclose(found, [0.5, -0.2], rtol=1e-6)


def test_the_rate_of_the_server_scales_the_change():
    # half of the way from 1 to 0.5, then from 0.75 to 0.25
    server = made("fedavgm(momentum=0.0, learning_rate=0.5)")
    assert rounds(server, 1.0, [0.5, 0.25]) == [0.75, 0.5]


def test_without_momentum_it_has_no_state():
    assert made("fedavg").start(arrays(1.0)) == []


@pytest.mark.parametrize(
    "spec", ["fedavgm(momentum=2.0)", "fedprox(mu=-1.0)", "fedsgd"]
)
def test_what_no_server_is_is_refused(spec):
    with pytest.raises(UserError):
        made(spec)
