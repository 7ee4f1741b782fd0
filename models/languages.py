"""The languages that a driver can be told things in: sentences and the words for times, as data.

A language is a file, texts.CODE.toml, which ships with the program. English has its sentences in
the reason table (models/reasons.py), where everybody reads them, and the rest in its file too.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, NamedTuple

from pydantic import Field

from models.reasons import REASON_TABLE, Reason
from models.record import Frozen, UtcDatetime
from models.zones import on_the_wall, zone

ENGLISH = "en"
"""The language of a site that names none."""

LANGUAGES_MAX = 5
"""Of one site: OCPP 2.1 has room for one text and four more (personalMessageExtra)."""

DRIVER_TEXT_MAX_CHARS = 512
"""Of a text in OCPP 2.0.1 (MessageContentType.content); OCPP 2.1 has 1024, so it fits there too."""

_FILE = re.compile(r"texts\.([a-z]{2,3})\.toml")
_SENTENCE = re.compile(r"(?<=\.)\s+")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")

_A_DAY = timedelta(hours=24)
_A_WEEK = timedelta(days=7)
_A_YEAR = timedelta(days=365)

ENGLISH_TEXTS: Mapping[str, str] = {row.reason: row.driver_text for row in REASON_TABLE}


class Sentence(NamedTuple):
    """A sentence, and the placeholders without whose values it is left out."""

    text: str
    needs: frozenset[str]


class ByHour(Frozen):
    """A form that is another at one o'clock, as in Spanish: "la 01:00", "las 02:00"."""

    one: str
    other: str


Form = str | ByHour


class When(Frozen):
    """How a language says when: within a day, within a week, and later.

    Within a day a time alone says which one is meant, within a week the weekday does, and within a
    year the date.
    """

    soon: Form
    this_week: Form
    later: Form


class Times(When):
    """The forms, and the names that they need.

    Attributes:
        first: the number of the first day of a month, for languages that count it ("1er").
        dated: a month of another year than the next one of its name ("enero de 2028").
    """

    first: str = "1"
    dated: str = "{month} {year}"

    days: Annotated[tuple[str, ...], Field(min_length=7, max_length=7)]
    months: Annotated[tuple[str, ...], Field(min_length=12, max_length=12)]


class Holder(Frozen):
    """Whose record it is: the rows AGREEMENT_EXPIRED and AGREEMENT_NOT_YET serve both."""

    card: str
    agreement: str


class Display(Frozen):
    """What a charger's display says in a managed window, and where that has no start or no end.

    Attributes:
        start, end: forms of the two times, for languages that say a beginning or an end otherwise
            than a time alone ("dalle ore 18:00 alle ore 06:00").
    """

    reserved_between: str
    reserved: str
    start: When | None = None
    end: When | None = None


class WrittenLanguage(Frozen):
    """A language's file as it is written."""

    name: str
    texts: dict[str, str] = Field(default_factory=dict)
    holder: Holder
    times: Times
    display: Display


class Language(NamedTuple):
    """A language, ready to be spoken.

    Attributes:
        name: as those who speak it write it.
    """

    code: str
    name: str
    sentences: Mapping[str, tuple[Sentence, ...]]
    holder: Holder
    times: Times
    display: Display

    def when(
        self, at: UtcDatetime, seen_at: datetime, timezone: str, forms: When | None = None
    ) -> str:
        """A time as people at the site say it, from where they stand in time.

        Args:
            forms: of a beginning or an end, where the language has some.
        """
        there, times = zone(timezone), self.times
        local, here = on_the_wall(at, there), on_the_wall(seen_at, there)
        # On the clocks that people look at: in the night in which they are set forward, the same
        # time of the next day is 23 hours away.
        ahead = abs(local.replace(tzinfo=None) - here.replace(tzinfo=None))
        forms = forms or times
        form = forms.soon if ahead < _A_DAY else forms.this_week if ahead < _A_WEEK else forms.later
        if isinstance(form, ByHour):
            form = form.one if local.hour == 1 else form.other
        month = times.months[local.month - 1]
        return form.format(
            time=f"{local:%H:%M}",
            day=times.days[local.weekday()],
            number=times.first if local.day == 1 else local.day,
            month=month if ahead < _A_YEAR else times.dated.format(month=month, year=local.year),
        )


