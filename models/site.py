"""What an operator configures, as it stands on the depot.* topics."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Literal

from pydantic import Field

from models.identifiers import SiteForms
from models.ids import ChargerId, Pseudonym, SiteId
from models.languages import ENGLISH
from models.reasons import OcppVersion
from models.record import Frozen, Open, Record, UtcDatetime
from models.schedule import Schedule, WeeklyWindow

_TIMES_REMEMBERED = 10_000
"""A fleet's cards begin on few dates, and writing one takes longer than all else of a key."""


class Stage(StrEnum):
    """How far depotgate may go at a site (rule 27)."""

    OFF = "off"
    SHADOW = "shadow"
    ENFORCE = "enforce"


class Posture(StrEnum):
    """The answer when no decision arrives in time."""

    CLOSED = "closed"
    OPEN = "open"


class OfflinePolicy(StrEnum):
    """Whom a charger lets start by itself in managed time while it is offline."""

    CLOSED = "closed"
    OWN_FLEET = "own_fleet"
    """Those on its local list."""
    OPEN = "open"


class CardByteOrder(StrEnum):
    """Whether a card may have been read from its other end (rule 17)."""

    AS_READ = "as_read"
    EITHER = "either"


class IdentityClass(StrEnum):
    """Whose identity it is."""

    OWN_FLEET = "own_fleet"
    AGREEMENT = "agreement"


class IdentityState(StrEnum):
    """Whether its source lets it charge."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class ExpiredFeed(StrEnum):
    """Which records of an expired feed are still judged as usual (rule 22)."""

    OWN_FLEET = "own_fleet"
    CLOSED = "closed"
    OPEN = "open"


class FeedPolicy(Frozen):
    """How old a feed may be at a site (rule 22); the defaults are the rule's own.

    Attributes:
        fresh_for_s: up to and with this age it is fresh.
        stale_for_s: up to and with this age it is stale, beyond it expired.
        expired: own-fleet records only, none, or all of them.
    """

    fresh_for_s: int = 900
    stale_for_s: int = 86_400
    expired: Open[ExpiredFeed] = ExpiredFeed.OWN_FLEET


SecurityProfile = Literal[0, 1, 2, 3]
"""OCPP 2.0.1 part 2, section A.1.3: 1 HTTP Basic, 2 that over TLS, 3 a client certificate; 0 is
none at all, which only 1.6 knows."""


class Group(Frozen):
    """Chargers that share a schedule."""

    id: str
    schedule: str | None = None


class AccessRule(Frozen):
    """Who may charge where and when in managed intervals (rule 28).

    Attributes:
        who: a class; one that a rule names is closed to those whom no rule admits.
        reference: a prefix; None = every reference of the class.
        where: charger groups; empty = every charger of the site.
        windows: empty = always.
    """

    name: str = ""
    who: Open[IdentityClass]
    reference: str | None = Field(default=None, min_length=1)
    where: tuple[str, ...] = ()
    windows: tuple[WeeklyWindow, ...] = ()

    @property
    def label(self) -> str:
        """Its name, or whom it is about."""
        return self.name or (f"{self.who} {self.reference}" if self.reference else str(self.who))


class OverstayAction(StrEnum):
    """What becomes of a session whose entitlement ends while it runs (rule 29)."""

    FINISH = "finish"
    STOP = "stop"


class Overstay(Frozen):
    """The site's choice; `grace_s` passes before a `stop` (rule 29)."""

    action: Open[OverstayAction] = OverstayAction.FINISH
    grace_s: int = Field(default=900, ge=0)


class EdgeAction(StrEnum):
    """What becomes of running sessions when a managed window begins (rule 12)."""

    FINISH = "finish"
    STOP = "stop"
    IDENTIFY = "identify"


class Reboot(StrEnum):
    """Whether a charger may be rebooted for a setting that is in force only after a boot."""

    NEVER = "never"
    WHEN_IDLE = "when_idle"
    """While no session runs there."""


IDENTIFY_WITHIN_S = 300
"""To walk back to the charger from the other end of a depot."""

