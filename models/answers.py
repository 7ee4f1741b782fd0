"""From verdict, stage and posture to what the driver is told (rules 24, 25, 27)."""

from __future__ import annotations

from models.attempt import AttemptKind, Basis, DriverText, Facts, Told, Verdict
from models.given_decision import GivenFacts
from models.languages import ENGLISH
from models.reasons import Answer, OcppVersion, Reason, wire_status
from models.screens import UNKNOWN_SCREEN, Screen, carried_count
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
    kind: AttemptKind | str = AttemptKind.AUTHORIZE,
    screen: Screen = UNKNOWN_SCREEN,
) -> Told:
    """What to tell the driver.

    Args:
        verdict: the decision's, or None when none came in time.
        posture: the site's answer without a decision.
        freevend: the gateway's own replica says freevend: then the answer without a decision is
            Accepted whatever the posture.
        barred: a revoked or suspended match was found: an open posture never admits it.
        languages: of the site, for what is told without a decision.
        kind: of the attempt: not every answer carries several texts.
        screen: of the charger: what it does not show is not told.
    """
    if stage is not Stage.ENFORCE:
        return _told(ACCEPTED, Basis.STAGE)
    # An answer that a newer worker invented cannot be told either.
    if verdict is None or verdict.answer not in {Answer.ALLOW, Answer.DENY}:
        reason = Reason.DECISION_TIMED_OUT if verdict is None else Reason.DECISION_ERROR
        open_ = freevend or (posture is Posture.OPEN and not barred)
        if open_:
            return _told(ACCEPTED, Basis.POSTURE)
        closed = wire_status(reason, ocpp)
        assert closed is not None, "both error rows of the reason table have a status"
        texts = _carried(fixed_texts(reason, languages), screen, carried_count(ocpp, kind))
        return _told(closed, Basis.POSTURE, texts, accepted=False)
    accepted = verdict.answer == Answer.ALLOW
    status = wire_status(verdict.reason, ocpp) or (ACCEPTED if accepted else _REFUSED)
    texts = _carried(_texts_of(verdict), screen, carried_count(ocpp, kind))
    return _told(status, Basis.DECISION, texts, accepted=accepted)


def _told(
    status: str, basis: Basis, texts: tuple[DriverText, ...] = (), *, accepted: bool = True
) -> Told:
    # All of it is the reason table's or was validated with the decision.
    first = texts[0] if texts else None
    return Told.model_construct(
        accepted=accepted,
        status=status,
        text=first.text if first else None,
        basis=basis,
        language=first.language if first else ENGLISH,
        more_texts=texts[1:],
    )


def _texts_of(verdict: Verdict) -> tuple[DriverText, ...]:
    if not verdict.driver_text:
        return ()
    first = DriverText.model_construct(language=verdict.language, text=verdict.driver_text)
    return (first, *verdict.more_texts)


def _carried(texts: tuple[DriverText, ...], screen: Screen, count: int) -> tuple[DriverText, ...]:
    """What of the texts the answer carries, and the charger shows."""
    return screen.personal(texts[:count]) if count and texts else ()


def barred(facts: Facts | GivenFacts) -> bool:
    """Whether a revoked or suspended match was found, however the evaluation ended."""
    bars = (IdentityState.REVOKED, IdentityState.SUSPENDED)
    return any(match.state in bars for match in facts.matches)