def sentences_of(text: str) -> tuple[Sentence, ...]:
    """A text cut into its sentences."""
    return tuple(
        Sentence(sentence, placeholders_of(sentence)) for sentence in _SENTENCE.split(text)
    )


def placeholders_of(text: str) -> frozenset[str]:
    """What has to be filled in."""
    return frozenset(_PLACEHOLDER.findall(text))


def faults_of(code: str, written: WrittenLanguage) -> Iterator[str]:
    """What keeps a language from being spoken: keys, placeholders, and texts that are too long."""
    texts = ENGLISH_TEXTS if code == ENGLISH else written.texts
    for reason in Reason:
        text = texts.get(reason)
        if text is None:
            yield f"texts: expected {reason}"
            continue
        if placeholders_of(text) != placeholders_of(ENGLISH_TEXTS[reason]):
            yield f"{reason}: expected the placeholders of {ENGLISH_TEXTS[reason]!r}, got {text!r}"
        if not text.endswith("."):
            yield f"{reason}: expected sentences, got {text!r}"
    for unknown in set(texts) - set(Reason):
        yield f"texts: there is no reason {unknown}"
    if placeholders_of(written.display.reserved_between) != {"start", "end"}:
        yield "display.reserved_between: expected start, end"
    if placeholders_of(written.display.reserved):
        yield "display.reserved: expected no placeholder"
    if placeholders_of(written.times.dated) != {"month", "year"}:
        yield "times.dated: expected month, year"
    for table, forms in _forms_of(written):
        for name, needed in _OF_TIMES.items():
            for form in _spelt(getattr(forms, name)):
                if placeholders_of(form) != needed:
                    yield f"{table}.{name}: expected {', '.join(sorted(needed))}, got {form!r}"


def _forms_of(written: WrittenLanguage) -> Iterator[tuple[str, When]]:
    yield "times", written.times
    for name in ("start", "end"):
        forms: When | None = getattr(written.display, name)
        if forms is not None:
            yield f"display.{name}", forms


def _spelt(form: Form) -> tuple[str, ...]:
    return (form.one, form.other) if isinstance(form, ByHour) else (form,)


_OF_TIMES: Mapping[str, frozenset[str]] = {
    "soon": frozenset({"time"}),
    "this_week": frozenset({"day", "time"}),
    "later": frozenset({"day", "number", "month", "time"}),
}


def _language(code: str, content: str) -> Language:
    written = WrittenLanguage.model_validate(tomllib.loads(content), strict=False)
    faults = [*faults_of(code, written)]
    assert not faults, f"texts.{code}.toml: {'; '.join(faults)}"
    texts = ENGLISH_TEXTS if code == ENGLISH else written.texts
    return Language(
        code=code,
        name=written.name,
        sentences={reason: sentences_of(text) for reason, text in texts.items()},
        holder=written.holder,
        times=written.times,
        display=written.display,
    )


def _shipped() -> Iterator[Language]:
    for file in sorted(files("models").iterdir(), key=lambda file: file.name):
        named = _FILE.fullmatch(file.name)
        if named:
            yield _language(named[1], file.read_text(encoding="utf-8"))


LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {language.code: language for language in _shipped()}
)
"""Every language there is, by its code (BCP 47)."""


def spoken(codes: tuple[str, ...]) -> tuple[Language, ...]:
    """The languages of a site that this version has, English where it has none of them."""
    known = tuple([LANGUAGES[code] for code in codes if code in LANGUAGES])
    return known or (LANGUAGES[ENGLISH],)
