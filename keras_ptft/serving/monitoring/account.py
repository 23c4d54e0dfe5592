"""What became of the requests of a log."""

import collections
from typing import Any


class Account:
    """Counts what is measured of logs, and what is left out.

    Attributes:
        examples: those that were measured.
        malformed: requests and examples that cannot be.
        elsewhere: by signature, requests to those that are not measured.

    Example:

    >>> account = Account()
    >>> account.add_malformed("a.jsonl, line 7", "it is no JSON")
    >>> account.sentences()
    ['1 malformed, the first is a.jsonl, line 7: it is no JSON']
    """

    def __init__(self) -> None:
        self.examples = self.malformed = 0
        self.elsewhere: collections.Counter[str] = collections.Counter()
        self._first = ""

    def add_malformed(self, place: str, reason: str) -> None:
        """Counts what cannot be measured.

        Args:
            place: where it stands.
            reason: why it cannot be.
        """
        self.malformed += 1
        self._first = self._first or f"{place}: {reason}"

    def as_dict(self) -> dict[str, Any]:
        """Returns the counts as JSON has them."""
        return {
            "malformed": self.malformed,
            "other_signatures": dict(sorted(self.elsewhere.items())),
        }

    def sentences(self) -> list[str]:
        """Returns what is left out, one for each reason."""
        found = []
        if self.malformed:
            found.append(
                f"{self.malformed:,} malformed, the first is {self._first}"
            )
        for name, count in sorted(self.elsewhere.items()):
            found.append(
                f"{count:,} to the signature {name!r}, which the export does "
                "not have or monitor does not measure"
            )
        return found
