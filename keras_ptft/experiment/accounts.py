"""What a private run may spend, settled once before its first step."""

import dataclasses
import logging
import pathlib

from keras_ptft import files
from keras_ptft.config import Config
from keras_ptft.data.pipeline.poisson import Poisson
from keras_ptft.errors import UserError
from keras_ptft.experiment.run_files import PRIVACY_FILE
from keras_ptft.privacy import budget_of
from keras_ptft.privacy.accounting import WHOLE, Account, Steps, settle
from keras_ptft.training.fit import FitConfig
from keras_ptft.training.noise import fresh_key
from keras_ptft.training.tuning import Clipping

_LOG = logging.getLogger("keras_ptft")


def open_account(
    config: Config,
    *,
    examples: int,
    replicas: int,
    folder: pathlib.Path | None,
) -> Account | None:
    """Settles the noise of a training, and says what it spends.

    Args:
        config: the settings.
        examples: of the training split.
        replicas: parts of each batch.
        folder: keeps the account, so that a training that is resumed goes on
            with the same noise; None: nothing is kept.

    Returns:
        None where nothing is to be hidden.

    Raises:
        UserError: there is no accountant, or not one batch of examples.
    """
    budget = budget_of(config.privacy)
    if budget is None:
        return None
    batch_size = config.batch_size * config.gradient_accumulation
    steps = Steps(
        examples=examples,
        batch_size=batch_size,
        count=examples // batch_size * config.epochs,
        parts=replicas * config.gradient_accumulation,
    )
    if not steps.count:
        raise UserError(
            f"--privacy={config.privacy} takes {batch_size:,} examples a step, "
            f"and there are {examples:,}: lower --batch_size."
        )
    account = _read(folder)
    if account is None:
        account = settle(budget, steps)
        _write(folder, account)
    account = _divisible(account, steps.parts)
    _LOG.info(
        "Privacy: epsilon %g at delta %g by noise of %.3g times the clip of "
        "%g, %s steps of about %s of %s examples.",
        budget.epsilon,
        account.delta,
        account.noise_multiplier,
        account.clip,
        f"{account.steps:,}",
        f"{batch_size:,}",
        f"{examples:,}",
    )
    return account


def drawn_privately(fit_config: FitConfig, account: Account) -> FitConfig:
    """Returns settings that draw examples as was accounted."""
    poisson = Poisson(round(account.sampling_rate * WHOLE), account.capacity)
    showing = dataclasses.replace(fit_config.showing, poisson=poisson)
    return dataclasses.replace(fit_config, showing=showing)


def clipping(account: Account, batch_size: int) -> Clipping:
    """Returns how gradients are clipped, with a noise that never came before.

    Args:
        account: of the training.
        batch_size: examples a step that are expected.
    """
    return Clipping(
        clip=account.clip,
        noise_multiplier=account.noise_multiplier,
        batch_size=batch_size,
        key=fresh_key(),
    )


def _divisible(account: Account, parts: int) -> Account:
    """The account with as many places as equal parts need.

    A run may be resumed with more parts; more places overflow less often.
    """
    places = account.capacity + -account.capacity % parts
    return dataclasses.replace(account, capacity=places)


def _write(folder: pathlib.Path | None, account: Account) -> None:
    if folder is not None:
        path = folder / PRIVACY_FILE
        files.write_json(path, dataclasses.asdict(account))


def _read(folder: pathlib.Path | None) -> Account | None:
    path = folder / PRIVACY_FILE if folder else None
    if path is None or not path.exists():
        return None
    return Account(**files.read_json(path))
