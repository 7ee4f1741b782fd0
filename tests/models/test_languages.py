"""The languages that ship with the program: whole, filled alike, short, and said as people say it."""
# ruff: noqa: E501 - a table, one language a line

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest

from models.display import reserved_texts
from models.languages import (
    DRIVER_TEXT_MAX_CHARS,
    ENGLISH,
    ENGLISH_TEXTS,
    LANGUAGES,
    Language,
    WrittenLanguage,
    faults_of,
    placeholders_of,
    spoken,
)
from models.reasons import Reason
from models.site import IdentityClass
from models.texts import driver_texts, fixed_texts
from tests.models.samples import ATTEMPT, FACTS, MATCH, NOON

ALL = pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES.keys())
SEEN_AT = datetime(2026, 9, 30, 12, 0, tzinfo=UTC)
"""A Wednesday; the months with the longest names in most languages are around it."""


def written(code: str) -> WrittenLanguage:
    content = (files("models") / f"texts.{code}.toml").read_text(encoding="utf-8")
    return WrittenLanguage.model_validate(tomllib.loads(content), strict=False)


def test_the_languages_are_there_with_english_first_among_them() -> None:
    assert set(LANGUAGES) == {"da", "de", "en", "es", "fr", "it", "nb", "nl", "pt", "sv"}


@ALL
def test_a_language_has_every_text_with_the_placeholders_of_english(language: Language) -> None:
    assert [*faults_of(language.code, written(language.code))] == []
    assert set(language.sentences) == set(Reason)


@ALL
def test_no_other_language_says_it_in_english(language: Language) -> None:
    if language.code == ENGLISH:
        return
    texts = written(language.code).texts
    assert [reason for reason, text in texts.items() if text == ENGLISH_TEXTS[reason]] == []


@ALL
def test_the_longest_text_fits_a_charger_and_is_one_line(language: Language) -> None:
    facts = FACTS.model_copy(update={"languages": (language.code,)})
    for reason in Reason:
        for ahead in (timedelta(hours=1), timedelta(days=3), timedelta(days=70, weeks=52)):
            for owner in IdentityClass:
                match = MATCH.model_copy(update={"identity_class": owner})
                (said,) = driver_texts(reason, ATTEMPT, facts, (match,), NOON + ahead)
                assert 0 < len(said.text) <= DRIVER_TEXT_MAX_CHARS
                # Displays have two lines of 40 characters or so.
                assert len(said.text) <= 100, said.text
                assert said.text.isprintable()
                assert "{" not in said.text
                assert said.text.endswith(".")


# fmt: off
WHEN = [
    # language  in an hour        in three days                     in seventy days
    ("en",      "15:00",          "Sat 14:00",                      "Wed 9 Dec 13:00"),
    ("de",      "15:00 Uhr",      "Samstag, 14:00 Uhr",             "Mittwoch, 9. Dezember, 13:00 Uhr"),
    ("fr",      "15:00",          "samedi à 14:00",                 "le mercredi 9 décembre à 13:00"),
    ("nl",      "15:00 uur",      "zaterdag 14:00 uur",             "woensdag 9 december 13:00 uur"),
    ("es",      "las 15:00",      "el sábado a las 14:00",          "el miércoles 9 de diciembre a las 13:00"),
    ("it",      "alle ore 15:00", "sabato alle ore 14:00",          "mercoledì 9 dicembre alle ore 13:00"),
    ("sv",      "kl. 15:00",      "lördag kl. 14:00",               "onsdag 9 december kl. 13:00"),
    ("da",      "kl. 15:00",      "lørdag kl. 14:00",               "onsdag den 9. december kl. 13:00"),
    ("nb",      "kl. 15:00",      "lørdag kl. 14:00",               "onsdag 9. desember kl. 13:00"),
    ("pt",      "às 15:00",       "sábado às 14:00",                "quarta-feira, 9 de dezembro, às 13:00"),
]
# fmt: on


@pytest.mark.parametrize(("code", "soon", "this_week", "later"), WHEN)
def test_times_are_on_the_clocks_of_the_site_in_the_words_of_the_language(
    code: str, soon: str, this_week: str, later: str
) -> None:
    language = LANGUAGES[code]
    aheads = (timedelta(hours=1), timedelta(days=3), timedelta(days=70))
    said = [language.when(SEEN_AT + ahead, SEEN_AT, "Europe/Berlin") for ahead in aheads]
    assert said == [soon, this_week, later]


