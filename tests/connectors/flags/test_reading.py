"""A flag read through the OpenFeature SDK, from providers of every temper."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import GeneralError
from openfeature.flag_evaluation import FlagResolutionDetails
from openfeature.provider import FeatureProvider
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider
from openfeature.provider.no_op_provider import NoOpProvider

from connectors.flags.flags_file import FlagSource
from connectors.flags.reading import Asked, StageFlag, context_of
from models.makes import Boot
from models.profile_choice import found_profile
from models.site import Stage
from models.stages import Reading
from tests.connectors.ocpp.chargers import charger_record, site_record

FLAG = "depotgate-stage"
OWNER = site_record()
ONE, TWO = charger_record("CP-1"), charger_record("CP-2", group="buses")
CHARGERS = [Asked(ONE, OWNER), Asked(TWO, OWNER)]
READY_WITHIN_S = 30.0


class Broken(InMemoryProvider):
    """A provider whose server is away."""

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        raise GeneralError("no answer from http://flags.example " + "x" * 500)


@pytest.fixture(autouse=True)
def _no_provider_stays() -> Iterator[None]:
    yield
    api.clear_providers()


def read(provider: FeatureProvider) -> Mapping[str, Reading]:
    flag = StageFlag(FlagSource("test", provider, FLAG))
    flag.start()
    until_s = time.monotonic() + READY_WITHIN_S
    while "NOT_READY" in (found := flag.read(CHARGERS))[ONE.charger_id].cause:
        assert time.monotonic() < until_s, "the provider gets ready"
    return {str(charger_id): reading for charger_id, reading in found.items()}


def by_group(flag: InMemoryFlag[str], context: EvaluationContext) -> FlagResolutionDetails[str]:
    variant = "enforce" if context.attributes["group"] == "buses" else "shadow"
    return FlagResolutionDetails(flag.variants[variant], reason="TARGETING_MATCH")


def test_a_flag_is_targeted_charger_by_charger() -> None:
    stages = {stage.value: stage.value for stage in Stage}
    flag = InMemoryFlag("shadow", stages, context_evaluator=by_group)
    assert read(InMemoryProvider({FLAG: flag})) == {
        "CP-1": Reading(Stage.SHADOW, "TARGETING_MATCH"),
        "CP-2": Reading(Stage.ENFORCE, "TARGETING_MATCH"),
    }


def test_the_stage_of_site_yaml_is_there_to_be_differed_from() -> None:
    def same(flag: InMemoryFlag[str], context: EvaluationContext) -> FlagResolutionDetails[str]:
        return FlagResolutionDetails(str(context.attributes["site_stage"]))

    flag = InMemoryFlag("off", {"off": "off"}, context_evaluator=same)
    assert read(InMemoryProvider({FLAG: flag}))["CP-1"].stage is Stage.ENFORCE


def test_a_flag_is_targeted_by_the_profile_that_goes_for_a_charger_and_by_its_make() -> None:
    boot = Boot("1.6", "Easee", "Charge Pro", "308")
    unnamed = charger_record("CP-3", ocpp="1.6", profile_named=False)
    known = context_of(Asked(unnamed, OWNER, boot)).attributes
    assert known["profile"] == found_profile(boot) == "easee"
    assert [known[each] for each in ("vendor", "model", "firmware")] == list(boot[1:])
    before = context_of(Asked(unnamed, OWNER)).attributes
    assert [before[each] for each in ("profile", "vendor", "firmware")] == ["standard", "", ""]
    named = charger_record("CP-3", ocpp="1.6", profile="keba")
    assert context_of(Asked(named, OWNER, boot)).attributes["profile"] == "keba"


@pytest.mark.parametrize(
    ("provider", "cause"),
    [
        (InMemoryProvider({}), "FLAG_NOT_FOUND"),
        (InMemoryProvider({FLAG: InMemoryFlag("on", {"on": True})}), "TYPE_MISMATCH"),
        (InMemoryProvider({FLAG: InMemoryFlag("on", {"on": "canary"})}), "no stage"),
        (NoOpProvider(), "DEFAULT"),
        (Broken({}), "GENERAL"),
    ],
    ids=["unknown flag", "a boolean", "another word", "no provider", "no server"],
)
def test_rule_27_whatever_is_no_stage_is_a_flag_that_cannot_be_read(
    provider: FeatureProvider, cause: str
) -> None:
    for reading in read(provider).values():
        assert reading.stage is None
        assert "could not be read" in reading.cause
        assert cause in reading.cause
        assert len(reading.cause) <= 100
