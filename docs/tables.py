"""The tables of the pages, from the tables of models/: nothing is typed twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial

from docs.examples import RULE_NUMBERS, example_of_rule, reason_examples
from models.advice import REASON_HELP
from models.assisted import TRIES_MAX
from models.charger import ModeFactKind
from models.confidence import Confidence
from models.decision import FLAGS
from models.ladder import LADDER
from models.languages import LANGUAGES, Language
from models.layers import PRECEDENCE
from models.makes import Make
from models.metrics import LATENCY_BUCKETS_S, METRICS, RULES_BUCKETS_S
from models.mode_commands import (
    ATTEMPTS_MAX,
    REBOOT_WITHIN,
    RESEND_AFTER_S,
    pauses_in_words,
)
from models.modes import RULES, NextStep
from models.profiles import PROFILES, Profile
from models.reasons import REASON_TABLE, Answer, Flag, Reason
from models.roles import PERMITS, Permit
from models.session_ends import STOP_TRIES_MAX
from models.topics import PRIMARY_TOPICS, TOPICS, Topic, topic_config

SCHEMA_FOLDER = "schemas"

_TOLD_AT = datetime(2026, 7, 14, 20, 0, tzinfo=UTC)
"""A Tuesday evening, for examples."""

_BUILT_REASONS = frozenset(
    {rung.reason for rung in LADDER}
    | {
        Reason.FREEVEND_OPEN,
        Reason.DECISION_ERROR,
        Reason.DECISION_TIMED_OUT,
        Reason.OWN_FLEET,
        Reason.AGREEMENT_ACTIVE,
        Reason.NO_IDENTIFICATION,
    }
)
"""The denying rungs, and the reasons that are no rung of the ladder."""

_CONFIDENCE = {
    Confidence.OBSERVED: "observed on firmware",
    Confidence.DOCUMENTED: "documented by the vendor",
    Confidence.DUMP: "a dump of a configuration",
    Confidence.FIELD_TEST: "a field test",
    Confidence.PULL_REQUEST: "a pull request",
    Confidence.ISSUE_THREAD: "an issue thread",
    Confidence.ONE_CSMS: "the code of one CSMS",
    Confidence.UNVERIFIED: "unverified",
    Confidence.NONE: "no key is known",
}

_STEPS = {
    NextStep.NOTHING: "nothing is to be done",
    NextStep.WAIT: (
        f"wait for the result; send the command again, with its id, every {RESEND_AFTER_S} s"
    ),
    NextStep.SWITCH: "send a command",
    NextStep.HOLD: (
        f"wait: {pauses_in_words()} s (each a quarter more or less) after a failed command, and "
        f"{REBOOT_WITHIN.seconds // 60} minutes after an accepted reset for the boot"
    ),
    NextStep.RESET: "reboot it",
    NextStep.AWAIT_BOOT: "record that it needs a reboot, and wait for its next boot",
    NextStep.WOULD_SWITCH: "record the command that would have been sent, and send none",
    NextStep.NOT_SWITCHABLE: "record that it cannot be switched from here",
    NextStep.GIVE_UP: (
        "record the failure; the next connect, boot, edge or contrary behaviour begins again"
    ),
}

_FACTS = {
    ModeFactKind.EDGE: "an edge of the timetable passed; the mode that begins is desired now",
    ModeFactKind.EDGE_MISSED: "an edge passed that the charger was not there for (rule 14)",
    ModeFactKind.SWITCH_COMMANDED: "a command was sent to the charger's gateway",
    ModeFactKind.RESET_COMMANDED: "a reset was sent, for a setting that needs it",
    ModeFactKind.REBOOT_NEEDED: "the mode is stored and in force from the next boot on",
    ModeFactKind.WOULD_SWITCH: "stage shadow: a command would have been sent",
    ModeFactKind.SWITCHED: "the charger's own setting was read back in the commanded mode",
    ModeFactKind.SWITCH_FAILED: (
        f"{ATTEMPTS_MAX} commands in a row failed or did nothing, or the setting is not known there"
    ),
    ModeFactKind.DRIFT: "what was seen of the charger contradicts the mode that is due (rule 16)",
    ModeFactKind.NOT_SWITCHABLE: "its profile, or its class, has no setting to switch",
    ModeFactKind.STARTED_BY_MODE_CHANGE: (
        "a vehicle that waited began by itself when freevend did (rule 13)"
    ),
    ModeFactKind.OVERSTAY: "a session runs on after its entitlement ended; `detail` has the reason",
    ModeFactKind.STOP_COMMANDED: (
        "a session is ended from here; `detail` has the cause ([sessions](sessions.md))"
    ),
    ModeFactKind.WOULD_STOP: "stage shadow: it would have been ended",
    ModeFactKind.STOP_FAILED: f"{STOP_TRIES_MAX} remote stops did not end it",
    ModeFactKind.START_COMMANDED: (
        "a vehicle is started from here, at a charger without a setting ([sessions](sessions.md))"
    ),
    ModeFactKind.WOULD_START: "stage shadow: it would have been started",
    ModeFactKind.START_FAILED: (
        f"{TRIES_MAX} remote starts began no session; `detail` has the last answer"
    ),
}

_OF_MODE_FACTS = frozenset({Flag.STARTED_BY_MODE_CHANGE, Flag.OVERSTAY})
"""Flags of sessions: facts of charger.mode.v1, not of decisions."""


def _table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [tuple(header), *(tuple(str(cell) for cell in row) for row in rows)]
    lines.insert(1, tuple("---" for _ in lines[0]))
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _code(words: Iterable[object]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def driver_texts() -> str:
    """What drivers read, language by language."""
    return "\n\n".join(_language(language) for language in LANGUAGES.values())


def _language(language: Language) -> str:
    when = [
        language.when(_TOLD_AT + ahead, _TOLD_AT, "Europe/Berlin")
        for ahead in (timedelta(hours=8), timedelta(days=4), timedelta(days=20))
    ]
    rows = [
        (f"`{reason}`", " ".join(sentence.text for sentence in language.sentences[reason]))
        for reason in Reason
    ]
    return (
        f"## {language.name} (`{language.code}`)\n\n"
        f"`{{t}}` is: {'; '.join(when)}. `{{holder}}` is: {language.holder.card}; "
        f"{language.holder.agreement}.\n\n{_table(('reason', 'text'), rows)}"
    )


def topics() -> str:
    """What travels where."""
    header = ("topic", "key", "kind", "kept", "partitions", "written by → read by", "record")
    return _table(header, (_topic_row(topic) for topic in PRIMARY_TOPICS))


def _topic_row(topic: Topic) -> Iterable[object]:
    assert topic.record is not None, "primary topics have records"
    schema = f"[{topic.record.__name__}]({SCHEMA_FOLDER}/{topic.name}.json)"
    kept = "newest row of each key" if topic.compacted else _days(topic)
    readers = f"{topic.written_by} → {topic.read_by}"
    partitions = topic.partitions
    return (f"`{topic.name}`", topic.keyed_by, topic.kind, kept, partitions, readers, schema)


def _days(topic: Topic) -> str:
    return "1 day" if topic.retention_days == 1 else f"{topic.retention_days} days"


def dead_letters() -> str:
    """Where records go that could not be read."""
    rows = (
        (f"`{topic.name}`", topic.written_by, _days(topic), topic.partitions)
        for topic in TOPICS
        if topic.record is None
    )
    return _table(("topic", "written by", "kept", "partitions"), rows)


def roles() -> str:
    """Who may read (r) and write (w) which topic, as `depotgate acl` has it."""
    header = ("topic", *(str(permit.role) for permit in PERMITS))
    rows = (
        (f"`{topic.name}`", *(_letters(permit, topic) or "–" for permit in PERMITS))
        for topic in TOPICS
    )
    return _table(header, rows)


def _letters(permit: Permit, topic: Topic) -> str:
    letters = "r" * (topic in permit.reads) + "w" * (topic in permit.writes)
    return " ".join(letters)


def role_holders() -> str:
    """Whom each role is for, and the consumer groups that it joins or looks at."""
    rows = (
        (
            f"`{permit.role}`",
            permit.who,
            _code(permit.joins) or "–",
            _code(permit.watches) or "–",
        )
        for permit in PERMITS
    )
    return _table(("role", "is for", "joins", "sees the lag of"), rows)


def topic_settings() -> str:
    """The broker's settings of topics, as `depotgate topics apply` sets them."""
    found = {tuple(topic_config(topic).items()): topic for topic in reversed(TOPICS)}
    rows = (
        (
            ", ".join(f"`{other.name}`" for other in TOPICS if topic_config(other) == dict(config)),
            "<br>".join(f"`{name}={value}`" for name, value in config),
        )
        for config in reversed(found)
    )
    return _table(("topics", "settings"), rows)