@pytest.mark.parametrize(
    ("seen", "at", "said"),
    [
        # 23 hours and a quarter later, when clocks show a quarter of an hour more than now.
        ("2026-03-28T03:15:00+01:00", "2026-03-29T03:30:00+02:00", "Sun 03:30"),
        ("2026-03-28T03:15:00+01:00", "2026-03-29T03:00:00+02:00", "03:00"),
        ("2026-03-22T03:15:00+01:00", "2026-03-29T03:30:00+02:00", "Sun 29 Mar 03:30"),
        # 24 hours and a half later, and the clocks do not show it before.
        ("2026-10-24T20:00:00+02:00", "2026-10-25T19:30:00+01:00", "19:30"),
        ("2026-10-24T20:00:00+02:00", "2026-10-25T20:00:00+01:00", "Sun 20:00"),
    ],
)
def test_a_day_is_named_where_the_clocks_show_the_time_twice(seen: str, at: str, said: str) -> None:
    """In the nights in which clocks are set a day has 23 hours or 25."""
    then, now = datetime.fromisoformat(at), datetime.fromisoformat(seen)
    english = LANGUAGES[ENGLISH]
    assert english.when(then.astimezone(UTC), now.astimezone(UTC), "Europe/Berlin") == said


# fmt: off
FIRSTS = [
    ("en", "Sun 1 Nov 12:00"),
    ("de", "Sonntag, 1. November, 12:00 Uhr"),
    ("fr", "le dimanche 1er novembre à 12:00"),
    ("nl", "zondag 1 november 12:00 uur"),
    ("es", "el domingo 1 de noviembre a las 12:00"),
    ("it", "domenica 1 novembre alle ore 12:00"),
    ("sv", "söndag 1 november kl. 12:00"),
    ("da", "søndag den 1. november kl. 12:00"),
    ("nb", "søndag 1. november kl. 12:00"),
    ("pt", "domingo, 1 de novembro, às 12:00"),
]
# fmt: on


@pytest.mark.parametrize(("code", "first"), FIRSTS)
def test_the_first_of_a_month_is_counted_where_the_language_does(code: str, first: str) -> None:
    language, at = LANGUAGES[code], datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    assert language.when(at, SEEN_AT, "UTC") == first
    assert " 1er " not in language.when(at + timedelta(days=10), SEEN_AT, "UTC")


# fmt: off
NEXT_YEAR = [
    ("en", "Thu 30 Sep 2027 12:00"),
    ("de", "Donnerstag, 30. September 2027, 12:00 Uhr"),
    ("fr", "le jeudi 30 septembre 2027 à 12:00"),
    ("nl", "donderdag 30 september 2027 12:00 uur"),
    ("es", "el jueves 30 de septiembre de 2027 a las 12:00"),
    ("it", "giovedì 30 settembre 2027 alle ore 12:00"),
    ("sv", "torsdag 30 september 2027 kl. 12:00"),
    ("da", "torsdag den 30. september 2027 kl. 12:00"),
    ("nb", "torsdag 30. september 2027 kl. 12:00"),
    ("pt", "quinta-feira, 30 de setembro de 2027, às 12:00"),
]
# fmt: on


@pytest.mark.parametrize(("code", "later"), NEXT_YEAR)
def test_a_date_that_this_year_has_too_names_its_year(code: str, later: str) -> None:
    language, at = LANGUAGES[code], datetime(2027, 9, 30, 12, 0, tzinfo=UTC)
    assert language.when(at, SEEN_AT, "UTC") == later
    day_before = language.when(at - timedelta(days=1), SEEN_AT + timedelta(hours=1), "UTC")
    assert "2027" not in day_before


# fmt: off
AT_ONE = [
    # language  in an hour        in three days                     in seventy days
    ("es",      "la 01:00",       "el sábado a la 01:00",           "el miércoles 9 de diciembre a la 01:00"),
    ("pt",      "à 01:00",        "sábado à 01:00",                 "quarta-feira, 9 de dezembro, à 01:00"),
    ("it",      "alle ore 01:00", "sabato alle ore 01:00",          "mercoledì 9 dicembre alle ore 01:00"),
    ("fr",      "01:00",          "samedi à 01:00",                 "le mercredi 9 décembre à 01:00"),
]
# fmt: on


@pytest.mark.parametrize(("code", "soon", "this_week", "later"), AT_ONE)
def test_one_oclock_is_said_in_the_singular_where_the_language_does(
    code: str, soon: str, this_week: str, later: str
) -> None:
    language, seen_at = LANGUAGES[code], datetime(2026, 9, 30, 0, 0, tzinfo=UTC)
    aheads = (timedelta(hours=1), timedelta(days=3, hours=1), timedelta(days=70, hours=1))
    said = [language.when(seen_at + ahead, seen_at, "UTC") for ahead in aheads]
    assert said == [soon, this_week, later]


# fmt: off
RESERVED = [
    # language  from one to six, and from eight this evening to Monday
    ("en", "Reserved from 01:00 to 06:00.",              "Reserved from 20:00 to Mon 06:00."),
    ("de", "Reserviert von 01:00 Uhr bis 06:00 Uhr.",    "Reserviert von 20:00 Uhr bis Montag, 06:00 Uhr."),
    ("es", "Reservado desde la 01:00 hasta las 06:00.",  "Reservado desde las 20:00 hasta el lunes a las 06:00."),
    ("pt", "Reservado da 01:00 às 06:00.",               "Reservado das 20:00 a segunda-feira às 06:00."),
    ("it", "Riservato dalle ore 01:00 alle ore 06:00.",  "Riservato dalle ore 20:00 a lunedì alle ore 06:00."),
    ("fr", "Réservé de 01:00 à 06:00.",                  "Réservé de 20:00 à lundi 06:00."),
]
# fmt: on


