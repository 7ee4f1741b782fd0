"""Who may connect: path, charger, credentials, and how often one may be wrong."""

from __future__ import annotations

import base64
from http import HTTPStatus

import pytest

from connectors.ocpp.admission import (
    UNKNOWN_CHARGERS_BURST,
    UNKNOWN_CHARGERS_EVERY_S,
    WRONG_CREDENTIALS_BURST,
    WRONG_CREDENTIALS_EVERY_S,
    Admission,
    Refusal,
    Refused,
    Unverified,
    charger_id_of,
    version_for,
)
from models.identifiers import KeyEpoch, Pseudonymiser
from models.site import ChargerRecord
from tests.connectors.ocpp.chargers import PASSWORD, PSEUDONYMISER, basic, charger_record

HOME = "192.0.2.1"
ELSEWHERE = "192.0.2.2"
WRONG = "wrong horse battery"
RIGHT = [basic("CP-1", PASSWORD)]


def admission(*chargers: ChargerRecord, allow_unauthenticated: bool = False) -> Admission:
    rows = chargers or (charger_record(),)
    return Admission(
        {row.charger_id: row for row in rows},
        PSEUDONYMISER,
        allow_unauthenticated=allow_unauthenticated,
    )


def refused(answer: ChargerRecord | Refused | Unverified) -> Refused:
    assert isinstance(answer, Refused)
    return answer


def test_the_right_password_lets_the_charger_in() -> None:
    assert admission().admit("/ocpp/CP-1", RIGHT, HOME, 0.0) == charger_record()


NO_SUCH = "No such charging station.\n"
CREDENTIALS = "Credentials are required.\n"

# fmt: off
REFUSALS: tuple[tuple[str, list[str], Refusal, int], ...] = (
    # path                authorization                          cause                      status
    ("/",                 RIGHT,                                 Refusal.PATH,              404),
    ("/ocpp",             RIGHT,                                 Refusal.PATH,              404),
    ("/ocpp/",            RIGHT,                                 Refusal.PATH,              404),
    ("/OCPP/CP-1",        RIGHT,                                 Refusal.PATH,              404),
    ("/ocpp/CP-1/",       RIGHT,                                 Refusal.PATH,              404),
    ("/ocpp/a/CP-1",      RIGHT,                                 Refusal.PATH,              404),
    ("/ocpp/%FF",         RIGHT,                                 Refusal.PATH,              404),
    ("/ocpp/" + "a" * 256, RIGHT,                                Refusal.PATH,              404),
    ("/ocpp/CP-2",        RIGHT,                                 Refusal.UNKNOWN_CHARGER,   404),
    ("/ocpp/cp-1",        RIGHT,                                 Refusal.UNKNOWN_CHARGER,   404),
    ("/ocpp/CP-1",        [],                                    Refusal.NO_CREDENTIALS,    401),
    ("/ocpp/CP-1",        RIGHT * 2,                             Refusal.NO_CREDENTIALS,    401),
    ("/ocpp/CP-1",        [basic("CP-2", PASSWORD)],             Refusal.WRONG_USER,        401),
    ("/ocpp/CP-1",        [basic("cp-1", PASSWORD)],             Refusal.WRONG_USER,        401),
    ("/ocpp/CP-1",        [basic("", PASSWORD)],                 Refusal.WRONG_USER,        401),
    ("/ocpp/CP-1",        [basic("CP-1", WRONG)],                Refusal.WRONG_CREDENTIALS, 401),
    ("/ocpp/CP-1",        [basic("CP-1", "")],                   Refusal.WRONG_CREDENTIALS, 401),
    ("/ocpp/CP-1",        ["Bearer abc"],                        Refusal.WRONG_CREDENTIALS, 401),
    ("/ocpp/CP-1",        ["Basic"],                             Refusal.WRONG_CREDENTIALS, 401),
    ("/ocpp/CP-1",        ["Basic ===="],                        Refusal.WRONG_CREDENTIALS, 401),
    ("/ocpp/CP-1",        [""],                                  Refusal.WRONG_CREDENTIALS, 401),
    ("/ocpp/CP-1",        ["Basic " + base64.b64encode(b"CP-1").decode()],
                                                                 Refusal.WRONG_CREDENTIALS, 401),
    ("/ocpp/CP-1",        ["Basic " + base64.b64encode(b"CP-1:\xff\xfe").decode()],
                                                                 Refusal.WRONG_CREDENTIALS, 401),
)
# fmt: on


