"""Depot folders of the end-to-end tests, written as an operator writes them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from depotgate.demo.session import Card

CARDS: Mapping[str, Card] = {
    "own fleet": Card("own fleet", "04A1B2C3D4E5F6"),
    "agreement": Card("agreement", "04E5A29F3C21B0"),
    "expired": Card("expired", "04E5A29F3C21B1"),
    "not yet": Card("not yet", "04E5A29F3C21B2"),
    "revoked": Card("revoked", "04E5A204DEADBE"),
    "suspended": Card("suspended", "04E5A20BADCAFE"),
    "unknown": Card("unknown", "04C0FFEE"),
}
"""Mostly of seven bytes: topics hold millions of hex digits of chance, among which one of four is
found now and then where nobody wrote it."""

LONG_AGO = date(2001, 1, 1)
"""A holiday that is none of any test's."""


class Row(NamedTuple):
    """A row of chargers.csv."""

    charger_id: str
    group: str
    ocpp: str
    profile: str


def rows(prefix: str, group: str, count: int) -> tuple[Row, ...]:
    """Chargers of one group, OCPP 1.6, 2.0.1, 1.6 and 2.1 in turn."""
    kinds = (("1.6", "microocpp"), ("2.0.1", "standard"), ("1.6", "microocpp"), ("2.1", "standard"))
    return tuple(Row(f"{prefix}-{n:02d}", group, *kinds[n % 4]) for n in range(count))


class Depot:
    """A depot folder: groups `reserved` and `open`, and `edge`, which is reserved from a minute on.

    Args:
        edge_at: whole minute, UTC, at which the group `edge` turns to managed.
    """

    def __init__(
        self, folder: Path, site: str, chargers: Sequence[Row], edge_at: datetime | None = None
    ) -> None:
        self.folder = folder
        self.site = site
        self.chargers = tuple(chargers)
        self.password = secrets.token_urlsafe(18)
        self.stage = "enforce"
        self.fail = "closed"
        self.choices: list[str] = []
        self.edge_at = edge_at
        (folder / "secrets").mkdir(parents=True)
        for row in self.chargers:
            self._write_secret(row.charger_id)
        self.write_identities(CARDS.keys() - {"unknown"})
        self.write_chargers()
        self.write_holidays(LONG_AGO)
        self.write_site()

    def _write_secret(self, charger_id: str) -> None:
        path = self.folder / "secrets" / charger_id
        path.touch(mode=0o600)
        path.write_text(self.password + "\n")

    def write_chargers(self) -> None:
        """chargers.csv, all at once as an editor would replace it."""
        lines = ["charger_id,group,ocpp,security_profile,credential,profile,schedule"]
        lines += [
            f"{row.charger_id},{row.group},{row.ocpp},1,file:secrets/{row.charger_id},"
            f"{row.profile},"
            for row in self.chargers
        ]
        self._replace("chargers.csv", lines)

    def write_identities(self, labels: set[str]) -> None:
        """identities.csv with the cards of these labels."""
        now = datetime.now(UTC).replace(microsecond=0)
        long_ago, lately, soon = (now + timedelta(days=days) for days in (-400, -10, 10))
        # fmt: off
        known = {
            "own fleet": ("own_fleet", "bus-1",     long_ago, "",     "active"),
            "agreement": ("agreement", "courier/1", long_ago, "",     "active"),
            "expired":   ("agreement", "courier/2", long_ago, lately, "active"),
            "not yet":   ("agreement", "courier/3", soon,     "",     "active"),
            "revoked":   ("own_fleet", "bus-2",     long_ago, "",     "revoked"),
            "suspended": ("own_fleet", "bus-3",     long_ago, "",     "suspended"),
        }
        # fmt: on
        lines = ["type,identifier,class,reference,valid_from,valid_to,state"]
        for label in sorted(labels):
            card, (owner, reference, begins, ends, state) = CARDS[label], known[label]
            until = ends.isoformat() if isinstance(ends, datetime) else ends
            lines.append(
                f"{card.id_type},{card.token},{owner},{reference},"
                f"{begins.isoformat()},{until},{state}"
            )
        self._replace("identities.csv", lines)

    def write_holidays(self, *dates: date) -> None:
        """holidays.ics as a calendar program saves it: days on which group `open` is reserved."""
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//depotgate//tests//EN"]
        for day in dates:
            lines += ["BEGIN:VEVENT", f"UID:{day}@depotgate", f"DTSTAMP:{day:%Y%m%d}T000000Z"]
            lines += [f"DTSTART;VALUE=DATE:{day:%Y%m%d}", f"SUMMARY:Holiday {day}", "END:VEVENT"]
        self._replace("holidays.ics", [*lines, "END:VCALENDAR"])

    def write_site(self) -> None:
        """site.yaml."""
        lines = [
            f"site: {self.site}",
            f"name: {self.site}",
            "timezone: Etc/UTC",
            f"stage: {self.stage}",
            f"fail: {self.fail}",
            "freevend_tag: DEPOTGATEFREE",
            *self.choices,
            "schedules:",
            "  - {id: reserved, default: managed}",
            "  - {id: open, default: freevend, holidays: {file: holidays.ics, mode: managed}}",
            "  - id: edge",
            "    default: freevend",
            *self._edge_exception(),
            "groups:",
            "  - {id: reserved, schedule: reserved}",
            "  - {id: open, schedule: open}",
            "  - {id: edge, schedule: edge}",
            "schedule: reserved",
        ]
        self._replace("site.yaml", lines)

    def _edge_exception(self) -> list[str]:
        if self.edge_at is None:
            return []
        at, next_day = self.edge_at, self.edge_at.date() + timedelta(days=1)
        # Two dates, so that a run around midnight has its window too.
        return [
            "    exceptions:",
            f'      - {{date: {at:%Y-%m-%d}, from: "{at:%H:%M}", to: "00:00", mode: managed}}',
            f"      - {{date: {next_day}, mode: managed}}",
        ]

    def _replace(self, name: str, lines: Sequence[str]) -> None:
        part = self.folder / f"{name}.part"
        part.write_text("\n".join(lines) + "\n")
        part.replace(self.folder / name)


def whole_minute_after(at: datetime, at_least_s: float) -> datetime:
    """The first whole minute that is at least so many seconds away."""
    earliest = at + timedelta(seconds=at_least_s)
    return earliest.replace(second=0, microsecond=0) + timedelta(minutes=1)
