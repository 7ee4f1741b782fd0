"""Which row of profiles.toml goes for a charger: named by hand, found by its boot, or assumed.

A row that was found is a claim of ours about a claim of the charger's: nothing is set by it before
the charger, asked by name, has told its key with a value of that row (models/switchability.py).
Over OCPP 2.x nothing is found: `standard` switches every make there.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache, lru_cache
from typing import NamedTuple

from models.charger import ChargerState
from models.makes import Boot
from models.profiles import (
    PROFILES,
    STANDARD,
    UNKNOWN,
    Profile,
    profile_named,
    reserved_tags,
    row_on,
)
from models.reasons import OcppVersion
from models.site import ChargerRecord

BOOTS_REMEMBERED = 4096
"""Makes, models and firmwares of a fleet are some hundreds, and every event of a charger asks."""


class ProfileSource(StrEnum):
    """Who says which row it is."""

    NAMED = "named"
    """The column `profile` of chargers.csv; nothing else is asked then."""
    FOUND = "found"
    """The charger's own BootNotification."""
    ASSUMED = "assumed"
    """Nobody: it is `standard`."""


class EffectiveProfile(NamedTuple):
    """The row that goes for a charger, by its name, and who says so."""

    name: str
    source: ProfileSource

    @property
    def found(self) -> bool:
        """Whether it rests on nothing but what the charger calls itself."""
        return self.source is ProfileSource.FOUND

    def answered(self, profile: str) -> bool:
        """Whether what a charger said when it was asked for a profile's keys is about this one's.

        Args:
            profile: as its record names it; empty in one from before the question, when no profile
                was found: it is of the one that is named, and of a found one says nothing.
        """
        return profile == self.name or (profile == "" and not self.found)


_ASSUMED = EffectiveProfile(STANDARD.name, ProfileSource.ASSUMED)


def effective_profile(charger: ChargerRecord, boot: Boot | None) -> EffectiveProfile:
    """The row that goes for a charger. A name in its row of chargers.csv always wins.

    Args:
        boot: what it said of itself last, over whatever connection; None = nothing yet.
    """
    if charger.profile_named:
        return EffectiveProfile(charger.profile, ProfileSource.NAMED)
    name = None if boot is None else found_profile(boot)
    return EffectiveProfile(name, ProfileSource.FOUND) if name else _ASSUMED


@lru_cache(maxsize=BOOTS_REMEMBERED)
def found_profile(boot: Boot) -> str | None:
    """The one row whose makes match a boot over the row's own OCPP version.

    None for a boot that no row matches, and for one that several do: which of them is right,
    nobody can tell from here.
    """
    names = matching_profiles(boot)
    return names[0] if len(names) == 1 else None


def matching_profiles(boot: Boot) -> tuple[str, ...]:
    """Every row that has a make which matches a boot."""
    return tuple(
        name
        for name, row in PROFILES.items()
        if _spoken(row, boot.ocpp) and any(make.matches(boot) for make in row.makes)
    )


def _spoken(row: Profile, ocpp: OcppVersion | str | None) -> bool:
    """Whether a row speaks of that version's configuration; of what is not known it does not."""
    return ocpp is not None and row_on(ocpp, row) is row


def boot_of(row: ChargerState) -> Boot | None:
    """The charger's last boot, as its row keeps it over connections without one."""
    if row.vendor is None:
        return None
    ocpp = row.connection.ocpp if row.connection else row.booted_over
    return Boot(ocpp, row.vendor, row.model, row.firmware)


def reserved_by(charger: ChargerRecord, ocpp: OcppVersion | str | None = None) -> tuple[str, ...]:
    """Tags that the profile of a charger reserves, whichever it turns out to be (rule 17).

    Where none is named these are the tags of every row that could be found: `load` and feeds know
    no boot, and a gateway that was started a moment ago knows none either. So what is refused as a
    card is what is refused at the charger, before its first boot and after its last.

    Args:
        ocpp: that it speaks; None = not known, and then what its record says.
    """
    if charger.profile_named:
        return reserved_tags(profile_named(charger.profile))
    return findable_tags(ocpp or charger.ocpp)


@cache
def findable_tags(ocpp: OcppVersion | str | None) -> tuple[str, ...]:
    """Tags of the rows that can be found over a version; None = over any."""
    return tuple(tag for row in findable_profiles(ocpp) for tag in reserved_tags(row))


def findable_profiles(ocpp: OcppVersion | str | None) -> tuple[Profile, ...]:
    """The rows that can be found over a version; None = over any."""
    rows = PROFILES.values()
    return tuple(row for row in rows if row.makes and (not ocpp or _spoken(row, ocpp)))


def profiles_of_make(vendor: str) -> tuple[str, ...]:
    """Rows that the vendor of a BootNotification may mean: those named after a word of it.

    Hints for a person, never applied: they are all that is known of makes without a pattern.
    """
    words = {word.strip("(),.").casefold() for word in vendor.split()}
    named_alike = (STANDARD, UNKNOWN)
    return tuple(name for name, row in PROFILES.items() if row not in named_alike and name in words)
