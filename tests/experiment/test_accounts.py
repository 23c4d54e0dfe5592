"""What a private run settles before its first step."""

import dataclasses

import pytest

from keras_ptft import Config, UserError
from keras_ptft.experiment.accounts import open_account
from keras_ptft.experiment.run_files import PRIVACY_FILE
from keras_ptft.files import write_json
from keras_ptft.privacy.accounting import Account

PRIVATE = Config(
    privacy="dp_sgd(epsilon=8, delta=1e-4)", batch_size=128, epochs=2
)


def test_more_examples_a_step_than_there_are_is_refused():
    config = PRIVATE.replace(gradient_accumulation=2)
    with pytest.raises(UserError, match="takes 256 examples a step") as caught:
        open_account(config, examples=200, replicas=1, folder=None)
    assert str(caught.value).endswith("there are 200: lower --batch_size.")


def test_a_resumed_run_divides_its_batches_into_other_parts(tmp_path):
    settled = Account(
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
    write_json(tmp_path / PRIVACY_FILE, dataclasses.asdict(settled))
    config = PRIVATE.replace(batch_size=32, gradient_accumulation=4)
    again = open_account(config, examples=1305, replicas=3, folder=tmp_path)
    assert again == dataclasses.replace(settled, capacity=192)
