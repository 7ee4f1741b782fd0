"""The family: which charger does what, by the number of the finding (docs/chargers.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from depotgate.demo.charger import Charger
from depotgate.demo.charger16 import Charger16
from depotgate.demo.charger21 import Charger21
from depotgate.demo.charger201 import Charger201
from depotgate.demo.odd import sessions, settings
from depotgate.demo.session import Behaviour
from models.schedule import Mode

CLOCK_AHEAD = timedelta(hours=3)
"""A charger set to the local time of another coast."""

PLAIN: Mapping[str, type[Charger]] = {"1.6": Charger16, "2.0.1": Charger201, "2.1": Charger21}


class Oddity(NamedTuple):
    """One way of being odd.

    Attributes:
        finding: its number.
        kinds: the charger that has it, by OCPP version.
        does: what it does, for people.
        noticed: what depotgate does about it.
        changes: of the charger's Behaviour.
        options: of its constructor.
    """

    finding: int
    kinds: Mapping[str, type[Charger]]
    does: str
    noticed: str
    changes: Mapping[str, Any] = {}
    options: Mapping[str, Any] = {}

    def charger(
        self, ocpp: str, charger_id: str, endpoint: str, behaviour: Behaviour, **options: Any
    ) -> Charger:
        """A charger of this kind that speaks that version.

        Raises:
            KeyError: there is none of that version.
        """
        behaviour = replace(behaviour, **self.changes)
        given = {**options, **self.options, "behaviour": behaviour}
        return self.kinds[ocpp](charger_id, endpoint, **given)


def _ahead() -> datetime:
    return datetime.now(UTC) + CLOCK_AHEAD


# fmt: off
FAMILY: Mapping[str, Oddity] = {
    "charges when denied": Oddity(
        1,
        {
            "1.6": sessions.StartsUnasked16,
            "2.0.1": sessions.StartsUnasked201,
            "2.1": sessions.StartsUnasked21,
        },
        "starts without asking, and goes on charging when the start is denied",
        "a remote stop as soon as energy flows",
        changes={"stops_on_invalid": False},
    ),
    "driver without a card": Oddity(
        2, PLAIN,
        "a vehicle is plugged in and nobody presents a card: a status and no Authorize",
        "one denial NO_IDENTIFICATION after `no_identification_after_s`",
    ),
    "freevend tag": Oddity(
        3, {"2.0.1": Charger201, "2.1": Charger21},
        "sends `NoAuthorization` in a managed window",
        "Accepted (C02.FR.02), then a remote stop, and the mode is pushed again",
        changes={"obeys": False},
        options={"mode": Mode.FREEVEND},
    ),
    "accepts without effect": Oddity(
        4, PLAIN,
        "stores a mode and reads it back, and stays as it was",
        "nothing is proven; MODE_DRIFT at its first start",
        changes={"obeys": False},
        options={"mode": Mode.FREEVEND},
    ),
    "tells nothing": Oddity(
        4, {"2.0.1": settings.TellsNothing201, "2.1": settings.TellsNothing21},
        "accepts every setting, stores none, and reads back no value",
        "the mode counts as unknown; MODE_DRIFT at its first start",
        options={"mode": Mode.FREEVEND},
    ),
    "caches cards": Oddity(
        5,
        {"1.6": sessions.Caches16, "2.0.1": sessions.Caches201, "2.1": sessions.Caches21},
        "remembers every accepted card without end",
        "ClearCache with every switch to managed",
    ),
    "caches cards until they expire": Oddity(
        5, {"1.6": sessions.HeedsExpiry16, "2.1": sessions.HeedsExpiry21},
        "remembers every accepted card until its expiry date",
        "an accept that rests on the timetable expires at once",
    ),
    "starts what waits": Oddity(
        6, PLAIN,
        "starts waiting vehicles when freevend begins, and lets sessions run when it ends",
        "STARTED_BY_MODE_CHANGE; what the site chose for `edge` at the end",
    ),
    "stops as 0": Oddity(
        7, {"1.6": sessions.StopsWithoutId16},
        "ends its transaction as number 0",
        "the only session that runs has ended",
    ),
    "stops as -1": Oddity(
        7, {"1.6": sessions.StopsAsMinusOne16},
        "ends its transaction as number -1",
        "the only session that runs has ended",
    ),
    "ends three times": Oddity(
        7,
        {
            "1.6": sessions.EndsThrice16,
            "2.0.1": sessions.EndsThrice201,
            "2.1": sessions.EndsThrice21,
        },
        "says three times that a session ended",
        "each is answered, and the session ends once",
    ),
    "replays": Oddity(
        8, PLAIN,
        "loses its network for an hour and tells then what happened",
        "each start is judged at its own time and marked RETROSPECTIVE; the mode due now is pushed",
    ),
    "wrong clock": Oddity(
        8, PLAIN,
        "its clock is three hours ahead",
        "the offset is measured and told, and replays are corrected by it",
        options={"clock": _ahead, "plugs_count": 3},
    ),
    "reboots when listed": Oddity(
        9, {"1.6": settings.RebootsWhenListed16},
        "restarts on a GetConfiguration that names no key",
        "keys are always named",
    ),
    "hides keys": Oddity(
        9, {"1.6": settings.HidesKeys16},
        "tells of its maker's keys only where they are named",
        "keys are always named",
    ),
    "one key at a time": Oddity(
        9, {"1.6": settings.OneKeyAtATime16},
        "GetConfigurationMaxKeys is 1, and it means it",
        "one key is asked for at a time",
    ),
    "forgets on boot": Oddity(
        9,
        {
            "1.6": settings.ForgetsOnBoot16,
            "2.0.1": settings.ForgetsOnBoot201,
            "2.1": settings.ForgetsOnBoot21,
        },
        "reboots every day, and comes back open",
        "the mode is pushed on every boot",
    ),
}
# fmt: on
