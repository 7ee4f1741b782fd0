"""The cards of the demo: what drivers hold, and what the depot's records say of them."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import NamedTuple

from depotgate.demo.session import Card
from models.identifiers import Candidate, display_form
from models.ids import Pseudonym, SiteId
from models.site import IdentityClass, IdentityRecord, IdentityState

CARD_TYPE = "ISO14443"
SOURCE = "folder"

_TAIL_CHARS = 3
"""Of the display form (rule 26): cards that differ there are told apart without their numbers."""

_STATE_SINCE_DAYS = 12


class CardRow(NamedTuple):
    """A row of identities.csv, without the identifier."""

    identity_class: IdentityClass
    reference: str
    valid_from: datetime
    valid_to: datetime | None
    state: IdentityState
    state_since: datetime | None


class DemoCard(NamedTuple):
    """A card and its row; None = a card that is in no record."""

    card: Card
    row: CardRow | None

    @property
    def display(self) -> str:
        """What the records of depotgate call it."""
        return display_form(Candidate(CARD_TYPE, self.card.token))

    def record(self, pseudonym: Pseudonym, site_id: SiteId) -> IdentityRecord | None:
        """The row as it stands on the topic, under the pseudonym that a gateway gave the card."""
        if self.row is None:
            return None
        return IdentityRecord(
            source=SOURCE,
            site_id=site_id,
            pseudonym=pseudonym,
            identifier_type=CARD_TYPE,
            display=self.display,
            **self.row._asdict(),
        )


class _Kind(NamedTuple):
    """Cards of one label. Days are counted from the present; None = open, or not in the records."""

    label: str
    references: tuple[str, ...]
    identity_class: IdentityClass | None
    from_days: int | None
    to_days: int | None
    state: IdentityState


_OWN, _AGREED = IdentityClass.OWN_FLEET, IdentityClass.AGREEMENT
_ACTIVE, _SUSPENDED, _REVOKED = (
    IdentityState.ACTIVE,
    IdentityState.SUSPENDED,
    IdentityState.REVOKED,
)

# fmt: off
_KINDS = (
    #     label            references                       class    from  to    state
    _Kind("own fleet",     ("bus-17", "bus-18", "van-4"),   _OWN,    -400, None, _ACTIVE),
    _Kind("agreement",     ("courier-co/77", "plumbers/3"), _AGREED, -200, 200,  _ACTIVE),
    _Kind("expired",       ("courier-co/12",),              _AGREED, -400, -30,  _ACTIVE),
    _Kind("not yet",       ("florist/1",),                  _AGREED, 7,    None, _ACTIVE),
    _Kind("suspended",     ("bus-03",),                     _OWN,    -400, None, _SUSPENDED),
    _Kind("revoked",       ("bus-02",),                     _OWN,    -400, None, _REVOKED),
    # Twice as many as of any other refused kind: guests try their luck at every depot.
    _Kind("unknown",       ("guest", "guest"),              None,    None, None, _ACTIVE),
)
# fmt: on


def demo_cards(now: datetime, rng: random.Random) -> tuple[DemoCard, ...]:
    """Cards of every kind with numbers of chance, no two alike in what the display form shows."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    numbers = _numbers(sum(len(kind.references) for kind in _KINDS), rng)
    return tuple(
        DemoCard(Card(kind.label, numbers.pop(), CARD_TYPE), _row(kind, reference, midnight))
        for kind in _KINDS
        for reference in kind.references
    )


def _numbers(count: int, rng: random.Random) -> list[str]:
    """4-byte card numbers with first byte 04, as makers of cards use it, and distinct tails."""
    tails = rng.sample(range(16**_TAIL_CHARS), count)
    return [f"04{rng.randrange(16**3):03X}{tail:0{_TAIL_CHARS}X}" for tail in tails]


def _row(kind: _Kind, reference: str, midnight: datetime) -> CardRow | None:
    if kind.identity_class is None or kind.from_days is None:
        return None
    barred = kind.state is not _ACTIVE
    return CardRow(
        identity_class=kind.identity_class,
        reference=reference,
        valid_from=midnight + timedelta(days=kind.from_days),
        valid_to=None if kind.to_days is None else midnight + timedelta(days=kind.to_days),
        state=kind.state,
        state_since=midnight - timedelta(days=_STATE_SINCE_DAYS) if barred else None,
    )
