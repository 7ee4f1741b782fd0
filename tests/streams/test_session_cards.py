"""Which chargers a changed card is looked at for."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.telemetry.metrics import Metrics
from models.charger import ChargerState
from models.ids import ChargerId, Pseudonym
from models.record import Record
from models.sessions import Session, Sessions
from models.site import IdentityClass, IdentityRecord
from models.topics import IDENTITIES
from streams.session_cards import AT_ONCE_MAX, SessionCards
from tests.models.samples import ATTEMPT
from tests.models.test_proofs import row
from tests.streams.test_chargers import View

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CARD = ATTEMPT.token.pseudonym
assert CARD is not None


def card(pseudonym: Pseudonym = CARD) -> tuple[str, Record]:
    record = IdentityRecord(
        source="folder",
        pseudonym=pseudonym,
        identifier_type="ISO14443",
        display="card",
        identity_class=IdentityClass.OWN_FLEET,
        reference="bus|1",
        valid_from=NOW,
    )
    return record.key, record


def charging(charger_id: str, *, identified: bool = True) -> ChargerState:
    attempt = ATTEMPT if identified else None
    session = Session(
        session_id=None, transaction_id="T", began_at=NOW, seen_at=NOW, attempt=attempt
    )
    sessions = Sessions(running=(session,))
    return row(charger_id=ChargerId(charger_id), sessions=sessions)


def test_only_chargers_where_the_card_charges_are_named_and_once() -> None:
    view = View(Metrics("worker"))
    cards = SessionCards(view)
    for charger_id in ("A", "B"):
        cards.note(charging(charger_id))
    cards.note(charging("C", identified=False))
    view.put(IDENTITIES, *card(Pseudonym("k1:" + "f" * 32)))
    assert cards.changed() == []
    for _ in range(2):
        view.put(IDENTITIES, *card())
    assert sorted(cards.changed()) == ["A", "B"]
    assert cards.changed() == []


def test_a_session_that_has_ended_and_one_that_is_another_workers_is_not_named() -> None:
    view = View(Metrics("worker"))
    cards = SessionCards(view)
    cards.note(charging("A"))
    cards.note(row(charger_id=ChargerId("A")))
    view.put(IDENTITIES, *card())
    assert cards.changed() == []
    cards.note(charging("B"))
    cards.forget()
    view.put(IDENTITIES, *card())
    assert cards.changed() == []


def test_a_card_that_charges_everywhere_is_looked_at_by_parts() -> None:
    view = View(Metrics("worker"))
    cards = SessionCards(view)
    names = [f"CP-{number}" for number in range(AT_ONCE_MAX + 1)]
    for name in names:
        cards.note(charging(name))
    view.put(IDENTITIES, *card())
    first = cards.changed()
    assert len(first) == AT_ONCE_MAX
    assert sorted(first + cards.changed()) == sorted(names)
