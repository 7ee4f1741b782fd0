"""What the demo says that depotgate noticed of its odd chargers, and what it misses."""

from __future__ import annotations

from datetime import timedelta

from depotgate.demo.depot import DemoDepot
from depotgate.demo.odd.family import FAMILY
from depotgate.demo.odd.notices import Notices
from depotgate.demo.odd.scripts import SCRIPTS
from depotgate.demo.session import NO_CARD
from models.charger import ModeFactKind
from models.clocks import ClockOffset
from models.ids import ChargerId
from models.schedule import Mode
from tests.depotgate.demo.histories import WRITTEN_AT, History


def odd_one(depot: DemoDepot, name: str) -> ChargerId:
    (charger_id,) = (each for each, oddity in depot.odd.items() if oddity == name)
    return charger_id


def missed(notices: Notices) -> set[str]:
    return {sentence.split("(")[1].split(")")[0] for sentence in notices.missing()}


def test_each_odd_charger_of_the_depot_has_a_script_and_something_to_be_noticed(
    depot: DemoDepot,
) -> None:
    assert set(depot.odd.values()) == set(SCRIPTS) <= set(FAMILY)
    assert missed(Notices(depot.odd)) == set(SCRIPTS)


def test_a_stop_and_a_drift_are_noticed_once_and_only_of_odd_chargers(
    depot: DemoDepot, history: History
) -> None:
    notices = Notices(depot.odd)
    stubborn, lying = (
        odd_one(depot, "charges when denied"),
        odd_one(depot, "accepts without effect"),
    )
    for charger_id in (stubborn, stubborn, ChargerId("DD-01")):
        notices.hear(
            history.fact(ModeFactKind.STOP_COMMANDED, charger_id, Mode.MANAGED, WRITTEN_AT)
        )
    notices.hear(history.fact(ModeFactKind.DRIFT, lying, Mode.MANAGED, WRITTEN_AT))
    assert [each.charger_id for each in notices.newest] == [lying, stubborn]
    assert not {"charges when denied", "accepts without effect"} & missed(notices)


def test_a_freevend_tag_in_managed_time_is_noticed(depot: DemoDepot, history: History) -> None:
    notices = Notices(depot.odd)
    starting = odd_one(depot, "freevend tag")
    notices.hear(history.outcome(starting, "unknown"))
    assert "freevend tag" in missed(notices)
    notices.hear(history.outcome(starting, NO_CARD))
    assert "freevend tag" not in missed(notices)


def test_only_the_switch_after_a_boot_is_noticed(depot: DemoDepot, history: History) -> None:
    notices = Notices(depot.odd)
    forgetful = odd_one(depot, "forgets on boot")
    switched = history.fact(ModeFactKind.SWITCHED, forgetful, Mode.MANAGED, WRITTEN_AT)
    notices.hear(switched)
    assert "forgets on boot" in missed(notices)
    notices.hear(switched)
    assert "forgets on boot" not in missed(notices)


def test_a_clock_and_a_replay_are_told_in_words(depot: DemoDepot, history: History) -> None:
    notices = Notices(depot.odd)
    wrong, away = odd_one(depot, "wrong clock"), odd_one(depot, "replays")
    clock = ClockOffset(offset_s=10_800.0, uncertainty_s=2.0, readings_count=3)
    notices.hear(history.state(wrong, WRITTEN_AT).model_copy(update={"clock": clock}))
    for charger_id, offset_s in ((wrong, 10_800.0), (away, None)):
        outcome = history.outcome(charger_id, "unknown")
        told_at = outcome.attempt.received_at + timedelta(hours=1)
        later = {"replayed": True, "received_at": told_at, "clock_offset_s": offset_s}
        attempt = outcome.attempt.model_copy(update=later)
        notices.hear(outcome.model_copy(update={"attempt": attempt}))
    assert [each.text for each in reversed(notices.newest)] == [
        "its clock is off by +3.0 h",
        "told of a session by its clock: corrected by -3.0 h",
        "was offline: what it replays is judged as of 60 min ago",
    ]
    assert not {"wrong clock", "replays"} & missed(notices)
