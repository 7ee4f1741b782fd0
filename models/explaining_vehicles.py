"""From a denial that no attempt led to (NO_IDENTIFICATION) to an explanation. Pure."""

from __future__ import annotations

from models.advice import HELP_OF, MEANING_OF_FLAG, NEWER
from models.attempt import Denial
from models.explanation import Explanation, Held, Stretch
from models.ids import time_of_id
from models.reasons import Answer
from models.schedule import Mode
from models.site_clock import UTC_NAME, SiteClock


def explain_vehicle(denial: Denial, timezone: str = UTC_NAME) -> Explanation:
    """Explain why a vehicle that stood there without a card was recorded.

    Args:
        denial: whose id has the time since which the vehicle was there.
        timezone: of the site; the record does not state one.
    """
    clock = SiteClock(timezone, denial.at)
    help_ = HELP_OF[denial.reason]
    since = clock.moment(time_of_id(denial.denial_id))
    until = clock.perhaps(denial.next_change_at)
    window = f"“{denial.window}” of schedule “{denial.schedule_id}”" if denial.window else ""
    due = Stretch(starts=None, ends=until, mode=Mode.MANAGED, because=window, now=True)
    return Explanation(
        decision_id=denial.denial_id,
        recorded=True,
        answer=Answer.DENY,
        headline="Recorded: nobody presented a card",
        sentence=help_.why.replace("{charger}", denial.charger_id),
        site_id=denial.site_id,
        charger_id=denial.charger_id,
        connector=denial.connector,
        ocpp=denial.ocpp,
        kind=denial.kind,
        token="no card",  # noqa: S106 - said of there being none
        stage=denial.stage,
        zone=clock.zone,
        happened=clock.moment(denial.at),
        received=clock.moment(denial.at),
        timeline=(due,),
        matches=(),
        data=(),
        reasons=(Held(code=denial.reason, meaning=help_.meaning),),
        flags=tuple(
            Held(code=str(flag), meaning=MEANING_OF_FLAG.get(flag, NEWER)) for flag in denial.flags
        ),
        told=None,
        different=None,
        advice=help_.advice,
        notes=(f"The vehicle was there since {since.local}.", denial.support_text),
    )
