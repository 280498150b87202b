"""What a run is told instead of being stopped."""

from __future__ import annotations

import warnings


class ElrWarning(UserWarning):
    """Something keeps a probe or a control from its work; training goes on as the schedule says."""


class Notices:
    """Says each thing once."""

    def __init__(self) -> None:
        self.said: set[str] = set()

    def say(self, kind: str, text: str) -> None:
        """Warn, unless something of this kind was said before."""
        if kind not in self.said:
            self.said.add(kind)
            warnings.warn(text, ElrWarning, stacklevel=2)
