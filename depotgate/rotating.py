"""`depotgate keys rotate`, `list` and `retire`: a new key epoch without a gap (rule 26).

A rotation has four steps, and may be broken off after each; the same command goes on with it.

1. The new epoch is written second: gateways look tokens up under it, nothing is written under it.
2. Once they have read it, it is written first: loads and feeds write under it from then on.
3. Each source's next load brings its rows under it. Both epochs match meanwhile.
4. When nothing stands under the old one and no decision is kept that only it can match, it may be
   retired. It stays in the file, for explanations and replays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.error import HTTPError

import orjson

from connectors.feeds.epoch_uses import oldest_decision_at, read_uses
from connectors.kafka.bulk import bulk_producer
from connectors.kafka.security import Kafka
from connectors.kafka.topics import check_topics
from connectors.key_watch import LOOK_EVERY_S
from connectors.keys import (
    KID_CHARS_MAX,
    KeyFile,
    Rows,
    kid_usable,
    locked,
    new_epoch,
    read_keys,
    timestamp,
)
from depotgate.process_health import scrape
from depotgate.reaching import reachable_kafka
from depotgate.run_file import read_run
from depotgate.settings import Settings
from models.epochs import UNUSED, Uses, announced, hindrances
from models.errors import PseudonymKeyError
from models.identifiers import ACTIVE_EPOCHS_MAX, KeyEpoch
from models.ids import timed_id
from models.metrics import KEY_EPOCHS, KEYS_BAD
from models.site import AuditRecord
from models.topics import AUDIT

AGAIN_AFTER = timedelta(days=1)
"""Without a name a second rotation begins no sooner: who runs the command again within a day wants
to know how the first one goes."""

GATEWAYS_LOOK_WITHIN_S = 3.0
"""For those that are not seen from here: they look at the file every second."""

GATEWAYS_KNOW_WITHIN_S = 10.0
"""For those that are: a busy one may take longer than its second."""

REASON_CHARS_MAX = 200


class Standing(NamedTuple):
    """What is known of a key file and of what stands under its epochs.

    Attributes:
        uses: by kid; None where Kafka was not asked.
        oldest_decision_at: of those that are kept.
    """

    epochs: tuple[KeyEpoch, ...]
    uses: Mapping[str, Uses] | None = None
    oldest_decision_at: datetime | None = None

    @property
    def in_force(self) -> KeyEpoch:
        """The one that is written under."""
        return self.epochs[0]

    def uses_of(self, kid: str) -> Uses:
        """What stands under an epoch."""
        return (self.uses or {}).get(kid, UNUSED)

    def older_in_use(self) -> tuple[KeyEpoch, ...]:
        """Those that are looked up and not written under."""
        return tuple(epoch for epoch in self.epochs[1:] if epoch.retired_at is None)

    def behind(self) -> dict[str, Uses]:
        """What stands under others than the one in force, by kid; also under none of the file."""
        return {kid: uses for kid, uses in (self.uses or {}).items() if kid != self.in_force.kid}


class Rotation(NamedTuple):
    """How a rotation goes.

    Attributes:
        began: whether this call made the epoch.
    """

    standing: Standing
    began: bool


async def standing_of(kafka: Kafka, epochs: tuple[KeyEpoch, ...]) -> Standing:
    """What stands under each epoch now.

    Raises:
        BrokerUnavailableError: no Kafka answers, or it went away.
    """
    return Standing(epochs, await read_uses(kafka), await oldest_decision_at(kafka))


async def rotate(settings: Settings, kid: str | None, actor: str, now: datetime) -> Rotation:
    """Begin a rotation, go on with one that was broken off, or only look how it goes.

    Args:
        kid: name of the new epoch; None = the next number.

    Raises:
        PseudonymKeyError: the name is taken or no name, another rotation is not complete, or a
            gateway has not read the new epoch.
        BrokerUnavailableError: no Kafka answers: without it nobody can tell what is under way.
    """
    kafka = reachable_kafka(settings)
    await check_topics(kafka)
    with locked(settings.pseudonym_keys_file) as file:
        before = await standing_of(kafka, file.epochs)
        began = begins(before, kid, now)
        if began:
            named = kid or next_kid(file.epochs)
            rows = [file.rows[0], new_epoch(named, _made_at(file, now)), *file.rows[1:]]
            await _audited(kafka, actor, now, _Deed("keys rotate", named, file.rows, rows))
            file.replace(rows)
        if announced(file.epochs) is not None:
            await gateways_know(settings, len([e for e in file.epochs if e.retired_at is None]))
            file.replace([file.rows[1], file.rows[0], *file.rows[2:]])
        return Rotation(before._replace(epochs=file.epochs), began)


def _made_at(file: KeyFile, now: datetime) -> datetime:
    """Now, but later than the epoch in force: by that a new one is told from an old one."""
    before = file.epochs[0].made_at
    return max(now, before + timedelta(seconds=1)) if before else now


def begins(standing: Standing, kid: str | None, now: datetime) -> bool:
    """Whether a new epoch is to be made.

    Raises:
        PseudonymKeyError: one was named that cannot be.
    """
    newest = announced(standing.epochs) or standing.in_force
    if kid == newest.kid or (kid is None and newest is not standing.in_force):
        return False
    if kid is not None:
        _check_name(kid, standing.epochs)
    # What stands under an epoch that the file does not have is no rotation's: a load replaces it.
    behind = any(standing.uses_of(epoch.kid).identities for epoch in standing.older_in_use())
    if newest is not standing.in_force or behind:
        if kid is None:
            return False
        raise PseudonymKeyError(
            f"the rotation to {newest.kid} is not complete; go on with it first: "
            "`depotgate keys rotate` says what is missing"
        )
    if len(standing.older_in_use()) + 1 >= ACTIVE_EPOCHS_MAX:
        raise PseudonymKeyError(
            f"{ACTIVE_EPOCHS_MAX} epochs are in use already, and each makes every look-up longer; "
            f"retire {standing.older_in_use()[-1].kid} first"
        )
    rotated = len(standing.epochs) > 1
    young = rotated and newest.made_at is not None and now - newest.made_at < AGAIN_AFTER
    return kid is not None or not young


def _check_name(kid: str, epochs: Sequence[KeyEpoch]) -> None:
    if not kid_usable(kid) or len(kid) > KID_CHARS_MAX:
        raise PseudonymKeyError(f"--kid: expected 1 to {KID_CHARS_MAX} letters and digits")
    if kid in {epoch.kid for epoch in epochs}:
        raise PseudonymKeyError(f"--kid: {kid} is an epoch of the key file already; name another")


def next_kid(epochs: Sequence[KeyEpoch]) -> str:
    """The next number that no epoch has: k3 after k1 and k2."""
    taken = {epoch.kid for epoch in epochs}
    return next(kid for n in range(1, len(epochs) + 2) if (kid := f"k{n}") not in taken)


async def gateways_know(settings: Settings, epochs_count: int) -> None:
    """Wait until the gateways look tokens up under so many epochs.

    Those of an installation on this data folder are asked; others are given the time that they
    take to look.

    Raises:
        PseudonymKeyError: one does not; nothing is written under the new epoch yet.
    """
    run = read_run(settings.data)
    urls = run.metrics.get("gateway", ()) if run else ()
    if not urls:
        await asyncio.sleep(GATEWAYS_LOOK_WITHIN_S)
        return
    # What they say before they have looked may be of a file that had as many epochs.
    await asyncio.sleep(LOOK_EVERY_S)
    deadline_s = asyncio.get_running_loop().time() + GATEWAYS_KNOW_WITHIN_S
    for url in urls:
        while not await _knows(url, epochs_count):
            if asyncio.get_running_loop().time() > deadline_s:
                raise PseudonymKeyError(
                    f"the gateway at {url} has not read the new epoch, and nothing is written "
                    "under it yet; see whether the gateway may read the key file (its log says), "
                    "then run this again"
                )
            await asyncio.sleep(0.2)


async def _knows(url: str, epochs_count: int) -> bool:
    try:
        values = await asyncio.to_thread(scrape, url)
    except (ValueError, HTTPError):  # somebody else is there
        return True
    except OSError as fault:
        # It does not run: when it starts it reads the file. One that is slow to answer does run.
        return isinstance(getattr(fault, "reason", fault), ConnectionRefusedError)
    # One that cannot use the file goes on with what it had, which may be as many epochs or more.
    return values.get(KEY_EPOCHS.name) == epochs_count and not values.get(KEYS_BAD.name)


class Retirement(NamedTuple):
    """How an epoch is to be retired.

    Attributes:
        force: although something needs it.
        reason: for the audit topic; required with `force`.
    """

    kid: str
    force: bool = False
    reason: str | None = None


async def retire(settings: Settings, wanted: Retirement, actor: str, now: datetime) -> Standing:
    """Look nothing new up under an epoch any more; it stays in the file.

    Raises:
        PseudonymKeyError: there is no such epoch, it is the one in force or retired already, or
            something needs it and it is not forced.
        BrokerUnavailableError: no Kafka answers: without it nobody can tell what needs it.
    """
    kafka = reachable_kafka(settings)
    await check_topics(kafka)
    with locked(settings.pseudonym_keys_file) as file:
        place = _retirable(file, wanted)
        standing = await standing_of(kafka, file.epochs)
        needed = hindrances(
            standing.epochs, wanted.kid, standing.uses_of(wanted.kid), standing.oldest_decision_at
        )
        if needed and not wanted.force:
            raise PseudonymKeyError(
                f"{wanted.kid} is needed:\n"
                + "".join(f"  {line}\n" for line in needed)
                + f"all the same: depotgate keys retire {wanted.kid} --force --reason TEXT"
            )
        rows = [
            {**row, "retired_at": timestamp(now)} if number == place else row
            for number, row in enumerate(file.rows)
        ]
        also = {"reason": wanted.reason, "forced_although": list(needed)}
        await _audited(kafka, actor, now, _Deed("keys retire", wanted.kid, file.rows, rows, also))
        file.replace(rows)
        return standing._replace(epochs=file.epochs)


def _retirable(file: KeyFile, wanted: Retirement) -> int:
    """The place of the epoch in the file."""
    epochs = file.epochs
    kids = [epoch.kid for epoch in epochs]
    if wanted.kid not in kids:
        raise PseudonymKeyError(
            f"expected an epoch of the key file ({', '.join(kids)}), got another"
        )
    place = kids.index(wanted.kid)
    if place == 0:
        raise PseudonymKeyError(
            f"{wanted.kid} is the epoch in force; rotate first: `depotgate keys rotate`"
        )
    if epochs[place].retired_at is not None:
        raise PseudonymKeyError(f"{wanted.kid} is retired already")
    reason = wanted.reason
    if reason is not None and not (0 < len(reason) <= REASON_CHARS_MAX and reason.isprintable()):
        raise PseudonymKeyError(f"--reason: expected 1 to {REASON_CHARS_MAX} printable characters")
    if wanted.force and reason is None:
        raise PseudonymKeyError("--force: expected --reason TEXT, for the audit topic")
    return place


class _Deed(NamedTuple):
    """A change of the key file, for the audit topic.

    Attributes:
        also: what else is to be known of it.
    """

    action: str
    kid: str
    before: Rows
    after: Rows
    also: Mapping[str, object] = {}


async def _audited(kafka: Kafka, actor: str, now: datetime, deed: _Deed) -> None:
    """Kafka has the name of who does it before it is done: a key must not change without one."""
    record = AuditRecord(
        audit_id=timed_id(now, actor, deed.action, deed.kid, now.isoformat()),
        actor=actor,
        action=deed.action,
        subject=deed.kid,
        at=now,
        before=_said(deed.before, {}),
        after=_said(deed.after, deed.also),
    )
    async with bulk_producer(kafka, f"keys/{actor}", record.audit_id, now) as bulk:
        await bulk.add(AUDIT, actor, record.encode())
        await bulk.settle()


def _said(rows: Rows, also: Mapping[str, object]) -> str:
    """Names of epochs, never a key."""
    said = {
        "in_use": [row["kid"] for row in rows if not row.get("retired_at")],
        "retired": [row["kid"] for row in rows if row.get("retired_at")],
        **{name: value for name, value in also.items() if value},
    }
    return orjson.dumps(said).decode()


async def look(settings: Settings) -> Standing:
    """What `keys list` shows.

    Raises:
        DepotgateError: the key file cannot be used, or Kafka does not answer.
    """
    epochs = read_keys(settings.pseudonym_keys_file)
    return await standing_of(reachable_kafka(settings), epochs)


def utc_now() -> datetime:
    """Now, to the second, as the key file has it."""
    return datetime.now(UTC).replace(microsecond=0)
