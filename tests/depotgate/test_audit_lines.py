"""`depotgate tail audit`: what was changed, in words."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest

from depotgate.audit_lines import changed
from models.overrides import OverrideRecord
from models.site import AuditRecord
from tests.models.samples import SAMPLES

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def audit(action: str, before: object, after: object) -> AuditRecord:
    said = [
        each if isinstance(each, str | None) else orjson.dumps(each).decode()
        for each in (before, after)
    ]
    return AuditRecord(
        audit_id="a",
        actor="ann",
        action=action,
        subject="k2",
        at=NOW,
        before=said[0],
        after=said[1],
    )


@pytest.mark.parametrize(
    ("action", "before", "after", "line"),
    [
        ("load", None, "7", "nothing → 7"),
        ("stage", "shadow", "enforce (TARGETING_MATCH)", "shadow → enforce (TARGETING_MATCH)"),
        (
            "keys rotate",
            {"in_use": ["k1"], "retired": []},
            {"in_use": ["k2", "k1"], "retired": []},
            "in use: k1 → k2 k1",
        ),
        (
            "keys retire",
            {"in_use": ["k2", "k1"], "retired": []},
            {"in_use": ["k2"], "retired": ["k1"]},
            "in use: k2 k1 → k2, retired: none → k1",
        ),
        (
            "keys retire",
            {"in_use": ["k2", "k1"], "retired": []},
            {
                "in_use": ["k2"],
                "retired": ["k1"],
                "reason": "it leaked",
                "forced_although": ["3 identities need it"],
            },
            "in use: k2 k1 → k2, retired: none → k1, forced, although 3 identities need it, "
            "reason: it leaked",
        ),
        # Written by another version, or by hand.
        ("keys rotate", "k1", "k2", "k1 → k2"),
        ("keys rotate", {}, {}, "{} → {}"),
        ("keys rotate", {"in_use": 1, "retired": 2}, [], '{"in_use":1,"retired":2} → []'),
        ("override add", None, "soon", "nothing → soon"),
    ],
)
def test_a_change_is_a_line_of_words(action: str, before: object, after: object, line: str) -> None:
    assert changed(audit(action, before, after)) == line


def test_an_override_says_what_it_does_and_why() -> None:
    override = SAMPLES[OverrideRecord].encode().decode()
    assert changed(audit("override end", override, override)) == (
        "managed at group bus-lane of site north-depot until 2026-07-14 12:30:00Z: rained off"
    )
