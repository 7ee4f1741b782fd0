"""What chargers say of their displays, and what of a text is shown there."""

from __future__ import annotations

import pytest

from models.attempt import DriverText
from models.languages import ENGLISH_TEXTS, LANGUAGES
from models.screens import UNKNOWN_SCREEN, Screen, TextFormat, in_ascii, screen_of
from models.texts import fixed_texts

SAID = {
    "Available": "true",
    "Enabled": "True",
    "PersonalMessageSize": "200",
    "SupportedFormats": "ASCII, UTF8,URI",
}


def test_a_display_is_what_its_variables_say() -> None:
    assert screen_of(SAID) == Screen(
        available=True,
        enabled=True,
        chars_max=200,
        formats=frozenset({"ASCII", "UTF8", "URI"}),
        asked=True,
    )


@pytest.mark.parametrize("size", ["", "-1", "two", "٣٠", "99999999999"])
def test_a_size_that_is_none_is_unsaid(size: str) -> None:
    assert screen_of({"PersonalMessageSize": size}).chars_max in {None, 30}
    assert screen_of({}).asked


#   formats                      the one that is written
FORMATS = [
    (None, TextFormat.UTF8),
    (frozenset({"ASCII", "UTF8"}), TextFormat.UTF8),
    (frozenset({"ASCII", "HTML"}), TextFormat.ASCII),
    (frozenset({"HTML", "URI", "QRCODE"}), None),
]


@pytest.mark.parametrize(("formats", "written"), FORMATS)
def test_texts_are_written_in_the_best_format_that_is_shown(
    formats: frozenset[str] | None, written: TextFormat | None
) -> None:
    assert Screen(formats=formats).format is written


#   room  what is left of two sentences
ROOMS = [
    (100, "Karte gesperrt. Bitte fragen Sie."),
    (33, "Karte gesperrt. Bitte fragen Sie."),
    (32, "Karte gesperrt."),
    (15, "Karte gesperrt."),
    (6, "Karte"),
]


@pytest.mark.parametrize(("room", "left"), ROOMS)
def test_a_text_that_is_too_long_loses_whole_sentences_first(room: int, left: str) -> None:
    text = DriverText(language="de", text="Karte gesperrt. Bitte fragen Sie.")
    (shown,) = Screen(chars_max=room).personal((text,))
    assert shown.text == left


def test_a_charger_that_was_not_asked_is_sent_texts_as_they_are() -> None:
    texts = fixed_texts(next(iter(ENGLISH_TEXTS)), ("de", "fr"))
    assert UNKNOWN_SCREEN.personal(texts) == texts


@pytest.mark.parametrize(
    ("language", "text", "written"),
    [
        ("de", "Karte muss geprüft werden. Süß, Öl.", "Karte muss geprueft werden. Suess, Oel."),
        ("da", "Kortet gælder ikke på lørdag.", "Kortet gaelder ikke paa loerdag."),
        ("sv", "Öppet från lördag.", "Oppet fran lordag."),
        ("fr", "Présentez votre carte à nouveau.", "Presentez votre carte a nouveau."),
        ("pt", "Cartão já não é válido.", "Cartao ja nao e valido."),
    ],
)
def test_letters_that_ascii_lacks_are_spelt_as_the_language_spells_them(
    language: str, text: str, written: str
) -> None:
    assert in_ascii(text, language) == written


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_every_text_that_ships_keeps_all_its_letters_in_ascii(code: str) -> None:
    for sentences in LANGUAGES[code].sentences.values():
        for sentence in sentences:
            written = in_ascii(sentence.text, code)
            assert written.isascii()
            assert len(written) >= len(sentence.text), sentence.text