NO_IDENTIFICATION_AFTER_S = 180
"""To plug in, and then look for the card; chargers themselves wait one to two minutes for it."""


CLOCK_LIMIT_S = 60
"""What chargers that set their clock by Heartbeat keep easily; by more, their displays and receipts
name wrong times, and what they tell later may fall into the wrong window."""


class SiteRecord(Record):
    """A whole site.yaml, compiled. Published after its chargers and identities.

    Attributes:
        fail: the posture.
        offline: whom chargers let start while they are offline.
        freevend_tag: reserved (rule 17); 5–20 characters.
        card_byte_order: a word that this version does not know means as_read.
        identifier_types: free types of OCPP 2.1, in capitals.
        languages: that drivers are told things in, the first one first.
        schedule: the site's own; a charger's or a group's is narrower and wins (rule 7).
        feed: how old feeds may be here (rule 22).
        clock_limit_s: a charger's clock that is off by more is a condition that people are shown.
        edge: what becomes of running sessions at an edge to managed (rule 12).
        identify_within_s: of that edge, with `identify`.
        no_identification_after_s: a vehicle that was there for so long in managed time without a
            card is a NO_IDENTIFICATION.
        reboot: for a mode that is not in force before; a choice of a newer writer reboots nothing.
        revision: hash of the content; every decision stores it (rule 10).
        loaded_at: when this revision was published.
    """

    site_id: SiteId
    name: str
    timezone: str
    stage: Open[Stage] = Stage.SHADOW
    fail: Open[Posture] = Posture.CLOSED
    offline: Open[OfflinePolicy] = OfflinePolicy.CLOSED
    freevend_tag: str | None = None
    card_byte_order: Open[CardByteOrder] = CardByteOrder.AS_READ
    identifier_types: tuple[str, ...] = ()
    languages: tuple[str, ...] = (ENGLISH,)
    schedules: tuple[Schedule, ...]
    groups: tuple[Group, ...] = ()
    schedule: str | None = None
    feed: FeedPolicy = FeedPolicy()
    clock_limit_s: int = CLOCK_LIMIT_S
    access: tuple[AccessRule, ...] = ()
    overstay: Overstay = Overstay()
    edge: Open[EdgeAction] = EdgeAction.FINISH
    identify_within_s: int = IDENTIFY_WITHIN_S
    no_identification_after_s: int = NO_IDENTIFICATION_AFTER_S
    reboot: Open[Reboot] = Reboot.NEVER
    revision: str
    loaded_at: UtcDatetime

    @property
    def forms(self) -> SiteForms:
        """How identifiers are read at this site (rule 17)."""
        return SiteForms(self.identifier_types, self.card_byte_order == CardByteOrder.EITHER)

    @property
    def offline_known(self) -> OfflinePolicy:
        """The policy, `closed` when it is one this version does not know."""
        known = isinstance(self.offline, OfflinePolicy)
        return OfflinePolicy(self.offline) if known else OfflinePolicy.CLOSED

    def stage_known(self) -> Stage:
        """The stage, `shadow` when it is one this version does not know (rule 27)."""
        return self.stage if isinstance(self.stage, Stage) else Stage.SHADOW


class ChargerRecord(Record):
    """A row of chargers.csv; only a verifier of its credential is ever published.

    Attributes:
        ocpp: the only version it may speak; None = any.
        security_profile: the least that its connection must have.
        verifier: `hash:hmac-sha256:KID:HEX` or `hash:argon2id:HASH`; None for profiles 0 and 3.
        earlier_verifiers: of the same password under older key epochs, by which a change of the key
            is told from a change of the password.
        profile: a row of profiles.toml; `standard` where none is named.
        profile_named: whether somebody named it; else it may be found (models/profile_choice.py).
            Records from before that was told stay as they were: named.
        schedule: its own, narrower than its group's and its site's (rule 7).
    """

    charger_id: ChargerId
    site_id: SiteId
    group: str | None = None
    ocpp: Open[OcppVersion] | None = None
    security_profile: SecurityProfile
    verifier: str | None = None
    earlier_verifiers: tuple[str, ...] = ()
    profile: str = "standard"
    schedule: str | None = None
    profile_named: bool = True
    revision: str


