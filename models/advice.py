"""What each reason and flag means to people, and what to do about it: data, one row each.

Explanations and docs read these two tables; tests hold them to every reason and flag.
"""

from __future__ import annotations

from typing import NamedTuple

from models.reasons import Flag, Reason


class ReasonHelp(NamedTuple):
    """One reason, for the person who answers the phone.

    Attributes:
        meaning: of the rung, whatever the attempt.
        why: one sentence about this attempt, see explanation.py for its placeholders. One whose
            value does not exist is empty, and the sentence still reads.
        advice: what to do next, most useful first; none where nothing is to be done.
    """

    reason: Reason
    meaning: str
    why: str
    advice: tuple[str, ...]


class FlagHelp(NamedTuple):
    """One flag: what it says of an attempt."""

    flag: Flag
    meaning: str


# fmt: off
REASON_HELP: tuple[ReasonHelp, ...] = (
    ReasonHelp(
        Reason.FREEVEND_OPEN, "In freevend hours anybody may charge.",
        "{charger} is open to everybody{until}: any card may charge.",
        (),
    ),
    ReasonHelp(
        Reason.DECISION_ERROR, "The attempt could not be evaluated; this is never a denial.",
        "The attempt could not be evaluated: {problem}.",
        ("Run `depotgate doctor`, and look whether the charger is in chargers.csv.",
         "Let the driver try again once that is put right."),
    ),
    ReasonHelp(
        Reason.DECISION_TIMED_OUT, "No decision arrived in time; this is never a denial.",
        "No decision arrived within {deadline}, so the site's posture answered.",
        ("Let the driver try again now.",
         "If it happens again: `depotgate doctor` says what is away or behind."),
    ),
    ReasonHelp(
        Reason.FREEVEND_TAG_IN_MANAGED,
        "The charger started by itself, with its freevend tag, in reserved hours.",
        "{charger} presented its own freevend tag though it is reserved{until}: it still runs in "
        "freevend mode.",
        ("Ask the driver to present a card.",
         "If it goes on: `depotgate tail mode` shows whether the charger can be switched."),
    ),
    ReasonHelp(
        Reason.UNREADABLE_ID, "The identifier was empty or malformed.",
        "The reader of {charger} sent an empty or malformed identifier, and it is reserved{until}.",
        ("Let the driver hold the card still, and try again.",
         "If other cards fail too: have the reader looked at."),
    ),
    ReasonHelp(
        Reason.REVOKED, "A revoked record matches: in reserved hours that always denies.",
        "{references} {is} revoked{since}, and {charger} is reserved{until}.",
        ("Contact the fleet manager: a revoked card is not to be used.",
         "If it was revoked by mistake: its source has to say `active` again."),
    ),
    ReasonHelp(
        Reason.SUSPENDED, "A suspended record matches: in reserved hours that always denies.",
        "{references} {is} suspended{since}, and {charger} is reserved{until}.",
        ("Contact the fleet manager, who can end the suspension in the card's source.",),
    ),
    ReasonHelp(
        Reason.IDENTITY_CONFLICT, "The records that match contradict each other.",
        "{count} records match this card and they disagree: {references}.",
        ("Look for the records below in their sources, and correct the wrong one.",),
    ),
    ReasonHelp(
        Reason.AGREEMENT_EXPIRED, "Every record that matches has ended.",
        "{references} ended{since}, and {charger} is reserved{until}.",
        ("Renew the agreement (or the card): a new row with the same reference.",),
    ),
    ReasonHelp(
        Reason.AGREEMENT_NOT_YET, "No record that matches has begun.",
        "{references} begin{s}{since}, and {charger} is reserved{until}.",
        ("Wait until it begins, or have its `valid_from` corrected in its source.",),
    ),
    ReasonHelp(
        Reason.IDENTITY_UNCERTAIN,
        "A source was too old to say that the card is unknown; this is never counted as misuse.",
        "The sources were too old to be sure of this card, and {charger} is reserved{until}.",
        ("Check the feed: `depotgate doctor` shows the age of each source.",
         "Let the driver try again when it is fresh."),
    ),
    ReasonHelp(
        Reason.NOT_ENTITLED_NOW, "The card is known and may charge here at other hours.",
        "{references} may charge at {charger}, but not at this hour.",
        ("Tell the driver from when it is allowed: the line `changes`.",
         "Wrong hours? They are the site's access rules."),
    ),
    ReasonHelp(
        Reason.NOT_ENTITLED_HERE, "The card is known, and no access rule admits it here.",
        "{references} {is} known, but no access rule admits it at {charger}.",
        ("Send the driver to a charger of the right group.",
         "Wrong charger group? It is in the site's access rules."),
    ),
    ReasonHelp(
        Reason.UNKNOWN_ID, "No record matches, and the sources were fresh.",
        "No source knows this card, and {charger} is reserved{until}.",
        ("Ask whose card it is; have it added to its source, under the right type.",
         "Was another card meant? Compare its last characters."),
    ),
    ReasonHelp(
        Reason.NO_IDENTIFICATION, "A vehicle was plugged in and nobody identified themselves.",
        "{charger} was occupied and no identifier was presented.",
        ("Ask the driver to present a card.",),
    ),
    ReasonHelp(
        Reason.OWN_FLEET, "An active record of the own fleet matches.",
        "{references} belong{s} to the own fleet and {is} active.",
        (),
    ),
    ReasonHelp(
        Reason.AGREEMENT_ACTIVE, "An active agreement matches.",
        "{references} {has} an active agreement.",
        (),
    ),
)
"""In the order of the reason table."""

FLAG_HELP: tuple[FlagHelp, ...] = (
    FlagHelp(Flag.SCHEDULE_CONFLICT,
             "The schedule contradicted itself here; reserved (managed) won."),
    FlagHelp(Flag.NEAR_BOUNDARY,
             "It was so near a change of mode that the clock's uncertainty could decide."),
    FlagHelp(Flag.MODE_DRIFT,
             "The charger was seen in another mode than its schedule asks for."),
    FlagHelp(Flag.STALE_FEED,
             "A source had not been confirmed for a while; what it last said was used."),
    FlagHelp(Flag.IDENTITY_AMBIGUOUS,
             "Several records match and all allow; the session is attributed to none of them."),
    FlagHelp(Flag.RETROSPECTIVE,
             "The charger reported it afterwards; it was judged at the time at which it happened."),
    FlagHelp(Flag.STARTED_BY_MODE_CHANGE,
             "The session began by itself when freevend began."),
    FlagHelp(Flag.OVERSTAY,
             "The session ran on after its entitlement had ended."),
)
# fmt: on

HELP_OF: dict[str, ReasonHelp] = {row.reason: row for row in REASON_HELP}
MEANING_OF_FLAG: dict[str, str] = {row.flag: row.meaning for row in FLAG_HELP}

NEWER = "A word of a newer version of depotgate; this one cannot say what it means."
"""Of a reason or flag that this version does not know."""
