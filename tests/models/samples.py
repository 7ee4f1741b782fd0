"""One whole record of each kind that travels: every field filled, so that every field is read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from models.announcements import Announced, DisplayStatus, ManagedTime
from models.attempt import (
    AccessRequest,
    Admission,
    Attempt,
    AttemptKind,
    Basis,
    Decision,
    Denial,
    DriverText,
    Edge,
    Entitlement,
    Facts,
    FeedFacts,
    Match,
    ModeKnown,
    Outcome,
    PseudonymousCandidate,
    ScheduleFacts,
    Token,
    TokenKind,
    Told,
    Verdict,
)
from models.capability import Claims, KeyClaim, Proofs, SetClaim
from models.charger import (
    ChargerCommand,
    ChargerEvent,
    ChargerState,
    Commanded,
    CommandKind,
    CommandResult,
    CommandStatus,
    Connection,
    ModeFact,
    ModeFactKind,
    Observed,
    Place,
    PlaceStep,
)
from models.clocks import ClockOffset, TimeDoubt
from models.ids import (
    AttemptId,
    ChargerId,
    CommandId,
    ConnectionId,
    GatewayInstance,
    OverrideId,
    Pseudonym,
    RequestId,
    SiteId,
    Slot,
)
from models.offline_state import ListEntry, ListStanding, OfflineOrder, OfflineState, SettingFound
from models.overrides import OverrideRecord, Scope
from models.reasons import Answer, Flag, Reason
from models.record import Record
from models.schedule import DatedException, Mode, Schedule, Weekday, WeeklyWindow, Window
from models.sessions import AssistedStart, Occupation, Session, Sessions, SessionStop
from models.site import (
    AccessRule,
    AuditRecord,
    ChargerRecord,
    EdgeAction,
    ExpiredFeed,
    FeedPolicy,
    FeedReceipt,
    Group,
    IdentityClass,
    IdentityRecord,
    IdentityState,
    OfflinePolicy,
    Overstay,
    OverstayAction,
    Posture,
    Quarantine,
    Reboot,
    SiteRecord,
    Stage,
    Validators,
)
from models.stages import StageRecord

NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

CHARGER = ChargerId("ND-001")
SITE = SiteId("north-depot")
CONNECTION = ConnectionId("0197f0c1-0000-7000-8000-000000000001")
GATEWAY = GatewayInstance("gateway-1")
REQUEST = RequestId("20260714T120000-0123456789abcdef")
PSEUDONYM = Pseudonym("k1:00112233445566778899aabbccddeeff")
COMMAND = CommandId("20260714T120000-fedcba9876543210")
SLOT = Slot(3)

TOKEN = Token(
    kind=TokenKind.IDENTIFIED,
    display="ISO14443 …5F6",
    candidates=(
        PseudonymousCandidate(identifier_type="ISO14443", pseudonyms=(PSEUDONYM,)),
        PseudonymousCandidate(identifier_type="Local", pseudonyms=(PSEUDONYM,)),
    ),
)

ATTEMPT = Attempt(
    request_id=REQUEST,
    attempt_id=AttemptId(REQUEST),
    charger_id=CHARGER,
    site_id=SITE,
    ocpp="2.0.1",
    kind=AttemptKind.TRANSACTION_EVENT,
    token=TOKEN,
    event_at=NOON,
    received_at=NOON,
    charger_at=NOON,
    replayed=True,
    uncertainty_s=60.0,
    session_id=UUID("00000000-0000-5000-8000-000000000001"),
    connector=2,
    clock_offset_s=-12.5,
    time_doubt=TimeDoubt.TOO_OLD,
    mode=ModeKnown(commanded=Mode.MANAGED, observed=Mode.FREEVEND, switching=True),
)

SESSION = Session(
    session_id="2f5e4b0c-55a5-5f4e-9b1a-6b8f0c2d7e11",
    transaction_id="7",
    called="0",
    place=1,
    began_at=NOON - HOUR,
    began_in=Mode.FREEVEND,
    energy_at=NOON - HOUR,
    token=TokenKind.IDENTIFIED,
    attempt=ATTEMPT,
    refused_at=NOON,
    seen_at=NOON,
    ended_at=NOON,
    spared_at=NOON,
    overstay_at=NOON,
    stop=SessionStop(
        cause="EDGE",
        at=NOON,
        command_id=COMMAND,
        sent_at=NOON,
        connection_id=CONNECTION,
        tries_count=1,
        given_up=True,
    ),
)

OCCUPATION = Occupation(
    place=1,
    connector=1,
    since=NOON - HOUR,
    waits_since=NOON,
    token_at=NOON,
    served=True,
    noted_at=NOON,
    idle=False,
    start=AssistedStart(
        command_id=CommandId("20260714T120000-00000000000000bc"),
        sent_at=NOON,
        connection_id=CONNECTION,
        tries_count=1,
        answered_at=NOON,
        answer="Accepted",
        given_up=True,
    ),
)

MATCH = Match(
    source="folder",
    reference="bus-17",
    identity_class=IdentityClass.OWN_FLEET,
    identifier_type="ISO14443",
    pseudonym=PSEUDONYM,
    valid_from=NOON - HOUR,
    valid_to=NOON,
    state=IdentityState.ACTIVE,
    state_since=NOON - HOUR,
)

LIMITED = MATCH.model_copy(
    update={
        "entitlement": Entitlement(
            admissions=(
                Admission(
                    starts_at=NOON - HOUR, ends_at=NOON + HOUR, rule="couriers", window="evening"
                ),
            ),
            known_until=NOON + 192 * HOUR,
        )
    }
)
"""The match, where access rules limit it."""

SCHEDULE_FACTS = ScheduleFacts(
    schedule_id="nights",
    scope="site",
    mode=Mode.MANAGED,
    layer="window",
    name="weeknight",
    date="2026-07-14",
    starts_at=NOON - HOUR,
    ends_at=NOON + HOUR,
    edges_ahead=(Edge(at=NOON + HOUR, mode=Mode.FREEVEND),),
    conflict=True,
    override_id=OverrideId("20260714T120000-00000000000000dd"),
)

FACTS = Facts(
    evaluated_at=NOON,
    stage=Stage.ENFORCE,
    timezone="Europe/Berlin",
    schedule=SCHEDULE_FACTS,
    matches=(LIMITED,),
    site_revision="s1",
    identity_revision="folder@i1",
    tzdata_version="2026f",
    problem="more than 16 records match one token",
    feeds=(FeedFacts(source="own-fleet", content_at=NOON - HOUR),),
    feed_policy=FeedPolicy(fresh_for_s=600, stale_for_s=7200, expired=ExpiredFeed.CLOSED),
)

VERDICT = Verdict(
    answer=Answer.DENY,
    reason=Reason.AGREEMENT_EXPIRED,
    reasons=(Reason.AGREEMENT_EXPIRED,),
    flags=(Flag.RETROSPECTIVE,),
    attribution="bus-17",
    next_change_at=NOON + HOUR,
    next_change_cause="freevend begins",
    driver_text="Card has ended.",
    support_text="Ended 2026-07-14 14:00.",
    valid_until=NOON + HOUR,
)

TOLD = Told(accepted=False, status="Expired", text="Card has ended.", basis=Basis.DECISION)

SCHEDULE = Schedule(
    id="nights",
    default=Mode.FREEVEND,
    valid_from=date(2026, 1, 1),
    valid_to=date(2026, 12, 31),
    windows=(
        Window(
            name="weeknight",
            days=(Weekday.MON, Weekday.TUE),
            start="18:00",
            end="06:00",
            mode=Mode.MANAGED,
            valid_from=date(2026, 1, 5),
            valid_to=date(2026, 12, 31),
            every_weeks=2,
            except_dates=(date(2026, 6, 1),),
        ),
    ),
    exceptions=(
        DatedException(
            name="party", on=date(2026, 7, 15), start="16:00", end="23:00", mode=Mode.FREEVEND
        ),
    ),
    holidays=(DatedException(name="Easter Monday", on=date(2026, 4, 6), mode=Mode.FREEVEND),),
)

OUTCOME = Outcome(
    request_id=REQUEST,
    attempt=ATTEMPT,
    connection_id=CONNECTION,
    gateway_instance=GATEWAY,
    slot=SLOT,
    stage=Stage.ENFORCE,
    schedule=SCHEDULE_FACTS,
    verdict=VERDICT,
    reason=Reason.AGREEMENT_EXPIRED,
    posture=Posture.CLOSED,
    told=TOLD,
    answered_at=NOON,
    deadline_at=NOON + timedelta(seconds=3),
    tries_count=2,
)

_RECORDS: tuple[Record, ...] = (
    AccessRequest(
        attempt=ATTEMPT,
        connection_id=CONNECTION,
        gateway_instance=GATEWAY,
        slot=SLOT,
        deadline_at=NOON + timedelta(seconds=3),
        try_number=2,
    ),
    Decision(decision_id=REQUEST, attempt=ATTEMPT, facts=FACTS, rules_version="1", verdict=VERDICT),
    OUTCOME,
    Denial(
        denial_id=REQUEST,
        attempt_id=AttemptId(REQUEST),
        at=NOON,
        site_id=SITE,
        charger_id=CHARGER,
        connector=2,
        ocpp="2.0.1",
        kind=AttemptKind.TRANSACTION_EVENT,
        stage=Stage.ENFORCE,
        would_deny=True,
        misuse=True,
        reason=Reason.AGREEMENT_EXPIRED,
        reasons=(Reason.AGREEMENT_EXPIRED,),
        flags=(Flag.RETROSPECTIVE,),
        token=TOKEN.display,
        pseudonym=PSEUDONYM,
        attribution="bus-17",
        schedule_id="nights",
        window="weeknight",
        told_status="Expired",
        told_text="Card has ended.",
        support_text="Ended 2026-07-14 14:00.",
        next_change_at=NOON + HOUR,
    ),
    ChargerEvent(
        event_id="20260714T120000-00000000000000aa",
        charger_id=CHARGER,
        site_id=SITE,
        ocpp="1.6",
        connection_id=CONNECTION,
        gateway_instance=GATEWAY,
        slot=SLOT,
        name="CommandResult",
        received_at=NOON,
        data={"connectorId": 2, "offline": True},
        token=TokenKind.FREEVEND_TAG,
        result=CommandResult(
            command_id=COMMAND,
            status=CommandStatus.DONE,
            mode=Mode.MANAGED,
            observed=Mode.MANAGED,
            detail="Accepted",
            stored=Mode.MANAGED,
            refused=("LocalPreAuthorize",),
        ),
        clock=ClockOffset(offset_s=-12.5, uncertainty_s=2.0, readings_count=15),
    ),
    ChargerCommand(
        command_id=COMMAND,
        kind=CommandKind.SWITCH,
        charger_id=CHARGER,
        site_id=SITE,
        connection_id=CONNECTION,
        slot=SLOT,
        ocpp="1.6",
        mode=Mode.MANAGED,
        profile="microocpp",
        sent_at=NOON,
        expires_at=NOON + HOUR,
        transaction_id="7",
        cause="EDGE",
        connector=1,
        offline=OfflineOrder(
            policy=OfflinePolicy.OWN_FLEET,
            entries=(ListEntry(pseudonym=Pseudonym("k1:00ff"), until=NOON),),
            standing_version=3,
        ),
        texts=(DriverText(language="en", text="Reserved from 18:00 to 06:00."),),
    ),
    ModeFact(
        fact_id="20260714T120000-00000000000000bb",
        kind=ModeFactKind.SWITCHED,
        charger_id=CHARGER,
        site_id=SITE,
        at=NOON,
        desired=Mode.MANAGED,
        observed=Mode.MANAGED,
        stage=Stage.ENFORCE,
        command_id=COMMAND,
        detail="read_back",
        connector=1,
        session_id="2f5e4b0c-55a5-5f4e-9b1a-6b8f0c2d7e11",
    ),
    ChargerState(
        charger_id=CHARGER,
        site_id=SITE,
        offset=17,
        owner_epoch=3,
        desired=Mode.MANAGED,
        desired_since=NOON - HOUR,
        stage=Stage.ENFORCE,
        commanded=Commanded(
            command_id=COMMAND,
            mode=Mode.MANAGED,
            sent_at=NOON - HOUR,
            attempts_count=1,
            status=CommandStatus.DONE,
            resent_at=NOON,
            kind=CommandKind.RESET,
            ended_at=NOON,
        ),
        observed=Observed(mode=Mode.MANAGED, at=NOON, evidence="read_back"),
        connection=Connection(
            connection_id=CONNECTION,
            gateway_instance=GATEWAY,
            slot=SLOT,
            ocpp="1.6",
            since=NOON - HOUR,
        ),
        disconnected_at=NOON - HOUR,
        mode_unknown_since=NOON - HOUR,
        stored_mode=Mode.MANAGED,
        booted_with=Mode.FREEVEND,
        given_up_at=NOON,
        not_switchable_at=NOON,
        read_back_at=NOON,
        refused=("LocalPreAuthorize",),
        vendor="Vendor",
        model="Model",
        firmware="1.0",
        booted_over="1.6",
        claims=Claims(
            profile="microocpp",
            firmware="1.0",
            probed_at=NOON,
            mode_key=KeyClaim.WRITABLE,
            tag_key=KeyClaim.WRITABLE,
            pre_authorize=KeyClaim.READ_ONLY,
            cache=KeyClaim.MISSING,
            mode=Mode.MANAGED,
            token_types=("ISO14443", "eMAID"),
            set_at=NOON,
            set_status=SetClaim.TAKEN,
            read_back=True,
        ),
        proofs=Proofs(freevend_at=NOON, managed_at=NOON, withdrawn_at=NOON, remote_start_at=NOON),
        places=(Place(number=1, step=PlaceStep.PRESENTED, transaction_id="7", energy=True),),
        clock=ClockOffset(offset_s=-12.5, uncertainty_s=2.0, readings_count=15),
        sessions=Sessions(
            running=(SESSION,), ended=(SESSION,), occupied=(OCCUPATION,), unclaimed_at=NOON
        ),
        offline=OfflineState(
            digest="own_fleet:1f",
            command_id=COMMAND,
            connection_id=CONNECTION,
            asked_at=NOON,
            asked_count=2,
            unanswered_count=1,
            told_at=NOON,
            status="done",
            policy=OfflinePolicy.OWN_FLEET,
            settings=(SettingFound(name="cache", told="stands"),),
            local_list=ListStanding.STANDS,
            list_digest="1f",
            list_version=3,
            list_count=1,
            missing_count=1,
            left_out_count=1,
            orders_left_out_count=2,
            covered_s=86_400,
        ),
        announced=Announced(
            window=ManagedTime(
                mode=Mode.MANAGED,
                start=NOON - HOUR,
                end=NOON + HOUR,
                timezone="Europe/Berlin",
                languages=("de", "en"),
            ),
            command_id=COMMAND,
            connection_id=CONNECTION,
            sent_at=NOON - HOUR,
            status=DisplayStatus.SHOWN,
            ended_at=NOON - HOUR,
            detail="Accepted",
        ),
        updated_at=NOON,
    ),
    StageRecord(
        charger_id=CHARGER,
        site_id=SITE,
        stage=Stage.ENFORCE,
        since=NOON,
        provider="unleash",
        cause="TARGETING_MATCH",
        returning_at=NOON,
    ),
    SiteRecord(
        site_id=SITE,
        name="North depot",
        timezone="Europe/Berlin",
        stage=Stage.ENFORCE,
        fail=Posture.OPEN,
        offline=OfflinePolicy.OWN_FLEET,
        freevend_tag="DEPOTGATEFREE",
        schedules=(SCHEDULE,),
        groups=(Group(id="bus-lane", schedule="nights"),),
        schedule="nights",
        feed=FeedPolicy(fresh_for_s=600, stale_for_s=7200, expired=ExpiredFeed.CLOSED),
        access=(
            AccessRule(
                name="couriers",
                who=IdentityClass.AGREEMENT,
                reference="courier/",
                where=("bus-lane",),
                windows=(
                    WeeklyWindow(
                        name="evening",
                        days=(Weekday.MON,),
                        start="17:00",
                        end="23:00",
                        valid_from=date(2026, 1, 1),
                        valid_to=date(2026, 12, 31),
                        every_weeks=2,
                        except_dates=(date(2026, 8, 3),),
                    ),
                ),
            ),
        ),
        clock_limit_s=90,
        overstay=Overstay(action=OverstayAction.STOP, grace_s=600),
        edge=EdgeAction.IDENTIFY,
        identify_within_s=240,
        no_identification_after_s=120,
        reboot=Reboot.WHEN_IDLE,
        revision="s1",
        loaded_at=NOON,
    ),
    ChargerRecord(
        charger_id=CHARGER,
        site_id=SITE,
        group="bus-lane",
        ocpp="1.6",
        security_profile=1,
        verifier="hash:hmac-sha256:k1:00",
        profile="microocpp",
        schedule="nights",
        revision="c1",
    ),
    IdentityRecord(
        source="folder",
        site_id=SITE,
        pseudonym=PSEUDONYM,
        identifier_type="ISO14443",
        display="ISO14443 …5F6",
        identity_class=IdentityClass.AGREEMENT,
        reference="courier/77",
        valid_from=NOON - HOUR,
        valid_to=NOON + HOUR,
        state=IdentityState.SUSPENDED,
        state_since=NOON,
    ),
    FeedReceipt(
        source="folder",
        site_id=SITE,
        revision="i1",
        content_at=NOON,
        loaded_at=NOON,
        rows_count=3,
        added_count=2,
        removed_count=1,
        ages=True,
        actor="operator",
        stated_at=NOON - HOUR,
        checksum="00",
        incremental=True,
        skipped_count=1,
        validators=Validators(
            reading="r1", etag='"e1"', last_modified="Tue, 14 Jul 2026 12:00:00 GMT"
        ),
        quarantined=Quarantine(
            content_at=NOON,
            found_at=NOON,
            checksum="11",
            rows_count=1,
            standing_count=3,
            vanishing_count=2,
        ),
    ),
    OverrideRecord(
        override_id=OverrideId("20260714T120000-00000000000000dd"),
        site_id=SITE,
        scope=Scope.GROUP,
        target="bus-lane",
        mode=Mode.MANAGED,
        lock=False,
        starts_at=NOON,
        ends_at=NOON + HOUR,
        actor="operator",
        reason="street festival",
        created_at=NOON,
        ended_at=NOON + HOUR / 2,
        ended_by="manager",
        ended_reason="rained off",
    ),
    AuditRecord(
        audit_id="20260714T120000-00000000000000cc",
        actor="operator",
        action="load",
        subject="north-depot",
        at=NOON,
        before="s0",
        after="s1",
    ),
)

SAMPLES: dict[type[Record], Record] = {type(record): record for record in _RECORDS}
