"""What is said of a permission that is lacking: who, what, where, and what gives it."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaTimeoutError,
    TopicAuthorizationFailedError,
)

from connectors.kafka.lacking import not_permitted, permission_lacking
from connectors.kafka.permissions import Lacking
from connectors.kafka.security import Kafka, Login, Mechanism, SecuredKafka
from models.roles import Role, permit_of
from models.topics import EVENTS, MODE, STATE, WORKER_GROUP

AT = "kafka.example:9094"
LOGIN = SecuredKafka(AT, None, Login(Mechanism.SCRAM_SHA_512, "anna b.", "secret"))
CERTIFICATE = SecuredKafka(AT, None, None, Path("anna.pem"))

# fmt: off
USERS = (
    # Kafka                    called                       in a command
    (LOGIN,                   "User:anna b.",              "'User:anna b.'"),
    (CERTIFICATE,             "the subject of anna.pem",   "User:SUBJECT"),
    (AT,                      "User:ANONYMOUS",            "User:ANONYMOUS"),
)
# fmt: on


@pytest.mark.parametrize(("kafka", "called", "given"), USERS)
def test_the_user_is_called_as_kafka_calls_them(kafka: Kafka, called: str, given: str) -> None:
    said = str(not_permitted(kafka, ("read", [STATE.name]), role=Role.WORKER))
    assert said == (
        f"Kafka does not permit {called} to read {STATE.name}; an administrator of Kafka gives "
        f"what the role may do: `depotgate acl worker --principal {given} --apply`"
    )


def test_all_that_is_lacking_is_one_sentence() -> None:
    lacking = Lacking((STATE.name, EVENTS.name), (MODE.name,), (WORKER_GROUP,))
    assert len(lacking.names) == 4
    assert (
        f"to read {EVENTS.name}, {STATE.name}, nor to write to {MODE.name}, "
        f"nor to join the consumer group {WORKER_GROUP}; "
    ) in str(lacking.said(LOGIN, permit_of(Role.WORKER)))


# fmt: off
FAULTS = (
    (TopicAuthorizationFailedError(MODE.name),    f"to write to {MODE.name}; "),
    (TopicAuthorizationFailedError({MODE.name}),  f"to write to {MODE.name}; "),
    (GroupAuthorizationFailedError(WORKER_GROUP), f"to join the consumer group {WORKER_GROUP}; "),
    (ClusterAuthorizationFailedError(),           "to write to any topic, or administer the "),
)
# fmt: on


@pytest.mark.parametrize(("fault", "said"), FAULTS)
def test_what_a_failed_call_lacked_is_said(fault: Exception, said: str) -> None:
    lacking = permission_lacking(fault, LOGIN, "write to")
    assert said in str(lacking)
    assert "`depotgate acl ROLE --principal 'User:anna b.' --apply`" in str(lacking)


def test_a_call_that_failed_for_another_reason_lacked_nothing() -> None:
    assert permission_lacking(KafkaTimeoutError(), LOGIN) is None
