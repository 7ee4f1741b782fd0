"""What the demo's books, expectations and faces are told of."""

from __future__ import annotations

from typing import Protocol

from depotgate.demo.session import Attempted
from depotgate.demo.watch import Heard

Event = Heard | Attempted
"""A record of a topic, or a driver's own account of an attempt."""


class Listener(Protocol):
    """Somebody who is told of everything, once, as it happens."""

    def hear(self, event: Event) -> None:
        """Take note."""
