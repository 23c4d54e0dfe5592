"""Inputs that have no answer, named to the user."""

import logging

from keras_ptft.errors import UserError

_LOG = logging.getLogger("keras_ptft")
_NAMED = 10


class Skipped:
    """Counts images that cannot be decoded, and names the first of them.

    Attributes:
        count: how many there are so far.

    Example:

    >>> skipped = Skipped()
    >>> skipped.add("a.png", "it is damaged")
    >>> skipped.count
    1
    """

    def __init__(self) -> None:
        self.count = 0
        self._first: list[tuple[str, str]] = []

    def add(self, name: str, reason: str) -> None:
        """Counts an image.

        Args:
            name: its path.
            reason: why it cannot be decoded.
        """
        self.count += 1
        if len(self._first) < _NAMED:
            self._first.append((name, reason))

    def report(self, used: int) -> None:
        """Tells a line for each of the first images, then how many there are.

        Args:
            used: how many other inputs there are.

        Raises:
            UserError: there are no others.
        """
        if not self.count:
            return
        if not used:
            name, reason = self._first[0]
            raise UserError(
                f"Expected an image that can be decoded, got {self.count:,} "
                f"that cannot, the first is {name}, {reason}: replace them."
            )
        for name, reason in self._first:
            _LOG.warning("Left out %s: %s.", name, reason)
        _LOG.warning(
            "%s of %s inputs have no answer: they cannot be decoded.",
            f"{self.count:,}",
            f"{self.count + used:,}",
        )
