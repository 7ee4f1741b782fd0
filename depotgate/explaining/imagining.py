"""An attempt that was never made: what would be answered to this card, at this charger and time."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from connectors.ocpp.table import PresentedToken
from connectors.ocpp.tokens import reserved_for, token_of
from models.answers import barred, told_for
from models.attempt import Attempt, AttemptKind, Token
from models.clocks import LIVE_UNCERTAINTY_S
from models.decision import decide
from models.errors import ConfigurationError
from models.explaining import explain
from models.explanation import Explanation
from models.facts import ConfigurationView, gather
from models.identifier_forms import FORMS
from models.identifiers import Pseudonymiser
from models.ids import AttemptId, ChargerId, RequestId, timed_id
from models.profile_choice import reserved_by
from models.site import ChargerRecord, Posture, SiteRecord

STATED_TYPES = (*FORMS, "NoAuthorization")
"""idToken types that any charger may state; those of its site come on top."""

OCPP_ASSUMED = "2.0.1"
"""Of a charger that may speak any: the version that carries a text."""


class Configured(ConfigurationView, Protocol):
    """A replica, or a draft."""

    @property
    def chargers(self) -> Mapping[ChargerId, ChargerRecord]:
        """Every charger there is."""


class Question(NamedTuple):
    """What is asked.

    Attributes:
        charger: with its site, as configured.
        token: already pseudonymised: the card itself is forgotten by then.
        at: UTC.
    """

    charger: ChargerRecord
    site: SiteRecord
    token: Token
    at: datetime


def governed(view: Configured, charger_id: str) -> tuple[ChargerRecord, SiteRecord]:
    """A charger and its site.

    Raises:
        ConfigurationError: there is no such charger, or nothing governs it; names near ones.
    """
    governing = view.governing(ChargerId(charger_id))
    if governing is not None:
        return governing.charger, governing.site
    if charger_id in view.chargers:
        raise ConfigurationError(f"charger {charger_id} has no site or no schedule")
    near = difflib.get_close_matches(charger_id, view.chargers, n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise ConfigurationError(
        f"there is no charger {charger_id!r} among the {len(view.chargers)} that are configured"
        f"{hint}"
    )


def checked_type(stated: str | None, site: SiteRecord) -> str | None:
    """An idToken type that exists; None for a card whose type is not stated (rule 17).

    Raises:
        ConfigurationError: naming those that exist at the site.
    """
    known = (*STATED_TYPES, *site.identifier_types)
    if stated is not None and not {stated, stated.upper()} & {*known}:
        raise ConfigurationError(f"--type: expected one of {', '.join(known)}")
    return stated


def token_of_card(
    card: str,
    stated_type: str | None,
    pseudonymiser: Pseudonymiser,
    charger: ChargerRecord,
    site: SiteRecord,
) -> Token:
    """The card as it may be looked up: pseudonyms and a display form."""
    reserved = reserved_for(site, reserved_by(charger, charger.ocpp or OCPP_ASSUMED), None)
    return token_of(PresentedToken(card, stated_type), reserved, pseudonymiser, site.forms)


def imagine(question: Question, view: ConfigurationView, now: datetime) -> Explanation:
    """What would be answered, by the rules that answer real attempts."""
    charger, site, token, at = question
    ocpp = charger.ocpp or OCPP_ASSUMED
    request_id = RequestId(timed_id(at, charger.charger_id, "imagined", token.pseudonym or ""))
    attempt = Attempt(
        request_id=request_id,
        attempt_id=AttemptId(request_id),
        charger_id=charger.charger_id,
        site_id=site.site_id,
        ocpp=ocpp,
        kind=AttemptKind.AUTHORIZE,
        token=token,
        event_at=at,
        received_at=at,
        uncertainty_s=LIVE_UNCERTAINTY_S,
    )
    decision = decide(attempt, gather(attempt, view, now))
    governing = view.governing(charger.charger_id)
    told = told_for(
        ocpp,
        governing.stage if governing else site.stage_known(),
        decision.verdict,
        posture=Posture.OPEN if site.fail == Posture.OPEN else Posture.CLOSED,
        # Asked of the gateway's replica only where no decision can be made.
        freevend=False,
        barred=barred(decision.facts),
        languages=site.languages,
    )
    return explain(decision, None, would_tell=told)
