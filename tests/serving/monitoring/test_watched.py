"""Many examples are measured in a graph, few without one."""

import numpy as np
import pytest

from keras_ptft.data.core.info import DataInfo
from keras_ptft.models.structure import input_spec
from keras_ptft.objectives.saved import make_objective
from keras_ptft.serving.monitoring.watched import watch_signatures
from tests.serving.monitoring.conftest import NAMES


def test_a_graph_measures_the_same(model, watched_signatures, thirds):
    images = thirds[0][0][:150]
    info = DataInfo(input_spec(model), NAMES)
    objective = make_objective("classification", info)
    few, many = (
        watch_signatures(
            watched_signatures, info, objective.predictor, 100, examples=count
        )
        for count in (0, 10_000)
    )
    assert not hasattr(few.answers.function, "get_concrete_function")
    assert hasattr(many.answers.function, "get_concrete_function")
    first, second = few.observe(images), many.observe(images)
    assert first.features.shape[0] == 150 and "features" not in first.answers
    assert first.answers.keys() == second.answers.keys()
    np.testing.assert_allclose(first.features, second.features, atol=1e-5)
    for name, values in first.answers.items():
        if values.dtype.kind == "f":
            wanted = pytest.approx(values, abs=1e-5)
            assert second.answers[name] == wanted, name
        else:
            assert (second.answers[name] == values).all(), name
