"""The configuration as a whole: the settings and every file that they name, read and held against each other.

Owns the words for what is wrong with a configuration; all mistakes of all files are reported at once.
May not do: open sockets, run anything.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from audit.sealing import Reader
from audit.signing import KeyFileError
from audit.values import ValueKey
from louver import connecting
from louver.arriving import CannotArriveError, ways
from louver.granted import check
from louver.secret import SecretError, load_secret
from louver.settings import Settings, SettingsError, load_settings
from louver.sources import sources
from policies.loader import PolicyError, load_policies
from policies.masks import SCHEMAS
from policies.positions import DocumentError
from proxy import tls
from proxy.identity import Users
from proxy.measures.inforce import InForce
from proxy.people import People
from proxy.recording import Memory
from proxy.shown import Snapshots
from rewriter.keys import SETTING, KeyMaterial, key_material

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from audit.sealing import Sealer
    from policies.decide import PolicySet
    from policies.positions import Problem
    from proxy.mysql.login import MySQLLoginSettings
    from proxy.postgres.login import PostgresLoginSettings
    from proxy.sources.source import Keeping


_ALPN = {"postgresql": tls.POSTGRESQL, "mysql": None}
_NAME_BYTES = 16  # random bytes of the setting's name: beyond guessing


class ConfigurationError(Exception):
    """Louver cannot run with this configuration: one mistake each, with its place where it has one."""

    def __init__(self, mistakes: Iterable[Problem | str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))


@dataclass(frozen=True, slots=True)
class Parts:
    """What a proxy is made of, before any socket is opened."""

    settings: Settings
    policies: PolicySet
    people: People
    key: KeyMaterial | None
    login: PostgresLoginSettings | MySQLLoginSettings
    measures: InForce


def load(path: Path | str) -> Parts:
    """Read the settings and everything they name. Raises ConfigurationError with all mistakes of all files."""
    try:
        settings = load_settings(path)
    except SettingsError as error:
        raise ConfigurationError(error.problems) from None
    mistakes: list[Problem | str] = []
    known: list[Keeping] = []
    policies: PolicySet | None = None
    users = Users.none()
    key: KeyMaterial | None = None
    login: PostgresLoginSettings | MySQLLoginSettings | None = None
    try:
        policies = load_policies(settings.policies)
    except PolicyError as error:
        mistakes += error.problems
    try:
        users = Users.load(settings.users) if settings.users is not None else users
    except DocumentError as error:
        mistakes += error.problems
    except OSError as error:
        mistakes.append(f"cannot read the users file {settings.users}: {error.strerror}")
    try:
        key = _key(settings.secret_file) if settings.secret_file is not None else None
    except SecretError as error:
        mistakes.append(str(error))
    try:
        known = sources(settings)
        check(settings)
        text_readers(settings)
        login = (
            postgres_login_settings(settings) if settings.protocol == "postgresql" else mysql_login_settings(settings)
        )
    except (tls.TLSError, CannotArriveError, KeyFileError) as error:
        mistakes.append(str(error))
    if settings.secret_file is None:
        mistakes += _wants_secret(settings, policies)
    if settings.metrics is not None and find_spec("prometheus_client") is None:
        mistakes.append("`metrics` needs the package prometheus-client: pip install 'louver[metrics]'")
    if mistakes or policies is None or login is None:
        raise ConfigurationError(mistakes)
    measures = InForce()
    people = People(users, known, own=settings.login == "own", suspended=measures)
    return Parts(settings, policies, people, key, login, measures)


def _wants_secret(settings: Settings, policies: PolicySet | None) -> list[str]:
    """What cannot be without a secret."""
    wanting = []
    if policies is not None and uses_keyed_masks(policies):
        wanting.append(f"{settings.policies} uses the mask `hash`")
    if settings.audit.shown:
        wanting.append("`audit.shown` keeps keyed hashes of what answers show")
    make = "which needs a secret; make one by `louver secret FILE` and name it as `secret_file`"
    return [f"{what}, {make}" for what in wanting]


def text_readers(settings: Settings) -> tuple[Reader, ...]:
    """Those for whom texts are sealed. Raises KeyFileError."""
    readers: dict[str, Reader] = {}
    for path in settings.audit.text_key:
        reader = Reader.read(path)
        if reader.id in readers:
            raise KeyFileError(f"{path} holds a key that `audit.text_key` has already: name each auditor's once")
        readers[reader.id] = reader
    return tuple(readers.values())


class _Files:
    """Files that are read again when they change."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.follow(files)
        self._waiting = self._read

    def follow(self, files: Iterable[Path]) -> None:
        """Take these as read."""
        self.files = tuple(files)
        self._read = _stamps(self.files)

    def changed(self) -> bool:
        """Whether they have changed since they were read, and not since this was asked last: somebody may be writing still.

        Half a file can be a valid one, with less to protect.
        """
        now = _stamps(self.files)
        settled = now != self._read and now == self._waiting
        self._waiting = now
        return settled


