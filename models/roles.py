"""Who may read and write which topic, as Kafka enforces it (rule 26).

Commands, docs and tests read this one table. Kafka permits whole topics: what a role may see of a
record it may see all of, so each topic is weighed by the most telling field of its records.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from models.topics import (
    AUDIT,
    CHARGERS,
    COMMANDS,
    DECISIONS,
    DENIALS,
    EVENTS,
    FEEDS,
    IDENTITIES,
    MODE,
    OUTCOMES,
    OVERRIDES,
    REQUESTS,
    REQUESTS_GROUP,
    SITES,
    STAGES,
    STATE,
    TOPICS,
    WORKER_GROUP,
    Topic,
)


class Role(StrEnum):
    """What somebody is to depotgate: a process, or a person with a command line."""

    GATEWAY = "gateway"
    WORKER = "worker"
    FLAGS = "flags"
    LOAD = "load"
    VIEWER = "viewer"
    OPERATOR = "operator"
    SUPPORT = "support"


class Permit(NamedTuple):
    """What a role may do.

    Attributes:
        who: for a person who gives the role to somebody.
        reads, writes: topics; dead-letter topics of what it cannot decode are among `writes`.
        joins: consumer groups whose partitions it shares.
        watches: consumer groups of which it may see how far they are.
        sees: whether it is shown that the topics exist. Every command but those of a viewer looks
            first whether the topics are those of the table.
    """

    role: Role
    who: str
    reads: tuple[Topic, ...]
    writes: tuple[Topic, ...]
    joins: tuple[str, ...] = ()
    watches: tuple[str, ...] = ()
    sees: bool = True


def _dead_letters(*origins: Topic) -> tuple[Topic, ...]:
    names = {origin.dead_letter_name for origin in origins}
    return tuple(topic for topic in TOPICS if topic.name in names)


_STANDING = (SITES, CHARGERS, OVERRIDES, STAGES, FEEDS)
"""What is configured, without a single card."""

_HAPPENED = (DENIALS, OUTCOMES, EVENTS, MODE, STATE, AUDIT)
"""What people ask an operator about: reasons and display forms."""

# fmt: off
PERMITS: tuple[Permit, ...] = (
    Permit(Role.GATEWAY, "each gateway",
           reads=(SITES, CHARGERS, OVERRIDES, STAGES, DECISIONS, COMMANDS),
           writes=(REQUESTS, OUTCOMES, EVENTS, *_dead_letters(DECISIONS, COMMANDS))),
    Permit(Role.WORKER, "each worker",
           reads=(*_STANDING, IDENTITIES, REQUESTS, OUTCOMES, EVENTS, STATE),
           writes=(DECISIONS, DENIALS, COMMANDS, MODE, STATE,
                   *_dead_letters(REQUESTS, OUTCOMES, EVENTS)),
           joins=(WORKER_GROUP, REQUESTS_GROUP)),
    Permit(Role.FLAGS, "`depotgate flags`",
           reads=(SITES, CHARGERS, STAGES, STATE),
           writes=(STAGES, AUDIT)),
    Permit(Role.LOAD, "who loads depots and feeds, adds chargers and rotates keys",
           reads=(*_STANDING, IDENTITIES, STATE, EVENTS),
           writes=(SITES, CHARGERS, IDENTITIES, FEEDS, OVERRIDES, COMMANDS, AUDIT),
           watches=(REQUESTS_GROUP,)),
    Permit(Role.VIEWER, "who sees counts: metrics and dashboards, nothing of Kafka",
           reads=(), writes=(), sees=False),
    Permit(Role.OPERATOR, "who runs a depot: what was refused and why, modes, overrides",
           reads=(*_STANDING, *_HAPPENED),
           writes=(OVERRIDES, AUDIT),
           watches=(REQUESTS_GROUP,)),
    Permit(Role.SUPPORT, "who answers for single decisions: `explain`, `replay`, dead letters",
           reads=(*_STANDING, *_HAPPENED, IDENTITIES, DECISIONS,
                  *(topic for topic in TOPICS if topic.record is None)),
           writes=(),
           watches=(REQUESTS_GROUP,)),
)
# fmt: on


def permit_of(role: Role) -> Permit:
    """The row of a role."""
    return next(permit for permit in PERMITS if permit.role is role)


class ResourceType(StrEnum):
    """What a grant is about, as the options of kafka-acls.sh have it."""

    TOPIC = "topic"
    GROUP = "group"


class Operation(StrEnum):
    """What it permits, as kafka-acls.sh has it. Read and Write bring Describe with them."""

    READ = "Read"
    WRITE = "Write"
    DESCRIBE = "Describe"


class Grant(NamedTuple):
    """One thing that Kafka is to permit."""

    resource: ResourceType
    name: str
    operation: Operation


def grants_of(role: Role) -> tuple[Grant, ...]:
    """All that a role needs, and nothing else, in the order of the topic table.

    An idempotent producer needs no more than Write on its topics, from Kafka 3.0 on.
    """
    permit = permit_of(role)
    found = []
    for topic in TOPICS:
        operations = [
            *([Operation.READ] if topic in permit.reads else []),
            *([Operation.WRITE] if topic in permit.writes else []),
        ]
        if permit.sees and not operations:
            operations = [Operation.DESCRIBE]
        found += [Grant(ResourceType.TOPIC, topic.name, each) for each in operations]
    found += [Grant(ResourceType.GROUP, group, Operation.READ) for group in permit.joins]
    found += [Grant(ResourceType.GROUP, group, Operation.DESCRIBE) for group in permit.watches]
    return tuple(found)