def precedence() -> str:
    """What governs a charger's mode, highest first."""
    header = ("#", "layer", "what", "written where", "of several wins", "it ends")
    rows = (
        (place, f"`{layer.name}`", layer.what, layer.comes_from, layer.among_several, layer.ends)
        for place, layer in enumerate(PRECEDENCE, start=1)
    )
    return _table(header, rows)


def metrics() -> str:
    """What each process counts."""
    header = ("metric", "kind", "process", "labels", "what it counts")
    rows = (
        (f"`{each.name}`", each.kind, each.role, _code(each.labels) or "–", each.help)
        for each in METRICS
    )
    return _table(header, rows)


def buckets() -> str:
    """The upper bounds of the histograms."""
    names = {
        kind: [metric.name for metric in METRICS if metric.buckets_s == kind]
        for kind in (LATENCY_BUCKETS_S, RULES_BUCKETS_S)
    }
    rows = ((_code(found), ", ".join(map(_number, kind))) for kind, found in names.items())
    return _table(("histograms", "upper bounds in seconds"), rows)


def _number(value: float) -> str:
    return f"{value:f}".rstrip("0").rstrip(".")


def reasons() -> str:
    """Every reason, in order of precedence."""
    header = (
        "#", "code", "answer", "2.0.1", "1.6", "driver text", "support text", "built",
    )  # fmt: skip
    rows = (
        (
            place,
            f"`{row.reason}`",
            row.answer if row.answer is not Answer.ERROR else "error: the posture",
            row.status_2x or "–",
            row.status_16 or "–",
            row.driver_text,
            row.support_text,
            "yes" if row.reason in _BUILT_REASONS else "not yet",
        )
        for place, row in enumerate(REASON_TABLE, 1)
    )
    return _table(header, rows)


