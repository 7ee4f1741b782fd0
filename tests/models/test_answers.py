"""What the driver is told: stage, verdict, posture, replica and bar, each against each (24–27)."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import pytest

from models.answers import barred, told_for
from models.attempt import AttemptKind, Basis, DriverText, Match, Told, Verdict
from models.reasons import Answer, Reason
from models.screens import UNKNOWN_SCREEN, Screen
from models.site import IdentityState, Posture, Stage
from tests.models.samples import FACTS, MATCH, VERDICT

ACCEPTED = "Accepted"


def _verdict(answer: Answer | str, reason: Reason | str, text: str = "A text.") -> Verdict:
    update = {"answer": answer, "reason": reason, "driver_text": text}
    return VERDICT.model_copy(update=update)


ALLOW = _verdict(Answer.ALLOW, Reason.OWN_FLEET, "Charging allowed.")
DENY = _verdict(Answer.DENY, Reason.UNKNOWN_ID, "Card not recognised.")
ERROR = _verdict(Answer.ERROR, Reason.DECISION_ERROR, "Please contact the depot.")
VERDICTS = (ALLOW, DENY, ERROR, None)


class Circumstances(NamedTuple):
    """All that an answer depends on beside the decision."""

    stage: Stage
    posture: Posture
    freevend: bool
    barred: bool

    def told(self, verdict: Verdict | None, ocpp: str = "2.0.1") -> Told:
        """The answer."""
        return told_for(
            ocpp,
            self.stage,
            verdict,
            posture=self.posture,
            freevend=self.freevend,
            barred=self.barred,
        )


ALL = tuple(Circumstances(*cell) for cell in product(Stage, Posture, (True, False), (True, False)))
IN_ENFORCE = tuple(each for each in ALL if each.stage is Stage.ENFORCE)


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW])
@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
def test_before_enforce_every_token_is_accepted(stage: Stage, ocpp: str) -> None:
    """Rule 27: also on error, on time-out, and for a card that was revoked."""
    for circumstances, verdict in product(ALL, VERDICTS):
        told = circumstances._replace(stage=stage).told(verdict, ocpp)
        assert told == Told(accepted=True, status=ACCEPTED, text=None, basis=Basis.STAGE)


def test_in_enforce_a_decision_is_the_answer_whatever_the_posture() -> None:
    """Rule 24: what was decided in time is applied; neither posture nor replica overrule it."""
    for circumstances in IN_ENFORCE:
        assert circumstances.told(ALLOW) == Told(
            accepted=True, status=ACCEPTED, text="Charging allowed.", basis=Basis.DECISION
        )
        assert circumstances.told(DENY) == Told(
            accepted=False, status="Unknown", text="Card not recognised.", basis=Basis.DECISION
        )


#   posture           freevend  barred  accepted
POSTURES = [
    (Posture.CLOSED, False, False, False),
    (Posture.CLOSED, False, True, False),
    # The gateway's own replica says freevend: accepted whatever `fail` says (rule 25, posture).
    (Posture.CLOSED, True, False, True),
    (Posture.CLOSED, True, True, True),
    (Posture.OPEN, False, False, True),
    # `fail: open` never admits a revoked or suspended match that was found.
    (Posture.OPEN, False, True, False),
    (Posture.OPEN, True, False, True),
    (Posture.OPEN, True, True, True),
]


@pytest.mark.parametrize(("posture", "freevend", "bars", "accepted"), POSTURES)
@pytest.mark.parametrize("verdict", [None, ERROR], ids=["timed out", "error"])
def test_without_a_decision_the_posture_answers(
    posture: Posture, freevend: bool, bars: bool, accepted: bool, verdict: Verdict | None
) -> None:
    """Rules 24 and 25: an evaluation that failed and a deadline that passed are told alike."""
    circumstances = Circumstances(Stage.ENFORCE, posture, freevend, bars)
    closed = Told(
        accepted=False, status="Unknown", text="Please contact the depot.", basis=Basis.POSTURE
    )
    opened = Told(accepted=True, status=ACCEPTED, text=None, basis=Basis.POSTURE)
    assert circumstances.told(verdict) == (opened if accepted else closed)


def test_a_1_6_charger_gets_its_own_status_and_no_text() -> None:
    """idTagInfo has no field for a text; Unknown is not among its statuses."""
    enforce = Circumstances(Stage.ENFORCE, Posture.CLOSED, freevend=False, barred=False)
    assert enforce.told(DENY, "1.6") == Told(
        accepted=False, status="Invalid", text=None, basis=Basis.DECISION
    )
    assert enforce.told(None, "1.6") == Told(
        accepted=False, status="Invalid", text=None, basis=Basis.POSTURE
    )


def test_a_freevend_tag_in_a_managed_window_is_refused_but_accepted_on_2x() -> None:
    """C02.FR.02 demands Accepted; the caller sees that it was not allowed, and stops it."""
    enforce = Circumstances(Stage.ENFORCE, Posture.CLOSED, freevend=False, barred=False)
    verdict = _verdict(Answer.DENY, Reason.FREEVEND_TAG_IN_MANAGED)
    told_2x, told_16 = enforce.told(verdict), enforce.told(verdict, "1.6")
    assert (told_2x.accepted, told_2x.status) == (False, ACCEPTED)
    assert (told_16.accepted, told_16.status) == (False, "Invalid")


def test_a_refusal_for_a_reason_of_a_newer_worker_is_a_refusal() -> None:
    enforce = Circumstances(Stage.ENFORCE, Posture.OPEN, freevend=True, barred=False)
    for ocpp in ("1.6", "2.0.1"):
        told = enforce.told(_verdict(Answer.DENY, "PREPAID_EMPTY"), ocpp)
        assert (told.accepted, told.status) == (False, "Blocked")
        told = enforce.told(_verdict(Answer.ALLOW, "PREPAID"), ocpp)
        assert (told.accepted, told.status) == (True, ACCEPTED)


def test_an_answer_of_a_newer_worker_is_answered_by_the_posture() -> None:
    """What cannot be told is as good as not decided (rule 24)."""
    told = Circumstances(Stage.ENFORCE, Posture.CLOSED, freevend=False, barred=False).told(
        _verdict("ask_the_office", Reason.OWN_FLEET)
    )
    assert (told.accepted, told.status, told.basis) == (False, "Unknown", Basis.POSTURE)


MORE = VERDICT.model_copy(
    update={
        "answer": Answer.DENY,
        "reason": Reason.UNKNOWN_ID,
        "language": "de",
        "driver_text": "Karte nicht erkannt. Frei ab 06:00 Uhr.",
        "more_texts": (DriverText(language="fr", text="Carte non reconnue. Présentez-la."),),
    }
)
"""A denial in two languages."""


def told_to(ocpp: str, kind: AttemptKind, screen: Screen = UNKNOWN_SCREEN) -> Told:
    return told_for(
        ocpp, Stage.ENFORCE, MORE, posture=Posture.CLOSED, freevend=False, barred=False,
        kind=kind, screen=screen,
    )  # fmt: skip


#   version   attempt                        languages told
CARRIED = [
    ("1.6",   AttemptKind.AUTHORIZE,         []),
    ("1.6",   AttemptKind.START_TRANSACTION, []),
    ("2.0.1", AttemptKind.AUTHORIZE,         ["de"]),
    ("2.0.1", AttemptKind.TRANSACTION_EVENT, ["de"]),
    ("2.1",   AttemptKind.AUTHORIZE,         ["de"]),
    ("2.1",   AttemptKind.TRANSACTION_EVENT, ["de", "fr"]),
]  # fmt: skip


@pytest.mark.parametrize(("ocpp", "kind", "languages"), CARRIED)
def test_rule_24_what_was_told_is_what_the_answer_carries(
    ocpp: str, kind: AttemptKind, languages: list[str]
) -> None:
    told = told_to(ocpp, kind)
    first = [told.language] if told.text else []
    assert first + [each.language for each in told.more_texts] == languages


def test_rule_24_what_a_charger_does_not_show_was_not_told() -> None:
    small = Screen(available=True, chars_max=25, formats=frozenset({"ASCII", "URI"}))
    told = told_to("2.1", AttemptKind.TRANSACTION_EVENT, small)
    assert told.text == "Karte nicht erkannt."
    assert [each.text for each in told.more_texts] == ["Carte non reconnue."]
    for dark in (
        Screen(available=False),
        Screen(available=True, enabled=False),
        Screen(available=True, chars_max=0),
        Screen(available=True, formats=frozenset({"URI"})),
    ):
        told = told_to("2.1", AttemptKind.TRANSACTION_EVENT, dark)
        assert (told.text, told.more_texts, told.status) == (None, (), "Unknown")


def test_an_allow_without_a_text_shows_none() -> None:
    enforce = Circumstances(Stage.ENFORCE, Posture.CLOSED, freevend=False, barred=False)
    assert enforce.told(_verdict(Answer.ALLOW, Reason.OWN_FLEET, "")).text is None


@pytest.mark.parametrize(
    ("state", "bars"),
    [
        (IdentityState.ACTIVE, False),
        (IdentityState.REVOKED, True),
        (IdentityState.SUSPENDED, True),
        ("paused_by_a_newer_writer", False),
    ],
)
def test_a_revoked_or_suspended_match_bars(state: IdentityState | str, bars: bool) -> None:
    matches: tuple[Match, ...] = (MATCH, MATCH.model_copy(update={"state": state}))
    assert barred(FACTS.model_copy(update={"matches": matches})) is bars
