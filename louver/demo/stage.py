"""The stage of the demo: a database with the bank in it, and Louver in front of it, both on loopback.

Owns a private directory with the configuration files that a real installation would have, and the two processes.
All of it is gone when the demo ends, in whatever way it ends.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from louver.demo import supervise
from louver.demo.bank import bank_script, make_bank
from louver.demo.configuration import DATABASE, Place, service_account_sql, write_configuration
from louver.demo.host import free_port
from louver.demo.postgres import LocalPostgres

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

    from louver.demo.bank import Bank

_START_SECONDS = 30.0  # Python, its libraries and the policies load in about a second


class StageError(Exception):
    """The proxy did not come up; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The running demo. `passwords` are the people's, by user; `directory` holds louver.yaml and the rest."""

    postgres: LocalPostgres
    bank: Bank
    directory: Path
    host: str
    port: int
    passwords: Mapping[str, str]
    process: subprocess.Popen[bytes]
    log: IO[bytes]

    @property
    def config(self) -> Path:
        """The settings file."""
        return self.directory / "louver.yaml"

    def url(self, user: str) -> str:
        """What `user` gives psql or any other client to come in through Louver."""
        return f"postgresql://{user}:{quote(self.passwords[user])}@{self.host}:{self.port}/{DATABASE}"


@contextlib.contextmanager
def open_stage(port: int = 0) -> Iterator[Stage]:
    """Start the database, fill the bank, write the configuration, start Louver on `port` (0: any free one).

    Raises louver.demo.host.ServerUnavailable and StageError.
    """
    bank = make_bank()
    with LocalPostgres.start() as postgres, private_directory() as directory, tempfile.TemporaryFile() as log:
        service_password = secrets.token_urlsafe(16)
        postgres.create_database(DATABASE)
        postgres.run_sql(bank_script(bank), DATABASE)
        postgres.run_sql(service_account_sql(service_password), DATABASE)
        port = port or free_port()
        tls = f"{{mode: verify-full, ca: {postgres.certificate}}}"
        place = Place("127.0.0.1", port, postgres.host, postgres.port, tls)
        passwords = write_configuration(directory, place, service_password)
        process = supervise.start(
            [sys.executable, "-m", "louver", "serve", "--config", directory / "louver.yaml"],
            stop_signal="TERM",  # Louver's graceful end: running statements finish, the trail is closed
            directory=directory,
            remove_directory=True,
            log=log,
        )
        try:
            wait_for(process, port, log)
            yield Stage(postgres, bank, directory, "127.0.0.1", port, passwords, process, log)
        finally:
            supervise.end(process)


@contextlib.contextmanager
def private_directory() -> Iterator[Path]:
    """Give a private directory that is removed at the end."""
    directory = Path(tempfile.mkdtemp(prefix="louver-demo-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def wait_for(process: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    """Wait until Louver accepts connections. Raises StageError when it ends or takes too long."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise StageError(f"louver serve did not start:\n{supervise.tail(log)}")
