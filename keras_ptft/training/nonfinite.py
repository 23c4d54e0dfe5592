"""A step after which there is nothing more to train."""

from collections.abc import Mapping
from typing import Any

from keras_ptft.errors import UserError


class NonFiniteError(UserError):
    """The loss of a step is infinite or no number.

    Attributes:
        facts: for JSON: the `step` and its `epoch`, the `learning_rate`, and
            whether XLA compiled it (`jit_compile`).
    """

    def __init__(
        self, message: str, facts: Mapping[str, Any] | None = None
    ) -> None:
        # another process makes it of its message, then fills it
        super().__init__(message)
        self.facts = facts or {}
