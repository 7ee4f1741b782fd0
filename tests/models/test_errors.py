"""What is said of a fault that the system or a library names."""

from __future__ import annotations

import errno
import socket

import pytest

from models.errors import cause_of


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (OSError(errno.EADDRINUSE, "error while attempting to bind on address"),
         "Address already in use"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
         "Name or service not known"),
        (OSError("could not bind on any address out of []"),
         "could not bind on any address out of []"),
    ],
)  # fmt: skip
def test_the_cause_is_the_systems_word_or_what_there_is(fault: OSError, said: str) -> None:
    assert cause_of(fault) == said
