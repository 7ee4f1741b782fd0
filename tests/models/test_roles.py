"""Who may read and write which topic (rule 26)."""

from __future__ import annotations

import pytest

from models.roles import PERMITS, Grant, Operation, ResourceType, Role, grants_of, permit_of
from models.topics import (
    DECISIONS,
    DENIALS,
    IDENTITIES,
    OUTCOMES,
    OVERRIDES,
    PRIMARY_TOPICS,
    REQUESTS_GROUP,
    TOPICS,
    WORKER_GROUP,
)

PEOPLE = (Role.VIEWER, Role.OPERATOR, Role.SUPPORT)


def test_every_role_has_one_row() -> None:
    assert [permit.role for permit in PERMITS] == list(Role)


def test_a_viewer_has_nothing_of_kafka() -> None:
    assert grants_of(Role.VIEWER) == ()


def test_explanations_are_for_support_alone() -> None:
    readers = {permit.role for permit in PERMITS if DECISIONS in permit.reads}
    assert readers == {Role.GATEWAY, Role.SUPPORT}


def test_an_operator_reads_what_has_reason_and_display_form() -> None:
    assert {DENIALS, OUTCOMES} <= set(permit_of(Role.OPERATOR).reads)


def test_support_reads_all_that_an_operator_reads_and_writes_nothing() -> None:
    support = permit_of(Role.SUPPORT)
    assert set(permit_of(Role.OPERATOR).reads) < set(support.reads)
    assert support.writes == ()


def test_people_change_overrides_and_nothing_else_of_what_is_configured() -> None:
    writable = {topic.name for role in PEOPLE for topic in permit_of(role).writes}
    assert writable == {OVERRIDES.name, "depot.audit.v1"}


def test_cards_are_read_by_who_decides_loads_or_explains() -> None:
    readers = {permit.role for permit in PERMITS if IDENTITIES in permit.reads}
    assert readers == {Role.WORKER, Role.LOAD, Role.SUPPORT}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_topic_has_who_writes_and_who_reads_it(topic: object) -> None:
    assert any(topic in permit.writes for permit in PERMITS)
    assert any(topic in permit.reads for permit in PERMITS)


@pytest.mark.parametrize("role", [Role.GATEWAY, Role.WORKER])
def test_a_process_has_the_topics_that_the_table_of_topics_names_it_at(role: Role) -> None:
    permit = permit_of(role)
    for topic in PRIMARY_TOPICS:
        assert (topic in permit.reads) == (role in topic.read_by.split(", ")), topic.name
        assert (topic in permit.writes) == (role in topic.written_by.split(", ")), topic.name


def test_who_decodes_a_topic_keeps_its_dead_letters() -> None:
    for role in (Role.GATEWAY, Role.WORKER):
        permit = permit_of(role)
        dead = {topic.dead_letter_name for topic in permit.reads if topic.dead_letters}
        assert {topic.name for topic in permit.writes if topic.record is None} == dead


def test_grants_name_each_topic_and_group() -> None:
    grants = grants_of(Role.WORKER)
    assert Grant(ResourceType.TOPIC, DECISIONS.name, Operation.WRITE) in grants
    assert Grant(ResourceType.TOPIC, DECISIONS.name, Operation.READ) not in grants
    for group in (WORKER_GROUP, REQUESTS_GROUP):
        assert Grant(ResourceType.GROUP, group, Operation.READ) in grants
    assert {grant.name for grant in grants} >= {topic.name for topic in TOPICS}
    assert len(set(grants)) == len(grants)
