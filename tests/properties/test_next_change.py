"""The next change of an answer, against asking again wherever it could change (rule 25)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from models.attempt import (
    Admission,
    Attempt,
    AttemptKind,
    Edge,
    Entitlement,
    Facts,
    Match,
    PseudonymousCandidate,
    ScheduleFacts,
    Token,
    TokenKind,
)
from models.decision import decide
from models.ids import AttemptId, ChargerId, Pseudonym, RequestId, SiteId
from models.reasons import Answer
from models.schedule import Mode
from models.site import IdentityClass, IdentityState, Stage

NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PSEUDONYM = Pseudonym("k:" + "0" * 32)

ATTEMPT = Attempt(
    request_id=RequestId("20260714T120000-0000000000000000"),
    attempt_id=AttemptId("20260714T120000-0000000000000000"),
    charger_id=ChargerId("CP-1"),
    site_id=SiteId("north"),
    ocpp="2.0.1",
    kind=AttemptKind.AUTHORIZE,
    token=Token(
        kind=TokenKind.IDENTIFIED,
        display="ISO14443 …123",
        candidates=(PseudonymousCandidate(identifier_type="ISO14443", pseudonyms=(PSEUDONYM,)),),
    ),
    event_at=NOON,
    received_at=NOON,
    uncertainty_s=1.0,
)


def record(begins: int, lasts: int | None, **other: IdentityClass | IdentityState) -> Match:
    """A record that is valid from `begins` hours after noon."""
    return Match.model_validate(
        {
            "source": "folder",
            "reference": "bus-17",
            "identity_class": IdentityClass.AGREEMENT,
            "identifier_type": "ISO14443",
            "pseudonym": PSEUDONYM,
            "valid_from": NOON + HOUR * begins,
            "valid_to": None if lasts is None else NOON + HOUR * (begins + lasts),
            "state": IdentityState.ACTIVE,
            "state_since": None,
            **other,
        }
    )


def limited(match: Match, hours: Iterable[int], known_for: int) -> Match:
    """The record with access rules that admit it, then do not, at each of `hours` in turn."""
    marks = [NOON + HOUR * hour for hour in sorted(hours)]
    stretches = zip(marks[::2], marks[1::2], strict=False)
    known = Entitlement(
        admissions=tuple(
            Admission(starts_at=start, ends_at=end, rule="couriers", window="day")
            for start, end in stretches
        ),
        known_until=NOON + HOUR * known_for,
    )
    return match.model_copy(update={"entitlement": known})


def facts(mode: Mode, hours: Iterable[int], records: Iterable[Match]) -> Facts:
    """A mode that changes `hours` after noon."""
    edges = [
        Edge(at=NOON + HOUR * hour, mode=mode if place % 2 else _other(mode))
        for place, hour in enumerate(sorted(hours))
    ]
    return Facts(
        evaluated_at=NOON,
        stage=Stage.ENFORCE,
        timezone="UTC",
        schedule=_schedule(mode, tuple(edges)),
        matches=tuple(records),
        site_revision="1",
        identity_revision="1",
        tzdata_version="2026f",
    )


def _limits(match: Match) -> tuple[datetime | None, ...]:
    known = match.entitlement.admissions if match.entitlement else ()
    marks = [mark for each in known for mark in (each.starts_at, each.ends_at)]
    return (match.valid_from, match.valid_to, *marks)


def _other(mode: Mode) -> Mode:
    return Mode.FREEVEND if mode is Mode.MANAGED else Mode.MANAGED


def _schedule(mode: Mode, edges: tuple[Edge, ...]) -> ScheduleFacts:
    return ScheduleFacts(
        schedule_id="depot",
        scope="site",
        mode=mode,
        layer="default",
        name="default",
        date=None,
        starts_at=None,
        ends_at=edges[0].at if edges else None,
        edges_ahead=edges,
        conflict=False,
    )


def _answer_at(known: Facts, at: datetime, now: Answer | str) -> Answer | str:
    """What the same attempt would be answered at another instant, as far as the edges tell.

    Args:
        now: its answer at event time. Where nothing more is known of access rules they change
            nothing of it.
    """
    schedule, matches = known.schedule, known.matches
    assert schedule is not None
    ends = [match.entitlement.known_until for match in matches if match.entitlement]
    if ends and at >= min(ends):
        matches = _unchanged(matches, at, now)
    passed = [edge for edge in schedule.edges_ahead if edge.at <= at]
    mode = passed[-1].mode if passed else schedule.mode
    later = known.model_copy(update={"schedule": _schedule(mode, ()), "matches": matches})
    return decide(ATTEMPT.model_copy(update={"event_at": at}), later).verdict.answer


def _unchanged(matches: tuple[Match, ...], at: datetime, now: Answer | str) -> tuple[Match, ...]:
    """The records as if access rules admitted all of them, or none, from here on."""
    nobody = Entitlement(admissions=(), known_until=at)
    said = {"entitlement": None if now == Answer.ALLOW else nobody}
    return tuple(match.model_copy(update=said) for match in matches)


records = st.builds(
    record,
    st.integers(-3, 3),
    st.none() | st.integers(1, 6),
    identity_class=st.sampled_from(IdentityClass),
    state=st.sampled_from(IdentityState),
)

# Admissions begin before noon or after, and some are cut where nothing more is known.
limited_records = st.builds(limited, records, st.sets(st.integers(-2, 9), max_size=5), st.just(9))


@given(
    st.builds(
        facts,
        st.sampled_from(Mode),
        # Few hours, so that validities often end on an edge.
        st.sets(st.integers(1, 4), max_size=3),
        st.lists(records | limited_records, max_size=3),
    )
)
@example(facts(Mode.MANAGED, {1, 3}, [record(-1, lasts=4)]))
@example(facts(Mode.MANAGED, {1, 3, 4}, [record(-1, lasts=4)]))
@example(facts(Mode.MANAGED, {1, 3}, [record(-1, lasts=4), record(-1, lasts=None)]))
@example(facts(Mode.MANAGED, set(), [record(2, lasts=None)]))
@example(facts(Mode.MANAGED, {1, 3}, [limited(record(-1, lasts=None), {2, 4}, 9)]))
@example(facts(Mode.MANAGED, set(), [limited(record(-1, lasts=None), {2, 4}, 9)]))
@example(facts(Mode.FREEVEND, {1, 3}, [limited(record(-1, lasts=None), {0, 2}, 9)]))
@example(facts(Mode.MANAGED, {1, 3}, [record(-1, lasts=7)]))
@example(facts(Mode.MANAGED, set(), [limited(record(-1, lasts=None), {0, 9}, 9)]))
@example(facts(Mode.MANAGED, set(), [limited(record(-1, lasts=13), {0, 9}, 9)]))
@example(facts(Mode.MANAGED, set(), [limited(record(-1, lasts=13), {-2, -1}, 9)]))
def test_the_next_change_is_the_first_instant_with_another_answer(known: Facts) -> None:
    """Rule 25: with the records and edges that are known, nothing changes before it."""
    assert known.schedule is not None
    edges = [edge.at for edge in known.schedule.edges_ahead]
    limits = [limit for match in known.matches for limit in _limits(match)]
    instants = sorted({*edges, *(limit for limit in limits if limit is not None and limit > NOON)})
    reached = [at for at in instants if not edges or at <= edges[-1]]
    verdict = decide(ATTEMPT, known).verdict
    changes = (at for at in reached if _answer_at(known, at, verdict.answer) != verdict.answer)
    assert verdict.next_change_at == next(changes, None)
