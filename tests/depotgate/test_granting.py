"""`depotgate acl`: lines that Kafka's own tool takes."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

import pytest

from depotgate.granting import grant, kafka_acls_lines
from depotgate.settings import Settings
from models.errors import ConfigurationError
from models.roles import Grant, Operation, ResourceType, Role, grants_of

SUBJECT = "User:CN=anna b.,O=depot"


def granted_by(line: str) -> set[Grant]:
    """What kafka-acls.sh makes of a line: each operation on each resource."""
    tool = argparse.ArgumentParser()
    tool.add_argument("--add", action="store_true", required=True)
    for name in ("bootstrap-server", "command-config", "allow-principal", "operation"):
        tool.add_argument(f"--{name}", required=True)
    for resource in ResourceType:
        tool.add_argument(f"--{resource}", action="append", default=[])
    name, *arguments = shlex.split(line)
    assert name == "kafka-acls.sh"
    given = tool.parse_args(arguments)
    assert given.allow_principal == SUBJECT
    return {
        Grant(resource, named, Operation(given.operation))
        for resource in ResourceType
        for named in getattr(given, resource)
    }


@pytest.mark.parametrize("role", Role)
def test_the_lines_grant_what_the_role_has_and_no_more(role: Role) -> None:
    lines = kafka_acls_lines(grants_of(role), SUBJECT, "kafka:9094")
    granted = [each for line in lines for each in granted_by(line)]
    assert set(granted) == set(grants_of(role))
    assert len(granted) == len(grants_of(role))


@pytest.mark.parametrize("principal", ["anna", "User:", "User:*", ":anna", "User:a\nb"])
async def test_a_principal_that_is_none_is_refused(principal: str) -> None:
    with pytest.raises(ConfigurationError, match="expected TYPE:NAME"):
        await grant(Settings(), Role.OPERATOR, principal, apply=False, as_json=False)


@pytest.mark.parametrize("apply", [False, True])
async def test_a_viewer_is_said_to_need_nothing_and_no_kafka_is_asked(
    apply: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(kafka=None, data=tmp_path)
    await grant(settings, Role.VIEWER, SUBJECT, apply=apply, as_json=False)
    assert "needs no permission of Kafka" in capsys.readouterr().out
