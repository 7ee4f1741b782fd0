"""What a connection knows of its charger's mode while it is switched, and after (rule 16)."""

from __future__ import annotations

import pytest

from connectors.ocpp.mode_memory import ModeMemory
from models.attempt import ModeKnown
from models.charger import CommandStatus
from models.schedule import Mode


def ended(memory: ModeMemory, status: CommandStatus) -> ModeKnown | None:
    memory.switch_ended(status, Mode.MANAGED, None)
    return memory.known


@pytest.mark.parametrize(
    ("status", "observed"),
    [
        (CommandStatus.REJECTED, Mode.FREEVEND),
        (CommandStatus.NOT_SUPPORTED, Mode.FREEVEND),
        (CommandStatus.DONE, None),
        (CommandStatus.TIMED_OUT, None),
    ],
)
def test_rule_16_what_was_seen_during_a_switch_stands_only_if_it_was_refused(
    status: CommandStatus, observed: Mode | None
) -> None:
    memory = ModeMemory()
    memory.switch_begins()
    memory.started_unasked()
    known = ended(memory, status)
    assert known is not None
    assert (known.observed, known.switching) == (observed, False)


def test_what_was_seen_before_a_switch_says_nothing_after_it() -> None:
    memory = ModeMemory()
    memory.started_unasked()
    memory.switch_begins()
    assert ended(memory, CommandStatus.REJECTED) == ModeKnown()


def test_finding_4_behaviour_during_a_refused_switch_weighs_more_than_a_setting() -> None:
    memory = ModeMemory()
    memory.switch_begins()
    memory.started_unasked()
    ended(memory, CommandStatus.REJECTED)
    memory.read_back(Mode.MANAGED)
    assert memory.known == ModeKnown(observed=Mode.FREEVEND)


def test_finding_9_a_boot_during_a_switch_forgets_what_was_seen() -> None:
    memory = ModeMemory()
    memory.switch_begins()
    memory.started_unasked()
    memory.forget()
    assert ended(memory, CommandStatus.REJECTED) == ModeKnown()
