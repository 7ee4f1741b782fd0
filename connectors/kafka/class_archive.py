"""Kafka's classes as Java has them in memory, kept in a file: much of a start goes into them.

Java maps such a file (class data sharing, a dynamic archive: JEP 350) where it would read, check
and link the 7,400 classes of a start, half of them out of jars. Formatting and starting a Kafka
takes 3.2 s of a core with it and 5.2 s without, 4.8 and 7.3 s by the clock (Java 17 on two busy
cores, medians of six, measured in turn).
"""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from pathlib import Path

TRY_AGAIN_S = 24 * 60 * 60.0
"""After a Java could not make an archive: often it never can, and trying costs 15 s of `make`."""

ARCHIVE_BYTES = 96 * 1024 * 1024
"""Room for an archive, which has 48 MB; another Java's may have more."""

CHECKED_IN_SILENCE = ("-XX:+VerifySharedSpaces", "-Xlog:cds*=off")
"""Java checks the content against its sums (20 ms), and goes on without a word when an archive is
damaged or not for it: the broker's log is read for why Kafka died."""


class ClassArchive:
    """The archive that fits one Java and one set of jars, beside the jars.

    Java itself refuses an archive of another Java or of other jars. The name says both as well, so
    that one which does not fit is not taken for one that need not be made. It ends with the
    length in bytes: Java 17 dies of SIGBUS when an archive was cut off.

    Args:
        java_says: what `java -version` prints, with the build.
        libs: the folder of the jars.
    """

    def __init__(self, java_says: str, libs: Path) -> None:
        self._folder = libs.parent
        self._name = f"classes-{_digest(java_says, libs)}"
        self.failure = self._folder / f"{self._name}.failed"
        """Why it could not be made, for people."""

    @property
    def path(self) -> Path | None:
        """Where it is, whole; None when there is none."""
        for path in self._folder.glob(f"{self._name}-*.jsa"):
            with suppress(OSError):
                if path.stem == f"{self._name}-{path.stat().st_size}":
                    return path
        return None

    def options(self) -> tuple[str, ...]:
        """For `java`: to start with the archive, or as ever when there is none.

        Java must not be given the name of one that is not there: it would then leave out its own
        archive of the standard library as well.
        """
        path = self.path
        return () if path is None else (f"-XX:SharedArchiveFile={path}", *CHECKED_IN_SILENCE)

    @property
    def worth_making(self) -> bool:
        """Whether there is none, and none failed to be made within the last day."""
        try:
            since_s = time.time() - self.failure.stat().st_mtime
        except OSError:
            since_s = TRY_AGAIN_S
        return since_s >= TRY_AGAIN_S and self.path is None

    def keep(self, made: Path) -> None:
        """Have a file that Java wrote as the archive: it appears whole, and replaces all others.

        A Java that has an older one mapped keeps what it has.

        Raises:
            OSError: there is no such file, or no permission.
        """
        kept = self._folder / f"{self._name}-{made.stat().st_size}.jsa"
        made.replace(kept)
        for other in (*self._folder.glob("classes-*.jsa"), *self._folder.glob("classes-*.failed")):
            if other != kept:
                other.unlink(missing_ok=True)

    def give_up(self, why: str) -> None:
        """Remember for a day that it could not be made.

        Raises:
            OSError: nor can that be written.
        """
        self.failure.write_text(why)


def options_to_record(to: Path) -> tuple[str, ...]:
    """For `java`: to write an archive of the classes that it has loaded when it ends.

    With the options of every later start, so that a Java which does not know them fails here.
    """
    return (f"-XX:ArchiveClassesAtExit={to}", *CHECKED_IN_SILENCE)


def _digest(java_says: str, libs: Path) -> str:
    """Differs where Java would find that an archive is not for it or for these jars."""
    jars = [(jar.name, jar.stat()) for jar in sorted(libs.glob("*.jar"))]
    lines = [f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in jars]
    text = "\n".join((java_says, str(libs), *lines))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