@pytest.mark.parametrize(("path", "authorization", "cause", "status"), REFUSALS)
def test_each_refusal_has_its_cause_and_status_and_one_text(
    path: str, authorization: list[str], cause: Refusal, status: int
) -> None:
    answer = refused(admission().admit(path, authorization, HOME, 0.0))
    assert (answer.cause, answer.status) == (cause, status)
    # Constant texts: nothing of what came, and nothing that tells a guesser how close he was.
    assert answer.text == (NO_SUCH if status == HTTPStatus.NOT_FOUND else CREDENTIALS)
    challenge = {"WWW-Authenticate": 'Basic realm="depotgate", charset="UTF-8"'}
    assert answer.headers == ({} if status == HTTPStatus.NOT_FOUND else challenge)


def test_a_row_of_profile_1_without_a_verifier_lets_nobody_in() -> None:
    row = charger_record().model_copy(update={"verifier": None})
    assert refused(admission(row).admit("/ocpp/CP-1", RIGHT, HOME, 0.0)).status == 401


def test_a_verifier_of_an_older_key_epoch_still_holds() -> None:
    older = Pseudonymiser((KeyEpoch("k1", b"1" * 32),), "test")
    row = charger_record(verifier=older.credential_verifier("CP-1", PASSWORD))
    assert admission(row).admit("/ocpp/CP-1", RIGHT, HOME, 0.0) == row


def test_a_verifier_is_good_for_its_own_charger_alone() -> None:
    mine, other = charger_record("CP-1"), charger_record("CP-2")
    swapped = mine.model_copy(update={"verifier": other.verifier})
    assert refused(admission(swapped).admit("/ocpp/CP-1", RIGHT, HOME, 0.0)).status == 401


# Ids and paths


@pytest.mark.parametrize(
    ("path", "charger_id"),
    [
        ("/ocpp/CP-1", "CP-1"),
        ("/ocpp/CP-1?x=/y", "CP-1"),
        ("/ocpp/CP%2F1%20%C3%BC", "CP/1 ü"),
        ("/ocpp/CP+1", "CP+1"),
        ("/ocpp/CP%251", "CP%1"),
        ("/ocpp/CP%1", "CP%1"),
        ("/ocpp/%43P-1", "CP-1"),
        ("/ocpp/" + "a" * 255, "a" * 255),
    ],
)
def test_a_percent_encoded_id_is_read_once(path: str, charger_id: str) -> None:
    assert charger_id_of(path) == charger_id


def test_a_percent_encoded_charger_authenticates_with_its_own_id_as_user() -> None:
    row = charger_record("CP/1 ü")
    answer = admission(row).admit("/ocpp/CP%2F1%20%C3%BC", [basic("CP/1 ü", PASSWORD)], HOME, 0.0)
    assert answer == row


# Security profile 0


@pytest.mark.parametrize("authorization", [[], RIGHT, RIGHT * 2, ["nonsense"]])
@pytest.mark.parametrize("switched_on", [True, False])
def test_profile_0_is_let_in_only_where_row_and_gateway_both_say_so(
    authorization: list[str], switched_on: bool
) -> None:
    row = charger_record(password=None)
    answer = admission(row, allow_unauthenticated=switched_on).admit(
        "/ocpp/CP-1", authorization, HOME, 0.0
    )
    if switched_on:
        assert answer == row
    else:
        assert refused(answer).cause is Refusal.UNAUTHENTICATED
        assert refused(answer).status == HTTPStatus.UNAUTHORIZED
        assert refused(answer).text == CREDENTIALS


@pytest.mark.parametrize("authorization", [[], [basic("CP-1", WRONG)]])
def test_the_gateways_switch_alone_opens_no_row_of_profile_1(authorization: list[str]) -> None:
    answer = admission(allow_unauthenticated=True).admit("/ocpp/CP-1", authorization, HOME, 0.0)
    assert refused(answer).status == HTTPStatus.UNAUTHORIZED


# Rate limits


def guess(door: Admission, times: int, address: str = HOME, now_s: float = 0.0) -> list[Refusal]:
    wrong = [basic("CP-1", WRONG)]
    return [refused(door.admit("/ocpp/CP-1", wrong, address, now_s)).cause for _ in range(times)]


