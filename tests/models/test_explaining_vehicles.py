"""What is explained of a vehicle that stood there without a card."""

from __future__ import annotations

from models.attempt import Denial
from models.explaining_vehicles import explain_vehicle
from models.reasons import Answer, Flag, Reason
from tests.models.samples import SAMPLES


def test_a_vehicle_without_a_card_is_explained_from_its_record() -> None:
    sample = SAMPLES[Denial]
    assert isinstance(sample, Denial)
    denial = sample.model_copy(
        update={
            "denial_id": "20260714T115500-0123456789abcdef",
            "reason": Reason.NO_IDENTIFICATION,
            "token": "",
            "pseudonym": None,
            "flags": (Flag.MODE_DRIFT,),
            "support_text": "Occupied 300 s, no identifier.",
        }
    )
    explained = explain_vehicle(denial, "Europe/Berlin")
    assert explained.answer == Answer.DENY
    assert [held.code for held in explained.reasons] == [Reason.NO_IDENTIFICATION]
    # Rule 16: visible to operators, as of every other denial.
    assert [held.code for held in explained.flags] == [Flag.MODE_DRIFT]
    assert denial.charger_id in explained.sentence
    assert "{" not in explained.sentence
    assert explained.notes == (
        "The vehicle was there since Tue 2026-07-14 13:55.",
        "Occupied 300 s, no identifier.",
    )
    assert explained.advice == ("Ask the driver to present a card.",)
