"""How makers call themselves in BootNotification, and whether a boot is one of theirs.

Pure, and a pattern is no regular expression: it is words, so that none can take long, and everybody
can read what it matches.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from models.confidence import Confidence
from models.record import Frozen

WORD = re.compile(r"[^\W_]+")
"""Letters and digits: `KC-P30` is KC and P30; `Wall Box` is two words, and `Wallbox` one."""

NUMBERS = re.compile(r"\d+(?:\.\d+)*")
"""The first number of a firmware, as far as it goes: `V1.8.21-rc2` is 1.8.21."""

BOOT_CHARACTERS_MAX = 64
"""Of each field that is looked at: OCPP holds vendors and models to 20 characters in 1.6 and 50 in
2.x, and firmware to 50."""


class Boot(NamedTuple):
    """What a charger said of itself at its last BootNotification; None = it left it out.

    Attributes:
        ocpp: that it speaks; None = not known.
    """

    ocpp: str | None
    vendor: str | None
    model: str | None = None
    firmware: str | None = None


class Make(Frozen):
    """A pattern over a boot; all that it names has to fit.

    Words match whole, in any case, one after the other and anywhere in the field: `Keba` matches
    `KEBA AG`, and `loop` does not match `Cloop`.

    Attributes:
        vendor, model: words of chargePointVendor and chargePointModel.
        firmware_from, firmware_before: numbers with dots; a firmware without a number fits neither.
        confidence: where the spelling is from, which is not where the row's keys are from.
    """

    vendor: str = Field(max_length=50)
    model: str | None = Field(default=None, max_length=50)
    firmware_from: str | None = None
    firmware_before: str | None = None
    confidence: Confidence

    @field_validator("vendor", "model")
    @classmethod
    def _has_words(cls, text: str | None) -> str | None:
        if text is not None and not _words(text):
            raise ValueError("expected at least one word")
        return text

    @field_validator("firmware_from", "firmware_before")
    @classmethod
    def _is_number(cls, text: str | None) -> str | None:
        if text is not None and not NUMBERS.fullmatch(text):
            raise ValueError("expected numbers with dots, as 1.9 or 300")
        return text

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if self.confidence is Confidence.NONE:
            raise ValueError("a make of which nothing is known has no pattern")
        return self

    def matches(self, boot: Boot) -> bool:
        """Whether a boot is one of this make."""
        told = _within(self.vendor, boot.vendor)
        if self.model is not None:
            told = told and _within(self.model, boot.model)
        return told and self._firmware_fits(boot.firmware)

    def _firmware_fits(self, firmware: str | None) -> bool:
        since, before = _version(self.firmware_from), _version(self.firmware_before)
        if since is None and before is None:
            return True
        version = _version(firmware)
        if version is None:
            return False
        return (since is None or version >= since) and (before is None or version < before)

    def example(self) -> Boot:
        """A boot that it matches, in its own words."""
        return Boot("1.6", self.vendor, self.model or "", self.firmware_from or "0")


def _within(pattern: str, text: str | None) -> bool:
    # A word boundary as WORD has it: `_` parts words, as a hyphen does.
    return f" {' '.join(_words(pattern))} " in f" {' '.join(_words(text or ''))} "


def _words(text: str) -> list[str]:
    return WORD.findall(text[:BOOT_CHARACTERS_MAX].casefold())


def _version(text: str | None) -> tuple[int, ...] | None:
    found = NUMBERS.search((text or "")[:BOOT_CHARACTERS_MAX])
    return tuple(int(part) for part in found[0].split(".")) if found else None
