"""A flag, read for one charger after the other from an OpenFeature provider."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError

from connectors.flags.flags_file import FlagSource
from models.ids import ChargerId
from models.makes import Boot
from models.profile_choice import effective_profile
from models.site import ChargerRecord, SiteRecord, Stage
from models.stages import Reading

_NO_STAGE = ""
"""The default that a provider gives back when it has no answer: it is no stage."""

_CAUSE_CHARS_MAX = 100
"""A cause goes into a row and into an audit record; providers put whole traces into theirs."""


class Asked(NamedTuple):
    """A charger for which a flag is read.

    Attributes:
        boot: what it said of itself last; None = nothing yet.
    """

    charger: ChargerRecord
    site: SiteRecord
    boot: Boot | None = None


class StageFlag:
    """Asks one provider. It blocks, as providers do: call it from a thread of its own."""

    def __init__(self, source: FlagSource) -> None:
        self.name = source.name
        self._source = source
        self._client = api.get_client(domain=source.name)

    def start(self) -> None:
        """Have the provider get ready, in a thread of the SDK; until then nothing can be read."""
        api.set_provider(self._source.provider, domain=self._source.name)

    def stop(self) -> None:
        """Let go of it."""
        api.shutdown()

    def read(self, chargers: Iterable[Asked]) -> Mapping[ChargerId, Reading]:
        """What the flag says of each charger; a flag that cannot be read is a reading too."""
        return {asked.charger.charger_id: self._read(asked) for asked in chargers}

    def _read(self, asked: Asked) -> Reading:
        try:
            found = self._client.get_string_details(self._source.flag, _NO_STAGE, context_of(asked))
        except OpenFeatureError as fault:
            return Reading(None, _unreadable(fault.error_code))
        if found.error_code is not None:
            return Reading(None, _unreadable(found.error_code))
        if found.value not in {stage.value for stage in Stage}:
            return Reading(None, _unreadable(found.reason if found.value == "" else "no stage"))
        return Reading(Stage(found.value), str(found.reason or "")[:_CAUSE_CHARS_MAX])


def context_of(asked: Asked) -> EvaluationContext:
    """What a flag may be targeted by. Unleash calls the targeting key userId."""
    charger, site, boot = asked
    known = {
        "charger": charger.charger_id,
        "site": site.site_id,
        "group": charger.group or "",
        # The one that goes for it: named, found by its boot, or assumed.
        "profile": effective_profile(charger, boot).name,
        "ocpp": charger.ocpp or "",
        "vendor": (boot and boot.vendor) or "",
        "model": (boot and boot.model) or "",
        "firmware": (boot and boot.firmware) or "",
        # The stage of site.yaml, for a provider that only says where to differ from it.
        "site_stage": site.stage_known().value,
    }
    return EvaluationContext(targeting_key=charger.charger_id, attributes=known)


def _unreadable(why: object) -> str:
    return f"the flag could not be read ({why})"[:_CAUSE_CHARS_MAX]
