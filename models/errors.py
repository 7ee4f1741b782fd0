"""Every error depotgate raises on purpose, in one tree.

A message says what was expected, what came, and what to do. Causes are never merged: an
unknown identity, an unreadable feed and a missed deadline are three things.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass


def cause_of(fault: OSError) -> str:
    """The system's own words for it, without what libraries put around them."""
    if fault.errno is not None and fault.errno in errno.errorcode:
        return os.strerror(fault.errno)
    # Names that are not found have numbers of their own, and some libraries give none.
    return fault.strerror or str(fault)


class DepotgateError(Exception):
    """Root of the tree. The command line prints its message as one sentence and exits with 1."""


class ConfigurationError(DepotgateError):
    """Something a person wrote or set is missing or wrong."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one file: where, and what was expected and what came.

    Attributes:
        file: path relative to the depot folder.
        line: 1-based; 0 when the whole file is meant.
        message: a sentence for the person who edits the file; never holds a raw identifier.
    """

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}"


class DepotRefusedError(ConfigurationError):
    """A depot folder was refused whole (all or nothing); `problems` names every cause."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class NotFoundError(DepotgateError):
    """What a person asked for by name or time is not there; the message says what was searched."""


class FeedUnavailableError(DepotgateError):
    """A source did not deliver; what it delivered last stays, and ages (rule 22).

    Attributes:
        retry_after_s: how long the source wants not to be asked again; 0 = it did not say.
    """

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ProcessEndedError(DepotgateError):
    """A process that did a part of the work was ended from outside."""


class BrokerUnavailableError(DepotgateError):
    """No broker could be reached or started; the message names what to do."""


class KafkaRefusedError(DepotgateError):
    """Kafka is there and does not let this client in: log-in, certificate or protocol is wrong."""


class NotPermittedError(DepotgateError):
    """Kafka knows who asks, and does not permit it to who has that role (rule 26)."""


class TopicMismatchError(DepotgateError):
    """The broker's topics differ from the topic table in a way that cannot be applied."""


class DeliveryFailedError(DepotgateError):
    """The producer can deliver nothing any more: the process stops and has to start again."""


class UndecodableRecordError(DepotgateError):
    """A record's bytes do not fit its model; goes to the dead-letter topic with this cause."""


class ScheduleError(ConfigurationError):
    """A schedule contradicts itself (rule 6) or says something the grammar does not have."""


class OverrideRefusedError(ConfigurationError):
    """An override, or the end of one, breaks rule 9 or speaks for nothing that is there."""


class ProbeFailedError(DepotgateError):
    """A charger that was to be probed is not connected, or did not answer."""


class IdentifierError(DepotgateError):
    """An identifier has no readable form (rule 17). Never carries the identifier itself."""


class PseudonymKeyError(ConfigurationError):
    """The pseudonym key file is missing, unreadable or empty (rule 26): refuse to start."""
