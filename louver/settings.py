"""The settings file `louver.yaml`: its keys with their defaults and units, and its reading.

Owns the names, types, defaults and limits of all keys; docs/configuration.md documents each, and a test compares
the two. All mistakes of a file are reported at once, each with its line. May not do: open sockets, load policies.
"""

from __future__ import annotations

import os
import zoneinfo
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from policies.positions import Checker, DocumentError, Node, Problem, compose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_T = TypeVar("_T")


PORTS: Final = {"postgresql": 5432, "mysql": 3306}
"""Where a database listens when nobody says otherwise, by protocol."""


class SettingsError(DocumentError):
    """The settings file cannot be used; `problems` says where and why."""


@dataclass(frozen=True, slots=True)
class Key:
    """What one key takes: `kind`, its `unit` for people, and the limits of numbers or the choices of words."""

    kind: Literal["text", "secret", "boolean", "integer", "number", "choice", "path", "file", "section"]
    unit: str = ""
    minimum: float = 0
    maximum: float = 0
    choices: tuple[str, ...] = ()
    section: type | None = None


def _text(unit: str = "") -> Mapping[str, Key]:
    return {"key": Key("text", unit)}


def _integer(unit: str, minimum: int, maximum: int) -> Mapping[str, Key]:
    return {"key": Key("integer", unit, minimum, maximum)}


def _number(unit: str, minimum: float, maximum: float) -> Mapping[str, Key]:
    return {"key": Key("number", unit, minimum, maximum)}


def _choice(*choices: str) -> Mapping[str, Key]:
    return {"key": Key("choice", choices=choices)}


def _path(unit: str) -> Mapping[str, Key]:
    return {"key": Key("path", unit)}


def _file(unit: str) -> Mapping[str, Key]:
    return {"key": Key("file", unit)}  # must exist when the settings are read


def _section(section: type) -> Mapping[str, Key]:
    return {"key": Key("section", section=section)}


@dataclass(frozen=True, slots=True)
class Listen:
    """Where clients connect."""

    host: str = field(default="127.0.0.1", metadata=_text("address or host name"))
    port: int = field(default=6432, metadata=_integer("TCP port; 0 takes a free one", 0, 65535))


@dataclass(frozen=True, slots=True)
class ServerTls:
    """The certificate shown to clients; with `required`, who comes without TLS is turned away."""

    certificate: Path = field(metadata=_file("PEM file, chain included"))
    key: Path = field(metadata=_file("PEM file"))
    required: bool = field(default=False, metadata={"key": Key("boolean")})


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """TLS towards the database; the modes mean what libpq's sslmode means."""

    mode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = field(
        default="verify-full", metadata=_choice("disable", "prefer", "require", "verify-ca", "verify-full")
    )
    ca: Path | None = field(default=None, metadata=_file("PEM file of trusted authorities; none: the system's"))
    certificate: Path | None = field(default=None, metadata=_file("PEM file"))
    key: Path | None = field(default=None, metadata=_file("PEM file"))


@dataclass(frozen=True, slots=True)
class Upstream:
    """The database, and the service account that Louver uses there."""

    user: str = field(metadata=_text("database role"))
    host: str = field(default="127.0.0.1", metadata=_text("address or host name"))
    port: int = field(default=0, metadata=_integer("TCP port; 0 is the protocol's own", 0, 65535))
    tls: UpstreamTls = field(default_factory=UpstreamTls, metadata=_section(UpstreamTls))
    connect_seconds: float = field(default=5.0, metadata=_number("seconds", 0.1, 600))
    password: str | None = field(default=None, repr=False, metadata={"key": Key("secret")})
    password_file: Path | None = field(default=None, metadata=_file("file of one line"))
    password_env: str | None = field(default=None, metadata=_text("name of an environment variable"))