def test_guessing_is_slowed_down_and_told_when_to_come_back() -> None:
    door = admission()
    causes = guess(door, WRONG_CREDENTIALS_BURST + 2)
    assert causes[:-2] == [Refusal.WRONG_CREDENTIALS] * WRONG_CREDENTIALS_BURST
    assert causes[-2:] == [Refusal.RATE_LIMITED] * 2
    answer = refused(door.admit("/ocpp/CP-1", RIGHT, HOME, 0.0))
    assert answer.status == HTTPStatus.TOO_MANY_REQUESTS
    assert answer.headers == {"Retry-After": str(int(WRONG_CREDENTIALS_EVERY_S))}
    assert answer.text == "Too many failed attempts.\n"


def test_a_guess_that_may_not_be_made_is_not_looked_at() -> None:
    door = admission()
    guess(door, WRONG_CREDENTIALS_BURST)
    right = refused(door.admit("/ocpp/CP-1", RIGHT, HOME, 0.0))
    wrong = refused(door.admit("/ocpp/CP-1", [basic("CP-1", WRONG)], HOME, 0.0))
    assert right == wrong


def test_after_the_wait_the_right_password_is_let_in() -> None:
    door = admission()
    guess(door, WRONG_CREDENTIALS_BURST + 50)
    assert door.admit("/ocpp/CP-1", RIGHT, HOME, WRONG_CREDENTIALS_EVERY_S) == charger_record()


def test_guesses_from_elsewhere_keep_no_charger_out() -> None:
    door = admission(charger_record("CP-1"), charger_record("CP-2"))
    guess(door, WRONG_CREDENTIALS_BURST + 1, address=ELSEWHERE)
    assert door.admit("/ocpp/CP-1", RIGHT, HOME, 0.0) == charger_record()
    neighbour = [basic("CP-2", PASSWORD)]
    assert door.admit("/ocpp/CP-2", neighbour, ELSEWHERE, 0.0) == charger_record("CP-2")


def test_right_passwords_are_never_limited() -> None:
    door = admission()
    answers = [door.admit("/ocpp/CP-1", RIGHT, HOME, 0.0) for _ in range(100)]
    assert answers == [charger_record()] * 100


def test_an_address_that_asks_for_unknown_chargers_is_slowed_down() -> None:
    door = admission()
    paths = [f"/ocpp/{number}" if number % 2 else "/x" for number in range(UNKNOWN_CHARGERS_BURST)]
    statuses = [refused(door.admit(path, [], HOME, 0.0)).status for path in paths]
    assert set(statuses) == {HTTPStatus.NOT_FOUND}
    answer = refused(door.admit("/ocpp/one-more", [], HOME, 0.0))
    assert answer.status == HTTPStatus.TOO_MANY_REQUESTS
    assert answer.headers == {"Retry-After": str(int(UNKNOWN_CHARGERS_EVERY_S))}
    # Known chargers behind the same address are not kept out by their neighbour.
    assert door.admit("/ocpp/CP-1", RIGHT, HOME, 0.0) == charger_record()
    assert refused(door.admit("/ocpp/x", [], ELSEWHERE, 0.0)).status == HTTPStatus.NOT_FOUND


def test_rows_are_read_at_each_call() -> None:
    rows = {charger_record().charger_id: charger_record()}
    door = Admission(rows, PSEUDONYMISER, allow_unauthenticated=False)
    assert door.admit("/ocpp/CP-1", RIGHT, HOME, 0.0) == charger_record()
    rows.clear()
    assert refused(door.admit("/ocpp/CP-1", RIGHT, HOME, 0.0)).cause is Refusal.UNKNOWN_CHARGER


# Versions


@pytest.mark.parametrize(
    ("row", "offered", "spoken"),
    [
        (None, ["ocpp1.6"], "1.6"),
        (None, ["ocpp2.0.1"], "2.0.1"),
        (None, ["ocpp1.6", "ocpp2.0.1"], "2.0.1"),
        (None, ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"], "2.1"),
        (None, ["ocpp2.2", "ocpp1.6"], "1.6"),
        (None, ["ocpp2.2"], None),
        ("2.1", ["ocpp2.0.1"], None),
        (None, ["OCPP1.6"], None),
        (None, [], None),
        ("1.6", ["ocpp1.6", "ocpp2.0.1"], "1.6"),
        ("1.6", ["ocpp2.0.1"], None),
        ("2.0.1", ["ocpp1.6", "ocpp2.0.1"], "2.0.1"),
        ("2.0.1", ["ocpp1.6"], None),
    ],
)
def test_the_newest_version_that_both_the_charger_and_its_row_have_is_spoken(
    row: str | None, offered: list[str], spoken: str | None
) -> None:
    version = version_for(charger_record(ocpp=row), offered)
    assert (version.name if version else None) == spoken
