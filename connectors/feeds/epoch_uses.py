"""What stands under each key epoch on the topics (rule 26)."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import NamedTuple

from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from connectors.feeds.standing import read_to_end
from connectors.kafka.consumer import partitions_of, start_consumer, stop_consumer
from connectors.kafka.security import Kafka
from models.epochs import Uses, kid_of
from models.errors import BrokerUnavailableError, UndecodableRecordError
from models.ids import Pseudonym
from models.site import ChargerRecord
from models.topics import CHARGERS, DECISIONS, IDENTITIES

_VERIFIER_KID = 2
"""`hash:hmac-sha256:KID:HEX`."""


class _Row(NamedTuple):
    """Where an identity stands: under which epoch, and of which source."""

    kid: str
    source: str


class EpochCounter:
    """Counts, in the order of the topics, what stands."""

    def __init__(self) -> None:
        # By the hash of a key: a million keys take 100 MB more, and a count that is one off because
        # two of 64 bits are equal is a count.
        self._identities: dict[int, _Row] = {}
        self._rows: dict[_Row, _Row] = {}
        self._chargers: dict[str, str] = {}

    def take(self, message: ConsumerRecord) -> None:
        """One record; a later one of its key counts in its place."""
        try:
            key = (message.key or b"").decode()
            if message.topic == IDENTITIES.name:
                self._take_identity(key, message)
            else:
                self._take_charger(key, message)
        except (UndecodableRecordError, UnicodeDecodeError):
            # Whoever looks it up cannot read it either.
            return

    def _take_identity(self, key: str, message: ConsumerRecord) -> None:
        self._identities.pop(hash(key), None)
        source, _, rest = key.partition("|")
        pseudonym, bar, _ = rest.partition("|")
        if message.value is not None and bar:
            row = _Row(kid_of(Pseudonym(pseudonym)), source)
            self._identities[hash(key)] = self._rows.setdefault(row, row)

    def _take_charger(self, key: str, message: ConsumerRecord) -> None:
        self._chargers.pop(key, None)
        if message.value is None:
            return
        verifier = ChargerRecord.decode(message.value).verifier
        if verifier is not None and verifier.startswith("hash:hmac-sha256:"):
            self._chargers[key] = verifier.split(":")[_VERIFIER_KID]

    def uses(self) -> dict[str, Uses]:
        """By kid."""
        rows = Counter(self._identities.values())
        chargers = Counter(self._chargers.values())
        kids = {row.kid for row in rows} | chargers.keys()
        return {
            kid: Uses(
                {row.source: count for row, count in rows.items() if row.kid == kid},
                chargers[kid],
            )
            for kid in kids
        }


async def read_uses(bootstrap: Kafka) -> dict[str, Uses]:
    """By kid, what stands under it now. A million identities take some ten seconds.

    Raises:
        BrokerUnavailableError: no Kafka answers, or it went away.
    """
    counter = EpochCounter()
    await read_to_end(bootstrap, (IDENTITIES, CHARGERS), counter.take)
    return counter.uses()


async def oldest_decision_at(bootstrap: Kafka, since: datetime | None = None) -> datetime | None:
    """When the oldest decision was written that is kept; None when there is none.

    Args:
        since: of those written at or after this.

    Raises:
        BrokerUnavailableError: no Kafka answers, or it went away.
    """
    since_ms = int(since.timestamp() * 1000) if since else 0
    consumer = await start_consumer(bootstrap)
    try:
        await consumer.refuse_hidden([DECISIONS.name])
        wanted = dict.fromkeys(partitions_of(DECISIONS), since_ms)
        found = await consumer.offsets_for_times(wanted)
    except KafkaError as fault:
        raise BrokerUnavailableError(
            f"Kafka at {bootstrap} does not answer any more ({type(fault).__name__}); "
            "try again when it is back"
        ) from fault
    finally:
        await stop_consumer(consumer)
    times = [each.timestamp for each in found.values() if each is not None]
    return datetime.fromtimestamp(min(times) / 1000, UTC) if times else None
