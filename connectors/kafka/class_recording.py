"""Making the archive of Kafka's classes: one Kafka is started and stopped, in a folder of its own.

The archive of a server serves the storage tool as well, which loads a part of the same classes.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
from pathlib import Path

from connectors.kafka.broker_files import DISK_NEEDED_BYTES, BrokerFiles, Progress
from connectors.kafka.broker_jars import SERVER, JarsBroker, fetch_jars, java_needed, java_says
from connectors.kafka.class_archive import ARCHIVE_BYTES, ClassArchive, options_to_record
from connectors.processes import stop_child
from models.errors import BrokerUnavailableError

WRITTEN_S = 90.0
"""For a stop at which the archive is written: 7 s on two busy cores."""


async def prepare_jars(on_progress: Progress) -> None:
    """Have the jars, and the archive of their classes: all that a first start will need.

    Without the archive Kafka starts as well, only slower: a Java that cannot make one is no error,
    and nothing is tried on a disk that is nearly full.

    Raises:
        BrokerUnavailableError: Java or Maven is missing, the disk is full, or the fetch failed.
    """
    libs = await fetch_jars(on_progress)
    archive = ClassArchive(java_says(java_needed()), libs)
    room = shutil.disk_usage(libs).free - DISK_NEEDED_BYTES
    if not archive.worth_making or room < ARCHIVE_BYTES:
        return
    on_progress("recording Kafka's classes, for faster starts (once, 15 s)")
    try:
        await _record(archive, libs)
    except BrokerUnavailableError:
        on_progress(f"not recorded, Kafka starts without; why is in {archive.failure}")
    except OSError as fault:
        # The folder is not to be written to: found at once, each time, and nothing to remember.
        on_progress(f"not recorded, Kafka starts without ({fault})")


async def _record(archive: ClassArchive, libs: Path) -> None:
    with tempfile.TemporaryDirectory(dir=libs.parent) as work:
        broker = _RecordingBroker(Path(work), libs)
        try:
            await broker.start_again()
            archive.keep(await broker.recorded())
        except BrokerUnavailableError as fault:
            archive.give_up(f"{fault}\n{broker.said()}")
            raise
        finally:
            broker.kill()


class _RecordingBroker(JarsBroker):
    """Writes an archive of the classes that it has loaded when it ends."""

    def __init__(self, folder: Path, libs: Path) -> None:
        files = BrokerFiles(folder)
        super().__init__(files, None, libs)
        self._log = files.log
        self._to = folder / "classes.jsa"

    def _class_options(self, _java: str, main_class: str) -> tuple[str, ...]:
        return options_to_record(self._to) if main_class == SERVER else ()

    async def recorded(self) -> Path:
        """Stop, and give what was written.

        Raises:
            BrokerUnavailableError: it did not end as a Java does that was told to, having written.
        """
        assert self._child is not None
        await stop_child(self._child, WRITTEN_S)
        code = self._child.returncode
        if code != 128 + signal.SIGTERM or not self._to.exists():
            raise BrokerUnavailableError(f"Java ended with {code} and wrote no archive")
        return self._to

    def said(self) -> str:
        """Its log, which goes with its folder."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""