def flags() -> str:
    """Circumstances that do not change the answer."""
    built = {flag for flag, _ in FLAGS} | _OF_MODE_FACTS
    meanings = {
        Flag.SCHEDULE_CONFLICT: "windows of both modes hold; managed won (rule 6)",
        Flag.NEAR_BOUNDARY: "an edge lies within the uncertainty of the event time (rule 11)",
        Flag.MODE_DRIFT: "scheduled, commanded and observed mode disagree (rule 16)",
        Flag.STALE_FEED: "the source of the identity is stale (rule 22)",
        Flag.IDENTITY_AMBIGUOUS: "several records match, and all of them allow (rule 20)",
        Flag.RETROSPECTIVE: "a replay, judged at its own time (rule 15)",
        Flag.STARTED_BY_MODE_CHANGE: "it started by itself when freevend began (rule 13)",
        Flag.OVERSTAY: "a session that runs on after its entitlement ended (rule 29)",
    }
    rows = ((f"`{flag}`", meanings[flag], "yes" if flag in built else "not yet") for flag in Flag)
    return _table(("flag", "meaning", "built"), rows)


def advice() -> str:
    """What each reason means to the person who answers the phone, and what to do about it."""
    rows = (
        (f"`{row.reason}`", row.meaning, "<br>".join(row.advice) or "nothing")
        for row in REASON_HELP
    )
    return _table(("reason", "meaning", "what to do"), rows)


