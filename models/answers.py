"""From verdict, stage and posture to what the driver is told (rules 24, 25, 27)."""

from __future__ import annotations

from typing import Any

from models.attempt import Basis, DriverText, Facts, Told, Verdict
from models.languages import ENGLISH
from models.reasons import Answer, OcppVersion, Reason, wire_status
from models.site import IdentityState, Posture, Stage
from models.texts import fixed_texts

ACCEPTED = "Accepted"
"""The one status that lets a driver charge, in every version."""

_REFUSED = "Blocked"
"""A denial for a reason that a newer worker invented: known in every version, and no wrong claim
about validity, time or place."""


def told_for(
    ocpp: OcppVersion | str,
    stage: Stage,
    verdict: Verdict | None,
    *,
    posture: Posture,
    freevend: bool,
    barred: bool,
    languages: tuple[str, ...] = (ENGLISH,),
) -> Told:
    """What to tell the driver.

    Args:
        verdict: the decision's, or None when none came in time.
        posture: the site's answer without a decision.
        freevend: the gateway's own replica says freevend: then the answer without a decision is
            Accepted whatever the posture.
        barred: a revoked or suspended match was found: an open posture never admits it.
        languages: of the site, for what is told without a decision.
    """
    if stage is not Stage.ENFORCE:
        return Told(accepted=True, status=ACCEPTED, text=None, basis=Basis.STAGE)
    # An answer that a newer worker invented cannot be told either.
    if verdict is None or verdict.answer not in {Answer.ALLOW, Answer.DENY}:
        reason = Reason.DECISION_TIMED_OUT if verdict is None else Reason.DECISION_ERROR
        open_ = freevend or (posture is Posture.OPEN and not barred)
        return _by_posture(ocpp, reason, languages, open_=open_)
    accepted = verdict.answer == Answer.ALLOW
    status = wire_status(verdict.reason, ocpp)
    return Told(
        accepted=accepted,
        status=status or (ACCEPTED if accepted else _REFUSED),
        basis=Basis.DECISION,
        **_carried(ocpp, verdict.language, verdict.driver_text, verdict.more_texts),
    )


def _by_posture(
    ocpp: OcppVersion | str, reason: Reason, languages: tuple[str, ...], *, open_: bool
) -> Told:
    if open_:
        return Told(accepted=True, status=ACCEPTED, text=None, basis=Basis.POSTURE)
    status = wire_status(reason, ocpp)
    assert status is not None, "both error rows of the reason table have a status"
    first, *more = fixed_texts(reason, languages)
    return Told(
        accepted=False,
        status=status,
        basis=Basis.POSTURE,
        **_carried(ocpp, first.language, first.text, tuple(more)),
    )


def _carried(
    ocpp: OcppVersion | str, language: str, text: str, more_texts: tuple[DriverText, ...]
) -> dict[str, Any]:
    """The text, where the version has a field for it: idTagInfo of OCPP 1.6 has none."""
    if ocpp == "1.6" or not text:
        return {"text": None}
    return {"text": text, "language": language, "more_texts": more_texts}


def barred(facts: Facts) -> bool:
    """Whether a revoked or suspended match was found, however the evaluation ended."""
    bars = (IdentityState.REVOKED, IdentityState.SUSPENDED)
    return any(match.state in bars for match in facts.matches)
