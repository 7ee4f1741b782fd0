"""What a charger can show a driver: as much of the texts as it has room and letters for."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from models.attempt import AttemptKind, DriverText
from models.languages import DRIVER_TEXT_MAX_CHARS, sentences_of
from models.reasons import OcppVersion
from models.record import Frozen

PERSONAL_MESSAGE_CHARS_MAX: Mapping[str, int] = MappingProxyType({"2.0.1": 512, "2.1": 1024})
"""Of MessageContentType.content by version; idTagInfo of 1.6 has no text. Texts here are made for
both (DRIVER_TEXT_MAX_CHARS)."""

MORE_TEXTS_MAX = 4
"""OCPP 2.1: `updatedPersonalMessageExtra` and `messageExtra` hold one to four texts beside the
first."""

DISPLAYS_MAX = 256
"""Remembered: what displays say of formats, asked three times for each answer; makes are few."""


class TextFormat(StrEnum):
    """How a text is written, as MessageFormatEnumType spells it; others are not written here."""

    UTF8 = "UTF8"
    ASCII = "ASCII"


class Way(NamedTuple):
    """One way to ask for a message to be shown, in the words of OCPP 2.x.

    Attributes:
        priority: MessagePriorityEnumType.
        state: MessageStateEnumType; None = shown in every state.
    """

    format: TextFormat
    priority: str
    state: str | None


PRIORITIES = ("NormalCycle", "InFront", "AlwaysFront")
"""In turn with what else there is, for as long as a display can do that: what it hides may be a
price. Above all others only where there is no other way."""

STATES = (None, "Idle")
"""Always, or else while nobody charges: whoever comes has to know."""

_EVERY_STATE = "every state"


class Screen(Frozen):
    """What DisplayMessageCtrlr of a charger says of its display; None = it did not say.

    Attributes:
        available, enabled: whether there is one, and whether it is switched on.
        chars_max: PersonalMessageSize, of one text for a driver.
        formats: SupportedFormats.
        priorities: SupportedPriorities.
        states: SupportedStates, of OCPP 2.1.
        refused: words of formats, priorities and states that it refused, whatever it says.
        asked: whether it was asked at all.
    """

    available: bool | None = None
    enabled: bool | None = None
    chars_max: int | None = None
    formats: frozenset[str] | None = None
    priorities: frozenset[str] | None = None
    states: frozenset[str] | None = None
    refused: frozenset[str] = frozenset()
    asked: bool = False

    @property
    def format(self) -> TextFormat | None:
        """The best that it shows; None where it shows no text. Who leaves the formats out, though
        a display must name them, is taken to show any."""
        return _best_format(self.formats, self.refused)

    @property
    def way(self) -> Way | None:
        """The best way to have a message shown; None where none is left."""
        priorities = (each for each in PRIORITIES if self._has(each, self.priorities))
        priority = next(priorities, None)
        states = [each for each in STATES if self._shows_in(each)]
        if self.format is None or priority is None or not states:
            return None
        return Way(self.format, priority, states[0])

    def _shows_in(self, state: str | None) -> bool:
        if state is None:
            return _EVERY_STATE not in self.refused
        return self._has(state, self.states)

    def without(self, way: Way, status: str) -> Screen:
        """The screen as far as it is left, once it refused a way with that status of
        SetDisplayMessage; the same, where no other way follows from it."""
        refused = {
            "NotSupportedMessageFormat": str(way.format),
            "NotSupportedPriority": way.priority,
            "NotSupportedState": way.state or _EVERY_STATE,
        }.get(status)
        if refused is None:
            return self
        return self.model_copy(update={"refused": self.refused | {refused}})

    def _has(self, word: str, said: frozenset[str] | None) -> bool:
        return _permits(word, said, self.refused)

    @property
    def shows_announcements(self) -> bool:
        """Whether it says that it shows messages as text: a display that says nothing has none."""
        return self.available is True and self.enabled is not False and self.way is not None

    def shown(self, texts: tuple[DriverText, ...]) -> tuple[DriverText, ...]:
        """Texts of an announcement in letters that it has."""
        return tuple(_written(text, self.format, DRIVER_TEXT_MAX_CHARS) for text in texts)

    def personal(self, texts: tuple[DriverText, ...]) -> tuple[DriverText, ...]:
        """Texts for a driver, as much of each as it shows; none for a charger without a display."""
        room = DRIVER_TEXT_MAX_CHARS if self.chars_max is None else self.chars_max
        if self.available is False or self.enabled is False or self.format is None or room < 1:
            return ()
        return tuple(_written(text, self.format, room) for text in texts)


@lru_cache(maxsize=DISPLAYS_MAX)
def _best_format(said: frozenset[str] | None, refused: frozenset[str]) -> TextFormat | None:
    return next((each for each in TextFormat if _permits(each, said, refused)), None)


def _permits(word: str, said: frozenset[str] | None, refused: frozenset[str]) -> bool:
    return word not in refused and (said is None or word in said)


UNKNOWN_SCREEN = Screen()
"""Of a charger that was not asked yet: sent what its version carries."""


def carried_count(ocpp: OcppVersion | str, kind: AttemptKind | str) -> int:
    """How many texts an answer has room for: only TransactionEvent of 2.1 carries several."""
    if ocpp not in PERSONAL_MESSAGE_CHARS_MAX:
        return 0
    several = ocpp == "2.1" and kind == AttemptKind.TRANSACTION_EVENT
    return 1 + MORE_TEXTS_MAX if several else 1


_FLAGS = {"true": True, "false": False}


def screen_of(said: Mapping[str, str]) -> Screen:
    """A display from the values of its variables, by their names; what cannot be read is unsaid."""
    chars_max = said.get("PersonalMessageSize", "")
    return Screen(
        available=_FLAGS.get(said.get("Available", "").casefold()),
        enabled=_FLAGS.get(said.get("Enabled", "").casefold()),
        # Longer numbers than any display is wide are no number of characters.
        chars_max=int(chars_max) if chars_max.isdecimal() and len(chars_max) <= 6 else None,
        formats=_words(said.get("SupportedFormats")),
        priorities=_words(said.get("SupportedPriorities")),
        states=_words(said.get("SupportedStates")),
        asked=True,
    )


def _words(listed: str | None) -> frozenset[str] | None:
    return frozenset(each.strip() for each in listed.split(",")) if listed else None


def _written(text: DriverText, format_: TextFormat | None, room: int) -> DriverText:
    if format_ is TextFormat.UTF8 and len(text.text) <= room:
        return text
    written = text.text
    if format_ is TextFormat.ASCII:
        written = in_ascii(written, text.language)
    return text.model_copy(update={"text": _cut(written, room)})


def _cut(text: str, room: int) -> str:
    """As many whole sentences as fit; where the first does not, as much of it as fits."""
    sentences = [sentence.text for sentence in sentences_of(text)]
    while len(sentences) > 1 and len(" ".join(sentences)) > room:
        sentences.pop()
    return " ".join(sentences)[:room].rstrip()


_UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}
_DANISH = {"å": "aa", "Å": "Aa"}
_SPELT: Mapping[str, Mapping[str, str]] = {"de": _UMLAUTS, "da": _DANISH, "nb": _DANISH}
"""Letters that a language spells otherwise where it lacks them; others lose their marks."""

_WITHOUT_MARKS = {"ß": "ss", "æ": "ae", "Æ": "Ae", "ø": "oe", "Ø": "Oe", "œ": "oe", "’": "'"}
"""Letters that are no marked ones."""


def in_ascii(text: str, language: str) -> str:
    """A text in the letters of ASCII, as its language spells them."""
    letters: dict[str, str | int | None] = {**_WITHOUT_MARKS, **_SPELT.get(language, {})}
    spelt = text.translate(str.maketrans(letters))
    return unicodedata.normalize("NFKD", spelt).encode("ascii", "ignore").decode()