def profiles() -> str:
    """How each make of charger is switched."""
    header = (
        "profile", "makes", "OCPP", "mode key", "freevend", "managed", "tag key", "tag if blank",
        "known from", "notes",
    )  # fmt: skip
    return _table(header, (_profile_row(profile) for profile in PROFILES.values()))


def _profile_row(profile: Profile) -> Iterable[object]:
    freevend = "any tag" if profile.value_is_tag else _optional(profile.freevend)
    managed = "empty" if profile.value_is_tag else _optional(profile.managed)
    claimed = "" if profile.values_stated else " (the values are the 1.6 booleans, not stated)"
    return (
        f"`{profile.name}`",
        profile.vendor,
        profile.ocpp or "–",
        "<br>".join(f"`{spelling.mode_key}`" for spelling in profile.spellings) or "–",
        freevend,
        managed,
        "<br>".join(f"`{each.tag_key}`" for each in profile.spellings if each.tag_key) or "–",
        _optional(profile.default_tag),
        _CONFIDENCE[profile.confidence] + claimed,
        " ".join(profile.notes),
    )


def makes() -> str:
    """By which words of a BootNotification a profile is found."""
    header = ("profile", "vendor has", "model has", "firmware", "known from")
    return _table(
        header, (_make_row(name, make) for name, row in PROFILES.items() for make in row.makes)
    )


def _make_row(name: str, make: Make) -> Iterable[object]:
    since = f"from {make.firmware_from}" if make.firmware_from else ""
    before = f"before {make.firmware_before}" if make.firmware_before else ""
    return (
        f"`{name}`",
        f"`{make.vendor}`",
        _optional(make.model),
        f"{since} {before}".strip() or "–",
        _CONFIDENCE[make.confidence],
    )


def _optional(value: str | None) -> str:
    return f"`{value}`" if value is not None else "–"


def modes() -> str:
    """The next step of a charger's mode: the first row that fits."""
    header = (
        "#", "stage", "connection", "last command", "evidence", "tries", "may reset", "step",
    )  # fmt: skip
    rows = (
        (
            place,
            _any(rule.stage),
            _any(rule.link),
            _any(rule.order),
            _any(rule.seen),
            _any(rule.tries),
            "any" if rule.may_reset is None else "yes" if rule.may_reset else "no",
            f"**{rule.step}**",
        )
        for place, rule in enumerate(RULES, 1)
    )
    return _table(header, rows)


def _any(word: StrEnum | None) -> str:
    return "any" if word is None else word.value.replace("_", " ")


def steps() -> str:
    """What each step is."""
    return _table(("step", "meaning"), ((f"`{step}`", _STEPS[step]) for step in NextStep))


def mode_facts() -> str:
    """What charger.mode.v1 says."""
    rows = ((f"`{kind}`", _FACTS[kind]) for kind in ModeFactKind)
    return _table(("fact", "meaning"), rows)


BLOCKS: Mapping[str, Callable[[], str]] = {
    "topics": topics,
    "dead letters": dead_letters,
    "topic settings": topic_settings,
    "roles": roles,
    "role holders": role_holders,
    "precedence": precedence,
    "metrics": metrics,
    "buckets": buckets,
    "reasons": reasons,
    "flags": flags,
    "advice": advice,
    "profiles": profiles,
    "makes": makes,
    "modes": modes,
    "steps": steps,
    "mode facts": mode_facts,
    "driver texts": driver_texts,
    "reason examples": reason_examples,
    **{f"example {number}": partial(example_of_rule, number) for number in RULE_NUMBERS},
}
"""Name of a block in a page, and what it holds."""