class IdentityRecord(Record):
    """One row of one source about one identity; the identifier itself never leaves the source.

    Attributes:
        site_id: the only site it is known at; None = every site of the installation.
        pseudonym: under the newest epoch when it was loaded (rule 26).
        display: type and last characters, for operators (rule 26).
        valid_from, valid_to: half-open [from, to); no `to` = open-ended (rule 18).
        state_since: given, else the content time of the first load that had this state.
    """

    source: str
    site_id: SiteId | None = None
    pseudonym: Pseudonym
    identifier_type: str
    display: str
    identity_class: Open[IdentityClass]
    reference: str
    valid_from: UtcDatetime
    valid_to: UtcDatetime | None = None
    state: Open[IdentityState] = IdentityState.ACTIVE
    state_since: UtcDatetime | None = None

    @property
    def key(self) -> str:
        """Topic key (see `identity_key`)."""
        return identity_key(
            self.source, self.site_id, self.pseudonym, self.reference, self.valid_from
        )


def identity_key(
    source: str, site_id: SiteId | None, pseudonym: Pseudonym, reference: str, valid_from: datetime
) -> str:
    """Key of an identity record. Renewals of one reference differ in `valid_from` and stand side
    by side."""
    return f"{feed_key(source, site_id)}|{pseudonym}|{reference}|{_second_of(valid_from)}"


@lru_cache(maxsize=_TIMES_REMEMBERED)
def _second_of(at: datetime) -> str:
    return f"{at:%Y%m%dT%H%M%SZ}"


FOLDER_SOURCE = "folder"
"""Rule 21: the depot folder is a source of its own."""


def feed_key(source: str, site_id: SiteId | None) -> str:
    """Key of a receipt: a source that speaks about all sites is named alone."""
    return f"{source}/{site_id}" if site_id else source


class Validators(Frozen):
    """What a server said that names the content loaded last, to ask for it only when it is newer.

    Attributes:
        reading: hash of how it was read; read otherwise, the same content may give other records.
    """

    reading: str
    etag: str | None = None
    last_modified: str | None = None


class Quarantine(Frozen):
    """A load that would have removed too much; the records of the one before it stay (rule 22).

    Attributes:
        standing_count: records of the source that stood.
        vanishing_count: of those, how many would have gone.
    """

    content_at: UtcDatetime
    found_at: UtcDatetime
    checksum: str
    rows_count: int
    standing_count: int
    vanishing_count: int


class FeedReceipt(Record):
    """What one load of one source brought (rule 10's identity revision is its `revision`).

    Attributes:
        content_at: the source's own statement of how old its content is (rule 22).
        loaded_at: when its records were published, or confirmed to be the newest.
        rows_count: records of the source that stand.
        ages: False for a depot folder: its records do not age (rule 22).
        stated_at: what the newest document itself said; `content_at` may be a later confirmation.
        checksum: SHA-256 over what the delivered rows say, as pseudonyms: an unkeyed hash of card
            numbers could be undone (rule 26).
        incremental: the load brought changes only.
        skipped_count: bad rows that were left out.
        validators: None for what does not come over HTTP.
        quarantined: a later load that was not taken.
    """

    source: str
    site_id: SiteId | None = None
    revision: str
    content_at: UtcDatetime
    loaded_at: UtcDatetime
    rows_count: int
    added_count: int
    removed_count: int
    ages: bool = False
    actor: str
    stated_at: UtcDatetime | None = None
    checksum: str = ""
    incremental: bool = False
    skipped_count: int = 0
    validators: Validators | None = None
    quarantined: Quarantine | None = None

    @property
    def key(self) -> str:
        """Topic key (see `feed_key`)."""
        return feed_key(self.source, self.site_id)


class AuditRecord(Record):
    """What a person, or a program in their name, changed."""

    audit_id: str
    actor: str
    action: str
    subject: str
    at: UtcDatetime
    before: str | None = None
    after: str | None = None
