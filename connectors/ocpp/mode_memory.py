"""What one connection knows of its charger's mode: told with each attempt (rule 16)."""

from __future__ import annotations

from models.attempt import ModeKnown
from models.charger import CommandStatus
from models.mode_events import REFUSED
from models.schedule import Mode

_TAKEN = frozenset({CommandStatus.DONE, CommandStatus.REBOOT_REQUIRED})


class ModeMemory:
    """The last switch, and what was seen since; nothing of an earlier connection."""

    def __init__(self) -> None:
        self._known: ModeKnown | None = None
        self._behaved = False
        self._meanwhile: Mode | None = None

    @property
    def known(self) -> ModeKnown | None:
        """None while nothing is known."""
        return self._known

    def switch_begins(self) -> None:
        """Until its result the modes may disagree, rightly."""
        self._meanwhile = None
        known = self._known or ModeKnown()
        self._known = known.model_copy(update={"switching": True})

    def switch_ended(self, status: CommandStatus, mode: Mode, observed: Mode | None) -> None:
        """What was seen before a switch says nothing after it; what was seen during one, only if
        the charger refused it (as in models.mode_events)."""
        kept = self._meanwhile if observed is None and status in REFUSED else None
        self._behaved = self._behaved and kept is not None
        before = self._known or ModeKnown()
        commanded = mode if status in _TAKEN else before.commanded
        self._known = ModeKnown(commanded=commanded, observed=observed or kept)

    def read_back(self, mode: Mode) -> None:
        """Its setting was found at this mode; behaviour weighs more (finding 4)."""
        if not self._behaved:
            self._see(mode)

    def started_unasked(self) -> None:
        """It presented the freevend tag to start: it is in freevend, whatever its setting says."""
        self._behaved = True
        self._see(Mode.FREEVEND)

    def _see(self, mode: Mode) -> None:
        self._meanwhile = mode
        known = self._known or ModeKnown()
        if known.observed is not mode:
            self._known = known.model_copy(update={"observed": mode})

    def forget(self) -> None:
        """After a boot nothing is known (finding 9), but that a switch is under way."""
        self._behaved, self._meanwhile = False, None
        switching = self._known is not None and self._known.switching
        self._known = ModeKnown(switching=True) if switching else None