@pytest.mark.parametrize(("code", "tonight", "weekend"), RESERVED)
def test_a_window_reads_as_people_say_it(code: str, tonight: str, weekend: str) -> None:
    friday = datetime(2026, 10, 2, 0, 0, tzinfo=UTC)
    hours = ((1, 6), (20, 3 * 24 + 6))
    said = []
    for start, end in hours:
        from_, to = friday + timedelta(hours=start), friday + timedelta(hours=end)
        (text,) = reserved_texts(from_, to, from_, "UTC", (code,))
        said.append(text.text)
    assert said == [tonight, weekend]


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("texts", {}, "texts: expected FREEVEND_OPEN"),
        ("texts", {"UNKNOWN_ID": "Karte nicht erkannt."}, "UNKNOWN_ID: expected the placeholders"),
        ("texts", {"REVOKED": "Karte {t}."}, "REVOKED: expected the placeholders"),
        ("texts", {"REVOKED": "Karte gesperrt"}, "REVOKED: expected sentences"),
        ("texts", {"REVOKT": "Karte."}, "texts: there is no reason REVOKT"),
        ("times", {"soon": "bald"}, "times.soon: expected time"),
        ("times", {"dated": "{month}"}, "times.dated: expected month, year"),
        ("times", {"soon": {"one": "um eins", "other": "{time}"}}, "times.soon: expected time"),
    ],
)
def test_a_missing_key_or_placeholder_is_found(key: str, value: object, fault: str) -> None:
    german = written("de").model_dump()
    german[key] = german[key] | value if value else {}
    found = [*faults_of("de", WrittenLanguage.model_validate(german, strict=False))]
    assert any(each.startswith(fault) for each in found), found


def test_a_site_is_told_things_in_its_languages_in_their_order() -> None:
    facts = FACTS.model_copy(update={"languages": ("fr", "de"), "timezone": "UTC"})
    found = driver_texts(Reason.UNKNOWN_ID, ATTEMPT, facts, (), NOON + timedelta(hours=2))
    assert [(each.language, each.text) for each in found] == [
        ("fr", "Carte non reconnue. Ouvert à tous dès 14:00."),
        ("de", "Karte nicht erkannt. Für alle offen ab 14:00 Uhr."),
    ]


# fmt: off
DATED = [
    # language  a stranger's card, and the display, with times beyond a week
    ("fr", "Carte non reconnue. Ouvert à tous dès le mercredi 9 décembre à 13:00.",
           "Réservé du mercredi 9 décembre à 13:00 au jeudi 10 décembre à 13:00."),
    ("da", "Kortet blev ikke genkendt. Åbent for alle fra onsdag den 9. december kl. 13:00.",
           "Reserveret fra onsdag den 9. december kl. 13:00 til torsdag den 10. december kl. 13:00."),
    ("es", "Tarjeta no reconocida. Abierto a todos desde el miércoles 9 de diciembre a las 13:00.",
           "Reservado desde el miércoles 9 de diciembre a las 13:00 hasta el jueves 10 de diciembre a las 13:00."),
    ("pt", "Cartão não reconhecido. Abre a todos quarta-feira, 9 de dezembro, às 13:00.",
           "Reservado de quarta-feira, 9 de dezembro, às 13:00, a quinta-feira, 10 de dezembro, às 13:00."),
]
# fmt: on


@pytest.mark.parametrize(("code", "told", "shown"), DATED)
def test_a_date_goes_with_the_words_around_it(code: str, told: str, shown: str) -> None:
    facts = FACTS.model_copy(update={"languages": (code,), "timezone": "UTC"})
    at = datetime(2026, 12, 9, 13, 0, tzinfo=UTC)
    attempt = ATTEMPT.model_copy(update={"event_at": SEEN_AT})
    (text,) = driver_texts(Reason.UNKNOWN_ID, attempt, facts, (), at)
    (display,) = reserved_texts(at, at + timedelta(days=1), SEEN_AT, "UTC", (code,))
    assert (text.text, display.text) == (told, shown)


def test_a_language_of_a_newer_version_is_left_out_and_english_is_the_last_resort() -> None:
    assert [each.code for each in spoken(("xx", "sv"))] == ["sv"]
    assert [each.code for each in spoken(("xx",))] == [ENGLISH]


def test_without_a_decision_it_is_told_in_the_sites_languages_too() -> None:
    said = fixed_texts(Reason.DECISION_TIMED_OUT, ("nb", "en"))
    assert [each.text for each in said] == ["Kontakt depotet.", "Please contact the depot."]


def test_every_placeholder_of_a_driver_text_can_be_filled() -> None:
    needed = frozenset[str]().union(*map(placeholders_of, ENGLISH_TEXTS.values()))
    assert needed == {"t", "holder"}
