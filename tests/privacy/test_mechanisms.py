"""What --privacy may say."""

import pytest

from keras_ptft.errors import UserError
from keras_ptft.privacy import MECHANISMS, Budget, budget_of


def test_every_mechanism():
    assert set(MECHANISMS) == {"none", "dp_sgd"}
    assert budget_of("none") is None
    found = budget_of("dp_sgd(epsilon=3, delta=1e-5, clip=0.5)")
    assert found == Budget(epsilon=3.0, delta=1e-5, clip=0.5)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("dpsgd", r"Unknown privacy 'dpsgd' \(did you mean \"dp_sgd\"\?\)"),
        ("dp_sgd", "missing a required argument: 'epsilon'; its settings are:"),
        ("dp_sgd(epsilon=3)", "missing a required argument: 'delta'"),
        ("dp_sgd(epsilon=0, delta=1e-5)", "'epsilon' must be from 0.01 to 100"),
        ("dp_sgd(epsilon=3, delta=0.0)", "'delta' must be from 1e-12 to 0.1"),
        ("dp_sgd(epsilon=3, delta=1e-5, clip=0)", "'clip' must be from 1e-06"),
        ("dp_sgd(epsilon=3, delta=1e-5, noise=1)", "Unknown setting 'noise'"),
    ],
)
def test_what_is_refused(spec, message):
    with pytest.raises(UserError, match=message):
        budget_of(spec)
