"""Trace context on records: passed on where it is fit for it."""

from __future__ import annotations

import pytest

from connectors.telemetry.trace import TRACEPARENT_MAX_BYTES, new_traceparent, traceparent_in


def test_a_traceparent_is_found_among_the_headers() -> None:
    traceparent = new_traceparent()
    headers = [("ce_id", b"1"), ("traceparent", traceparent.encode()), ("ce_type", None)]
    assert traceparent_in(headers) == traceparent


@pytest.mark.parametrize(
    "headers",
    [
        (),
        [("ce_id", b"1")],
        [("traceparent", b"")],
        # Kafka lets a header have no value.
        [("traceparent", None)],
        [("traceparent", b"\xff")],
        [("traceparent", b"0" * (TRACEPARENT_MAX_BYTES + 1))],
    ],
    ids=["no headers", "another", "empty", "no value", "no text", "too long"],
)
def test_what_is_no_traceparent_is_not_passed_on(
    headers: list[tuple[str, bytes | None]],
) -> None:
    assert traceparent_in(headers) is None