@dataclass(frozen=True, slots=True)
class Audit:
    """The audit trail."""

    directory: Path = field(default=Path("audit"), metadata=_path("directory"))
    sync: Literal["always", "interval", "none"] = field(
        default="interval", metadata=_choice("always", "interval", "none")
    )
    statement_text: Literal["scrubbed", "whole"] = field(default="scrubbed", metadata=_choice("scrubbed", "whole"))
    segment_bytes: int = field(default=64 * 2**20, metadata=_integer("bytes", 4096, 2**40))
    segment_hours: float = field(default=24.0, metadata=_number("hours", 0.01, 8760))
    signing_key: Path | None = field(default=None, metadata=_file("PEM file"))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client, one user and all together may take."""

    connections: int = field(default=500, metadata=_integer("connections", 1, 1_000_000))
    connections_per_user: int = field(default=100, metadata=_integer("connections", 1, 1_000_000))
    login_seconds: float = field(default=15.0, metadata=_number("seconds", 0.1, 3600))
    idle_seconds: float = field(default=0.0, metadata=_number("seconds; 0 is no limit", 0, 31_536_000))
    statement_bytes: int = field(default=64 * 2**20, metadata=_integer("bytes", 1024, 2**30))
    analysed_bytes: int = field(default=2**20, metadata=_integer("bytes", 1024, 16 * 2**20))


@dataclass(frozen=True, slots=True)
class Log:
    """The operational log on standard error."""

    level: Literal["debug", "info", "warning", "error"] = field(
        default="info", metadata=_choice("debug", "info", "warning", "error")
    )
    format: Literal["text", "json"] = field(default="text", metadata=_choice("text", "json"))


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything `louver.yaml` says. Paths are absolute."""

    upstream: Upstream = field(metadata=_section(Upstream))
    policies: Path = field(metadata=_file("policy file"))
    protocol: Literal["postgresql", "mysql"] = field(default="postgresql", metadata=_choice("postgresql", "mysql"))
    listen: Listen = field(default_factory=Listen, metadata=_section(Listen))
    tls: ServerTls | None = field(default=None, metadata=_section(ServerTls))
    login: Literal["own", "relay"] = field(default="own", metadata=_choice("own", "relay"))
    users: Path | None = field(default=None, metadata=_path("users file"))
    secret_file: Path | None = field(default=None, metadata=_path("file"))
    labels_file: Path = field(default=Path("labels.jsonl"), metadata=_path("file"))
    grants_file: Path | None = field(default=None, metadata=_path("file"))
    grants_login: Literal["password", "system"] = field(default="password", metadata=_choice("password", "system"))
    audit: Audit = field(default_factory=Audit, metadata=_section(Audit))
    limits: Limits = field(default_factory=Limits, metadata=_section(Limits))
    drain_seconds: float = field(default=10.0, metadata=_number("seconds", 0, 3600))
    notices: bool = field(default=True, metadata={"key": Key("boolean")})
    on_failure: Literal["deny", "pass"] = field(default="deny", metadata=_choice("deny", "pass"))
    timezone: str = field(default="UTC", metadata=_text("IANA time zone"))
    log: Log = field(default_factory=Log, metadata=_section(Log))


def all_keys(section: type = Settings, prefix: str = "") -> Iterator[tuple[str, Key, object]]:
    """Yield every key, dotted, with what it takes and its default (dataclasses.MISSING when it must be given)."""
    for item in fields(section):
        key: Key = item.metadata["key"]
        if key.section is not None:
            yield from all_keys(key.section, f"{prefix}{item.name}.")
        else:
            yield f"{prefix}{item.name}", key, item.default