class PolicyFiles:
    """The files of the policies in force, read again when they change."""

    def __init__(self, settings: Settings, policies: PolicySet) -> None:
        self._settings = settings
        self._files = _Files(policies.files)
        self.changed = self._files.changed

    def load(self) -> PolicySet:
        """Read them again. Raises PolicyError, ConfigurationError; then they count as read, too, until they change."""
        self._files.follow(self._files.files)
        policies = reload_policies(self._settings)
        if policies.files != self._files.files:
            self._files.follow(policies.files)
        return policies


class TLSFiles:
    """The files of TLS before clients: Louver's own certificate, the authorities of theirs, and what these have revoked."""

    def __init__(self, settings: Settings, shown: tls.ServerTLS) -> None:
        self._settings = settings
        self._shown = shown
        own, theirs = settings.tls, settings.certificates
        paths = [*((own.certificate, own.key) if own else ()), *((theirs.ca, theirs.crl) if theirs else ())]
        self._files = _Files(path for path in paths if path is not None)
        self.changed = self._files.changed

    def load(self) -> None:
        """Read them again, for the next handshake: all of them, or, where one cannot be used, none. Raises proxy.tls.TLSError."""
        self._files.follow(self._files.files)
        newer = server_tls(self._settings)
        if newer is not None:
            self._shown.become(newer)


def _stamps(files: Iterable[Path]) -> tuple[tuple[int, int, int] | None, ...]:
    """What tells whether files have changed; None for one that cannot be looked at."""
    found: list[tuple[int, int, int] | None] = []
    for path in files:
        try:
            status = path.stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)


def reload_policies(settings: Settings) -> PolicySet:
    """Read the policies again, for a proxy that runs. Raises PolicyError, ConfigurationError."""
    policies = load_policies(settings.policies)
    if settings.secret_file is None and uses_keyed_masks(policies):
        raise ConfigurationError([f"{settings.policies} uses the mask `hash` or `join`, and there is no `secret_file`"])
    return policies


def uses_keyed_masks(policies: PolicySet) -> bool:
    """Tell whether any rule or default of the policies needs the secret."""
    if any(rule.join is not None for rule in policies.rules):
        return True
    masks = [rule.mask for rule in policies.rules]
    masks += [policies.default_mask(category) for category in policies.dictionary.categories]
    return any(mask is not None and SCHEMAS[mask.name].keyed for mask in masks)


def postgres_login_settings(settings: Settings) -> PostgresLoginSettings:
    """Build what a login to PostgreSQL needs. Raises proxy.tls.TLSError and CannotArriveError for files that cannot be used."""
    from proxy.postgres.login import PostgresLoginSettings
    from proxy.postgres.wire.authentication import ServiceAccount

    return PostgresLoginSettings(
        upstream=connecting.place(settings.upstream, settings.protocol),
        login=settings.login,
        service=ServiceAccount(settings.upstream.user, settings.upstream.password or ""),
        tls=server_tls(settings),
        tls_required=settings.tls is not None and settings.tls.required,
        seconds=settings.limits.login_seconds,
        ways=ways(settings),
    )


def mysql_login_settings(settings: Settings) -> MySQLLoginSettings:
    """Build what a login to MySQL needs. Raises proxy.tls.TLSError and CannotArriveError for files that cannot be used."""
    from proxy.mysql.login import MySQLLoginSettings
    from proxy.mysql.wire.authentication import ServiceAccount

    return MySQLLoginSettings(
        upstream=connecting.place(settings.upstream, settings.protocol),
        login=settings.login,
        service=ServiceAccount(settings.upstream.user, settings.upstream.password or ""),
        tls=server_tls(settings),
        tls_required=settings.tls is not None and settings.tls.required,
        seconds=settings.limits.login_seconds,
        ways=ways(settings),
    )


def server_tls(settings: Settings) -> tls.ServerTLS | None:
    """What clients are shown, and what theirs are verified by. Raises proxy.tls.TLSError for files that cannot be used."""
    shown = settings.tls
    if shown is None:
        return None
    asked = settings.certificates
    clients = tls.ClientAuthorities(asked.ca, asked.crl) if asked is not None else None
    return tls.server_tls(shown.certificate, shown.key, _ALPN[settings.protocol], clients)


def memory(settings: Settings, sealer: Sealer | None) -> Memory:
    """What the trail keeps of values. Raises SecretError."""
    audit = settings.audit
    if settings.secret_file is None:
        return Memory(sealer=sealer)
    key = ValueKey(load_secret(settings.secret_file))
    return Memory(
        hashes=key if audit.values == "hashed" else None,
        snapshots=Snapshots(key, audit.shown) if audit.shown else None,
        sealer=sealer,
    )


def _key(secret_file: Path) -> KeyMaterial:
    """The key of keyed masks, for a session setting whose name nobody can guess. Raises SecretError."""
    return key_material(load_secret(secret_file), f"{SETTING}_{secrets.token_hex(_NAME_BYTES)}")
