"""What a private run settles before its first step."""

import dataclasses

import pytest

from keras_ptft import Config, UserError
from keras_ptft.experiment.accounts import (
    Ledger,
    check_budget,
    open_ledger,
)
from keras_ptft.experiment.run_files import PRIVACY_FILE
from keras_ptft.files import read_json
from keras_ptft.privacy.accounting import Account
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.fit import FitConfig

PRIVATE = Config(
    privacy="dp_sgd(epsilon=8, delta=1e-4)", batch_size=128, epochs=2
)
SETTLED = Account(
    epsilon=7.9,
    epsilon_asked=8.0,
    delta=1e-4,
    clip=1.0,
    noise_multiplier=0.62,
    sampling_rate=128 / 1305,
    capacity=185,
    steps=20,
    accountant="by hand",
)


def opened(config, folder):
    strategy = get_strategy("one_device")
    return open_ledger(config, examples=1305, strategy=strategy, folder=folder)


def test_more_examples_a_step_than_there_are_is_refused():
    config = PRIVATE.replace(gradient_accumulation=2)
    with pytest.raises(UserError, match="takes 256 examples a step") as caught:
        check_budget(config, 200)
    assert str(caught.value).endswith("there are 200: lower --batch_size.")
    check_budget(config, 256)
    check_budget(Config(batch_size=256), 200)


def test_each_training_has_a_key_and_keeps_it(tmp_path):
    first, other = tmp_path / "first", tmp_path / "other"
    first.mkdir(), other.mkdir()
    settled = opened(PRIVATE, first)
    fields = dataclasses.asdict(settled.account)
    kept = {**fields, "batch_key": list(settled.key)}
    assert read_json(first / PRIVACY_FILE) == kept
    assert opened(PRIVATE, first) == settled
    assert opened(PRIVATE, other).account == settled.account
    # of 128 bits, so that none comes twice
    assert opened(PRIVATE, other).key != settled.key


def test_a_resumed_run_divides_its_batches_into_other_parts():
    config = FitConfig(batch_size=32, gradient_accumulation=4)
    found = Ledger(SETTLED, (20, 26)).drawn(config, 3).showing.poisson
    assert (found.capacity, found.key) == (192, (20, 26))
    assert found.threshold == round(128 / 1305 * 2**32)
