"""What the topics say of some chargers, once they say it; those of other modules are there too."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from models.charger import ChargerState, ModeFact, ModeFactKind
from models.topics import MODE, STATE
from tests.integration.written import FOLLOWS_WITHIN_S, read_until


async def until_row(
    kafka: str,
    charger_id: str,
    holds: Callable[[ChargerState], object],
    within_s: float = FOLLOWS_WITHIN_S,
) -> ChargerState:
    """The newest row, once this holds of it: it is written a little after what it says is told."""

    def own(rows: list[ChargerState]) -> list[ChargerState]:
        return [row for row in rows if row.charger_id == charger_id]

    rows = await read_until(
        kafka,
        STATE,
        ChargerState,
        lambda rows: own(rows) and holds(own(rows)[-1]),
        f"a row of {charger_id}",
        within_s=within_s,
    )
    return own(rows)[-1]


async def details_of(
    kafka: str, kind: ModeFactKind, wanted: Iterable[str], among: Collection[str]
) -> dict[str, str]:
    """What facts of a kind say, by charger, once there is one of each wanted.

    Args:
        among: the chargers whose facts are looked at.
    """
    needed = set(wanted)

    def told(facts: list[ModeFact]) -> dict[str, str]:
        mine = (fact for fact in facts if fact.kind == kind and fact.charger_id in among)
        return {str(fact.charger_id): str(fact.detail) for fact in mine}

    what = f"{kind} of {', '.join(sorted(needed))}"
    return told(
        await read_until(kafka, MODE, ModeFact, lambda facts: needed <= told(facts).keys(), what)
    )
