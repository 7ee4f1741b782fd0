"""What Kafka does not permit a user, and what would give it, in one sentence."""

from __future__ import annotations

import shlex
from collections.abc import Collection

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from connectors.kafka.security import Kafka, principal_of
from models.errors import NotPermittedError
from models.roles import Role

_SUBJECT = "User:SUBJECT"
"""Stands in a command where a certificate says who somebody is."""


def how_given(kafka: Kafka, role: Role | None = None) -> str:
    """The command that gives what is lacking.

    Args:
        role: of the process that lacks it; None where whoever asks knows better.
    """
    principal = principal_of(kafka)
    # A part of a command line only where it is one: a certificate's subject is not known here.
    given = shlex.quote(principal) if principal.startswith("User:") else _SUBJECT
    command = f"depotgate acl {role or 'ROLE'} --principal {given} --apply"
    return f"an administrator of Kafka gives what the role may do: `{command}`"


def not_permitted(
    kafka: Kafka, *deeds: tuple[str, Collection[str]], role: Role | None = None
) -> NotPermittedError:
    """Who may not do what, to which topics or groups.

    Args:
        deeds: each a verb and what it is about, which may be nothing.
        role: of the process that would do it.
    """
    said = ", nor to ".join(
        " ".join(filter(None, (verb, ", ".join(sorted(names))))) for verb, names in deeds
    )
    return NotPermittedError(
        f"Kafka does not permit {principal_of(kafka)} to {said}; {how_given(kafka, role)}"
    )


def permission_lacking(
    fault: BaseException, kafka: Kafka, verb: str = "use"
) -> NotPermittedError | None:
    """What a failed call was not permitted to do; None where it failed for another reason.

    Args:
        verb: what it would have done to a topic.
    """
    match fault:
        case TopicAuthorizationFailedError():
            return not_permitted(kafka, (verb, _named(fault)))
        case GroupAuthorizationFailedError():
            return not_permitted(kafka, ("join the consumer group", _named(fault)))
        case ClusterAuthorizationFailedError():
            return not_permitted(kafka, ("write to any topic, or administer the cluster", ()))
    return None


def _named(fault: KafkaError) -> Collection[str]:
    """aiokafka gives a name, or several, or none."""
    named = fault.args[0] if fault.args else "?"
    return named if isinstance(named, set | frozenset) else (str(named),)
