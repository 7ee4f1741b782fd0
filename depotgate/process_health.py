"""What running processes say of themselves, as `depotgate doctor` asks them."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from connectors.keys import read_keys
from depotgate.findings import Finding, Health
from depotgate.settings import Settings
from models.errors import DepotgateError
from models.metrics import (
    CHARGERS_GIVEN_UP,
    CHARGERS_NOT_SWITCHABLE,
    CLOCKS_OFF,
    CONNECTED,
    KAFKA_AWAY,
    KEY_EPOCHS,
    KEYS_BAD,
    OFFLINE_UNMET,
    PERMISSIONS_LACKING,
    REPLICA_AGE,
    REPLICA_BAD,
    RESEND_SHORT,
    SPOOL_FULL,
    SPOOLED,
)

SCRAPE_S = 3.0
"""For one `/metrics` on this machine or the next: milliseconds usually."""

REPLICA_OLD_S = 30.0
"""A replica knows every second whether it is at the end of its topics."""


async def process_health(settings: Settings, role: str, url: str) -> list[Finding]:
    """What a running gateway or worker says of itself at its `/metrics`."""
    try:
        values = await asyncio.to_thread(scrape, url)
    except (OSError, ValueError) as fault:
        return [Finding(role, Health.BAD, f"no metrics at {url} ({fault})", "see its log")]
    age_s = values.get(REPLICA_AGE.name, 0.0)
    old = age_s > REPLICA_OLD_S
    findings = [
        Finding(
            f"{role}, configuration",
            Health.BAD if old else Health.GOOD,
            f"known to be complete {age_s:.0f} s ago",
            "Kafka is away, or the process hangs: see its log" if old else "",
        ),
        *_bad_rows(role, values),
        *_lacking(role, values),
    ]
    if role == "gateway":
        findings += _gateway_health(values)
        findings += key_health(settings, values)
    if role == "worker":
        findings += clock_health(values)
        findings += offline_health(values)
        findings += mode_findings(values)
    return findings


def mode_findings(values: Mapping[str, float]) -> list[Finding]:
    """Chargers that do not follow their timetable, as a worker sees those of its share."""
    findings = []
    given_up, fixed = (
        values.get(gauge.name, 0.0) for gauge in (CHARGERS_GIVEN_UP, CHARGERS_NOT_SWITCHABLE)
    )
    if given_up:
        seen = f"{given_up:.0f} chargers are not in their mode, and are not asked any more"
        advice = (
            "depotgate tail mode shows which (MODE_SWITCH_FAILED); see to them, then reboot them"
        )
        findings.append(Finding("modes", Health.BAD, seen, advice))
    if fixed:
        seen = f"{fixed:.0f} chargers have no setting to switch: answers to cards govern them"
        advice = "depotgate chargers has their class; another profile may know their setting"
        findings.append(Finding("modes", Health.NOTE, seen, advice))
    return findings


def _bad_rows(role: str, values: Mapping[str, float]) -> list[Finding]:
    bad = values.get(REPLICA_BAD.name, 0.0)
    if not bad:
        return []
    seen = f"{bad:.0f} configuration records could not be read; the last good ones hold"
    return [Finding(f"{role}, configuration", Health.BAD, seen, "see its log, and load again")]


def _lacking(role: str, values: Mapping[str, float]) -> list[Finding]:
    count = values.get(PERMISSIONS_LACKING.name, 0.0)
    if not count:
        return []
    seen = f"Kafka does not permit it {count:.0f} of the things that its role does"
    advice = f"its log names them; depotgate acl {role} --principal User:NAME --apply gives them"
    return [Finding(f"{role}, permissions", Health.BAD, seen, advice)]


def clock_health(values: Mapping[str, float]) -> list[Finding]:
    """Clocks of chargers, as a worker sees those of its share."""
    count = values.get(CLOCKS_OFF.name, 0.0)
    if not count:
        return []
    seen = f"the clocks of {count:.0f} are off by more than the site's clock_limit_s"
    advice = "what they tell later is corrected by it; see docs/offline.md for setting clocks"
    return [Finding("chargers", Health.NOTE, seen, advice)]


def offline_health(values: Mapping[str, float]) -> list[Finding]:
    """What chargers do while they are offline, as a worker sees those of its share."""
    findings = []
    unmet, short = (values.get(gauge.name, 0.0) for gauge in (OFFLINE_UNMET, RESEND_SHORT))
    if unmet:
        seen = f"{unmet:.0f} do not do what their site's `offline` says, or do not tell"
        advice = (
            "depotgate chargers ID says why; local lists need gateways started with --identities"
        )
        findings.append(Finding("chargers", Health.NOTE, seen, advice))
    if short:
        seen = f"{short:.0f} give up what they have to tell before a day is over"
        advice = "set their message attempts and interval by hand; see docs/offline.md"
        findings.append(Finding("chargers", Health.NOTE, seen, advice))
    return findings


def _gateway_health(values: Mapping[str, float]) -> list[Finding]:
    findings = [
        Finding("chargers", Health.GOOD, f"{values.get(CONNECTED.name, 0.0):.0f} connected")
    ]
    if values.get(KAFKA_AWAY.name):
        seen = f"Kafka is away, {values.get(SPOOLED.name, 0.0):,.0f} bytes of outcomes on disk"
        findings.append(Finding("gateway", Health.BAD, seen, "bring the broker back"))
    if values.get(SPOOL_FULL.name):
        seen = "the spool or its disk is full: Authorize stays unanswered"
        findings.append(Finding("gateway", Health.BAD, seen, "bring the broker back, make room"))
    return findings


def scrape(url: str) -> Mapping[str, float]:
    """Every metric of a `/metrics` page, summed over its labels.

    Raises:
        OSError: nothing answers there.
        ValueError: what answers is no metrics page.
    """
    with urllib.request.urlopen(url, timeout=SCRAPE_S) as page:  # noqa: S310 - from run.json
        text = page.read().decode()
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
    return totals


def key_health(settings: Settings, values: Mapping[str, float]) -> list[Finding]:
    """Whether the gateway looks tokens up under the epochs that the key file has."""
    if values.get(KEYS_BAD.name):
        seen = "it cannot use the key file any more, and goes on with what it read before"
        return [Finding("gateway, keys", Health.BAD, seen, "see its log, and mend the file")]
    try:
        epochs = read_keys(settings.pseudonym_keys_file)
    except DepotgateError:
        return []
    expected = sum(epoch.retired_at is None for epoch in epochs)
    known = values.get(KEY_EPOCHS.name)
    if known is None or known == expected:
        return []
    seen = f"it looks tokens up under {known:.0f} epochs, and the key file has {expected} in use"
    advice = "it has to see the same file: restart it before the next load"
    return [Finding("gateway, keys", Health.BAD, seen, advice)]