def load_settings(path: Path | str) -> Settings:
    """Read a settings file. Relative paths in it are relative to its directory. Raises SettingsError."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError((Problem(str(path), 1, 1, f"cannot read the file: {reason}"),)) from None
    return parse_settings(text, file=str(path), directory=path.resolve().parent)


def parse_settings(text: str, *, file: str, directory: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Turn the text of a settings file into settings. Raises SettingsError with all problems.

    `directory` is what relative paths start from; `environment` is where `password_env` looks (default: the
    process's own).
    """
    root, problems = compose(text, file)
    if root is None:
        raise SettingsError(problems or (Problem(file, 1, 1, "the file is empty; it needs `upstream` and `policies`"),))
    checker = Checker(problems)
    reader = _Reader(checker, directory)
    settings = reader.section(root, "the settings", Settings)
    if settings is not None:
        settings = reader.cross_check(settings, os.environ if environment is None else environment)
    if checker.problems or settings is None:
        raise SettingsError(checker.problems)
    return settings


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns nodes into settings; remembers the node of each key for the checks that span several."""

    checker: Checker
    directory: Path
    nodes: dict[str, Node] = field(default_factory=dict)

    def section(self, node: Node, what: str, make: Callable[..., _T], prefix: str = "") -> _T | None:
        """Read one mapping into its dataclass; None when a key of it is wrong."""
        assert isinstance(make, type)
        known = {item.name: item for item in fields(make)}
        required = [name for name, item in known.items() if item.default is MISSING and item.default_factory is MISSING]
        self.nodes[prefix] = node
        before = len(self.checker.problems)
        values: dict[str, object] = {}
        for name, child in self.checker.fields(node, what, tuple(known), required).items():
            self.nodes[f"{prefix}{name}"] = child
            values[name] = self.value(child, f"{prefix}{name}", known[name].metadata["key"])
        if prefix == "" and "audit" not in values:
            values["audit"] = Audit(directory=self.directory / "audit")
        if prefix == "audit." and "directory" not in values:
            values["directory"] = self.directory / "audit"
        if prefix == "" and "labels_file" not in values and isinstance(values["audit"], Audit):
            values["labels_file"] = values["audit"].directory.parent / "labels.jsonl"
        return make(**values) if len(self.checker.problems) == before else None

    def value(self, node: Node, name: str, key: Key) -> object:
        """Read the value of one key."""
        what = f"`{name}`"
        match key.kind:
            case "section":
                assert key.section is not None
                found: object = self.section(node, what, key.section, f"{name}.")
            case "boolean":
                found = self.checker.boolean(node, what)
            case "integer":
                found = self.checker.integer(node, what, int(key.minimum), int(key.maximum))
            case "number":
                found = self.checker.number(node, what, key.minimum, key.maximum)
            case "choice":
                found = self.checker.choice(node, what, key.choices)
            case "path" | "file":
                found = self.path(node, what, must_exist=key.kind == "file")
            case "text" | "secret":
                found = self.checker.text(node, what)
        return found

    def path(self, node: Node, what: str, *, must_exist: bool) -> Path | None:
        """Read a path, relative to the file's directory."""
        text = self.checker.text(node, what)
        if text is None:
            return None
        path = self.directory / Path(text).expanduser()
        if must_exist and not path.is_file():
            self.checker.problem(node, f"{what} names no file: {path}")
        return path

    def cross_check(self, settings: Settings, environment: Mapping[str, str]) -> Settings | None:
        """Check what no key can know alone, and read the password from where it lies."""
        upstream, tls = settings.upstream, settings.upstream.tls
        if settings.login == "own" and settings.users is None:
            self._problem("login", "`login: own` needs `users`", "name a users file, or set `login: relay`")
        if settings.on_failure == "pass":
            hint = "leave it out: what cannot be read is refused"
            self._problem("on_failure", "`on_failure: pass` is not available in this version", hint)
        if (tls.certificate is None) != (tls.key is None):
            self._problem("upstream.tls.", "`certificate` and `key` of `upstream.tls` go together")
        if settings.limits.connections_per_user > settings.limits.connections:
            self._problem(
                "limits.connections_per_user",
                f"`limits.connections_per_user` is more than `limits.connections` ({settings.limits.connections})",
            )
        if settings.limits.analysed_bytes > settings.limits.statement_bytes:
            self._problem("limits.analysed_bytes", "`limits.analysed_bytes` is more than `limits.statement_bytes`")
        try:
            zoneinfo.ZoneInfo(settings.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            self._problem("timezone", f"`{settings.timezone}` is no time zone", "write one such as `Asia/Shanghai`")
        password = self._password(upstream, environment)
        if self.checker.problems:
            return None
        port = upstream.port or PORTS[settings.protocol]
        return replace(settings, upstream=replace(upstream, port=port, password=password))

    def _problem(self, name: str, message: str, hint: str | None = None) -> None:
        """Record a problem at a key, or at the nearest section of it that the file has."""
        while name not in self.nodes:
            name = f"{head}." if (head := name.rstrip(".").rpartition(".")[0]) else ""
        self.checker.problem(self.nodes[name], message, hint)

    def _password(self, upstream: Upstream, environment: Mapping[str, str]) -> str | None:
        """Find the service account's password; None is a login without one (trust, peer certificate)."""
        given = [k for k in ("password", "password_file", "password_env") if getattr(upstream, k) is not None]
        if len(given) > 1:
            named = " and ".join(f"`{key}`" for key in given)
            self._problem(f"upstream.{given[1]}", f"{named} are both given", "keep one of them")
        elif upstream.password_file is not None:
            try:
                return upstream.password_file.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError):
                self._problem("upstream.password_file", "`upstream.password_file` cannot be read as text")
        elif upstream.password_env is not None:
            if upstream.password_env in environment:
                return environment[upstream.password_env]
            self._problem("upstream.password_env", f"the environment has no variable `{upstream.password_env}`")
        return upstream.password
