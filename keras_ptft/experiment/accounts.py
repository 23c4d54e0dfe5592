"""What a private run may spend, settled once before its first step."""

import dataclasses
import logging
import pathlib

import numpy as np
import tensorflow as tf

from keras_ptft import files
from keras_ptft.config import Config
from keras_ptft.data.pipeline.poisson import Poisson
from keras_ptft.errors import UserError
from keras_ptft.experiment.run_files import PRIVACY_FILE
from keras_ptft.privacy import budget_of
from keras_ptft.privacy.accounting import (
    WHOLE,
    Account,
    Steps,
    check_delta,
    settle,
)
from keras_ptft.training.distribution.strategies import of_first
from keras_ptft.training.fit import FitConfig
from keras_ptft.training.noise import fresh_key
from keras_ptft.training.tuning import Clipping

_LOG = logging.getLogger("keras_ptft")
# in `PRIVACY_FILE`, beside the fields of the account
_KEY = "batch_key"


@dataclasses.dataclass(frozen=True)
class Ledger:
    """An account, and what chooses the examples that it counts.

    Attributes:
        account: of the training.
        key: of the batches: who knows it knows them, which the account takes
            for granted that nobody does.
    """

    account: Account
    key: tuple[int, int]

    def drawn(self, fit_config: FitConfig, replicas: int) -> FitConfig:
        """Returns settings that draw examples as was accounted.

        A run may be resumed with more parts of a batch; more places overflow
        less often than was accounted.

        Args:
            fit_config: settings of the training.
            replicas: that divide each part of a step.
        """
        account = self.account
        places = account.capacity
        places += -places % (replicas * fit_config.gradient_accumulation)
        poisson = Poisson(
            round(account.sampling_rate * WHOLE), places, self.key
        )
        showing = dataclasses.replace(fit_config.showing, poisson=poisson)
        return dataclasses.replace(fit_config, showing=showing)

    def clipping(self, batch_size: int) -> Clipping:
        """Returns how gradients are clipped, with noise that never came before.

        Args:
            batch_size: examples a step that are expected.
        """
        return Clipping(
            clip=self.account.clip,
            noise_multiplier=self.account.noise_multiplier,
            batch_size=batch_size,
            key=fresh_key(),
        )


def check_budget(config: Config, examples: int) -> None:
    """Refuses a budget that does not fit the examples.

    Args:
        config: the settings.
        examples: of the training split.

    Raises:
        UserError: there is not one batch of examples, or delta is too large.
    """
    budget = budget_of(config.privacy)
    if budget is None:
        return
    if not _steps(config, examples).count:
        raise UserError(
            f"--privacy={config.privacy} takes {_batch_size(config):,} "
            f"examples a step, and there are {examples:,}: lower --batch_size."
        )
    check_delta(budget, examples)


def open_ledger(
    config: Config,
    *,
    examples: int,
    strategy: tf.distribute.Strategy,
    folder: pathlib.Path | None,
) -> Ledger | None:
    """Settles the noise of a training, and says what it spends.

    Args:
        config: the settings.
        examples: of the training split.
        strategy: of the training, whose workers all call this.
        folder: keeps account and key, so that a training that is resumed goes
            on with the same noise and batches; None: nothing is kept.

    Returns:
        None where nothing is to be hidden.

    Raises:
        UserError: there is no accountant, or see `check_budget`.
    """
    budget = budget_of(config.privacy)
    if budget is None:
        return None
    check_budget(config, examples)
    ledger = _read(folder)
    if ledger is None:
        account = settle(budget, _steps(config, examples))
        ledger = Ledger(account, fresh_key())
    first, second = of_first(strategy, np.array(ledger.key)).tolist()
    ledger = dataclasses.replace(ledger, key=(first, second))
    _write(folder, ledger)
    account = ledger.account
    _LOG.info(
        "Privacy: epsilon %g at delta %g by noise of %.3g times the clip of "
        "%g, %s steps of about %s of %s examples.",
        budget.epsilon,
        account.delta,
        account.noise_multiplier,
        account.clip,
        f"{account.steps:,}",
        f"{_batch_size(config):,}",
        f"{examples:,}",
    )
    return ledger


def _steps(config: Config, examples: int) -> Steps:
    batch_size = _batch_size(config)
    return Steps(
        examples=examples,
        batch_size=batch_size,
        count=examples // batch_size * config.epochs,
    )


def _batch_size(config: Config) -> int:
    return config.batch_size * config.gradient_accumulation


def _write(folder: pathlib.Path | None, ledger: Ledger) -> None:
    if folder is not None:
        fields = dataclasses.asdict(ledger.account)
        files.write_json(folder / PRIVACY_FILE, {**fields, _KEY: ledger.key})


def _read(folder: pathlib.Path | None) -> Ledger | None:
    path = folder / PRIVACY_FILE if folder else None
    if path is None or not path.exists():
        return None
    fields = files.read_json(path)
    first, second = fields.pop(_KEY)
    return Ledger(Account(**fields), (first, second))
