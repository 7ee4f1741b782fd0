"""What governs a charger (rule 7): one schedule, its own, else its group's, else its site's, under
overrides and locks."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from models.makes import Boot
from models.overridden import AnyTimeline
from models.profile_choice import EffectiveProfile, effective_profile
from models.schedule import Schedule
from models.site import ChargerRecord, SiteRecord, Stage
from models.stages import Staged


class Governing(NamedTuple):
    """All that governs one charger.

    Attributes:
        scope: `charger`, `group` or `site`: whose schedule it is.
        timeline: of that schedule, under the overrides and locks of all three scopes.
        staged: the charger's stage where flags may say another than the site; None = the site's.
        boot: what it said of itself last; only its worker knows (streams/chargers.py).
    """

    charger: ChargerRecord
    site: SiteRecord
    schedule_id: str
    scope: str
    timeline: AnyTimeline
    staged: Staged | None = None
    boot: Boot | None = None

    def with_boot(self, boot: Boot | None) -> Governing:
        """The same, where the charger said this of itself last."""
        # Of each event and outcome: `_replace` takes four times as long.
        return Governing(*self[:-1], boot)

    @property
    def profile(self) -> EffectiveProfile:
        """By which row of profiles.toml it is switched."""
        return effective_profile(self.charger, self.boot)

    @property
    def boot_awaited(self) -> bool:
        """Whether nobody named its profile and it has not yet said what it is."""
        return self.boot is None and not self.charger.profile_named

    @property
    def stage(self) -> Stage:
        """How far depotgate may go at this charger (rule 27)."""
        return self.staged.stage if self.staged else self.site.stage_known()

    @property
    def stage_since(self) -> datetime:
        """Since when the stage is this one."""
        return self.staged.since if self.staged else self.site.loaded_at


def governing_schedule(charger: ChargerRecord, site: SiteRecord) -> tuple[str, Schedule] | None:
    """The scope that wins and its schedule; None when no scope names one that exists.

    A charger follows exactly one schedule, the narrowest that is named (rule 7).
    """
    group = next((group for group in site.groups if group.id == charger.group), None)
    named = (
        ("charger", charger.schedule),
        ("group", group.schedule if group else None),
        ("site", site.schedule),
    )
    scope, schedule_id = next(((scope, id_) for scope, id_ in named if id_), (None, None))
    schedule = next((found for found in site.schedules if found.id == schedule_id), None)
    return (scope, schedule) if scope and schedule else None
