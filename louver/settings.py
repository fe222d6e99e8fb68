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

from louver import keeping, keys, mistakes, ships
from louver.keeping import Grants
from louver.keys import Key
from louver.knowing import AttributeSource, CertificateSettings, LdapSettings, LoginWay, TokenSettings
from louver.places import Listen, Metrics, ServerTls, Upstream
from louver.ships import Ship
from policies.positions import Checker, DocumentError, Node, Problem, compose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_T = TypeVar("_T")


PORTS: Final = {"postgresql": 5432, "mysql": 3306}
"""Where a database listens when nobody says otherwise, by protocol."""


MOST_SHOWN = 10_000
"""Values of an answer of which the trail can keep hashes: a record of 190 kB, which destinations of the trail take whole (Kafka 1 MB), and about
1 MB of memory for each answer that is under way. More stand in lists and exports alone, of which it is said that they are not listed whole."""


class SettingsError(DocumentError):
    """The settings file cannot be used; `problems` says where and why."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The audit trail."""

    directory: Path = field(default=Path("audit"), metadata=keys.path("directory"))
    sync: Literal["always", "interval", "none"] = field(
        default="interval", metadata=keys.choice("always", "interval", "none")
    )
    unavailable: Literal["refuse", "pass"] = field(default="refuse", metadata=keys.choice("refuse", "pass"))
    statement_text: Literal["scrubbed", "whole", "encrypted"] = field(
        default="scrubbed", metadata=keys.choice("scrubbed", "whole", "encrypted")
    )
    text_key: tuple[Path, ...] = field(default=(), metadata=keys.files("PEM file, or several"))
    values: Literal["hashed", "none"] = field(default="hashed", metadata=keys.choice("hashed", "none"))
    shown: int = field(default=0, metadata=keys.integer("values of an answer; 0 keeps none", 0, MOST_SHOWN))
    segment_bytes: int = field(default=64 * 2**20, metadata=keys.integer("bytes", 4096, 2**40))
    segment_hours: float = field(default=24.0, metadata=keys.number("hours", 0.01, 8760))
    compact_days: float = field(
        default=0.0, metadata=keys.number("days; 0 leaves it to `louver audit compact`", 0, 36500)
    )
    retention_days: float = field(default=0.0, metadata=keys.number("days; 0 keeps all", 0, 36500))
    signing_key: Path | None = field(default=None, metadata=keys.file("PEM file"))


@dataclass(frozen=True, slots=True)
class Alerts:
    """Who is told when the trail shows what somebody should look at, and where it is kept what was told and done."""

    rules: Path = field(metadata=keys.file("YAML file"))
    directory: Path = field(default=Path("alerts"), metadata=keys.path("directory"))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client, one user and all together may take."""

    connections: int = field(default=500, metadata=keys.integer("connections", 1, 1_000_000))
    connections_per_user: int = field(default=100, metadata=keys.integer("connections", 1, 1_000_000))
    login_seconds: float = field(default=15.0, metadata=keys.number("seconds", 0.1, 3600))
    idle_seconds: float = field(default=0.0, metadata=keys.number("seconds; 0 is no limit", 0, 31_536_000))
    statement_bytes: int = field(default=64 * 2**20, metadata=keys.integer("bytes", 1024, 2**30))
    analysed_bytes: int = field(default=2**20, metadata=keys.integer("bytes", 1024, 16 * 2**20))


@dataclass(frozen=True, slots=True)
class Log:
    """The operational log on standard error."""

    level: Literal["debug", "info", "warning", "error"] = field(
        default="info", metadata=keys.choice("debug", "info", "warning", "error")
    )
    format: Literal["text", "json"] = field(default="text", metadata=keys.choice("text", "json"))


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything `louver.yaml` says. Paths are absolute."""

    upstream: Upstream = field(metadata=keys.section(Upstream))
    policies: Path = field(metadata=keys.file("policy file"))
    name: str | None = field(default=None, metadata=keys.text("name"))
    protocol: Literal["postgresql", "mysql"] = field(default="postgresql", metadata=keys.choice("postgresql", "mysql"))
    listen: Listen = field(default_factory=Listen, metadata=keys.section(Listen))
    tls: ServerTls | None = field(default=None, metadata=keys.section(ServerTls))
    login: Literal["own", "relay"] = field(default="own", metadata=keys.choice("own", "relay"))
    users: Path | None = field(default=None, metadata=keys.path("users file"))
    logins: tuple[LoginWay, ...] = field(default=(), metadata=keys.sections(LoginWay))
    certificates: CertificateSettings | None = field(default=None, metadata=keys.section(CertificateSettings))
    tokens: TokenSettings | None = field(default=None, metadata=keys.section(TokenSettings))
    ldap: LdapSettings | None = field(default=None, metadata=keys.section(LdapSettings))
    attributes: tuple[AttributeSource, ...] = field(default=(), metadata=keys.sections(AttributeSource))
    secret_file: Path | None = field(default=None, metadata=keys.path("file"))
    labels_file: Path = field(default=Path("labels.jsonl"), metadata=keys.path("file"))
    grants: Grants | None = field(default=None, metadata=keys.section(Grants))
    audit: Audit = field(default_factory=Audit, metadata=keys.section(Audit))
    alerts: Alerts | None = field(default=None, metadata=keys.section(Alerts))
    ship: Ship | None = field(default=None, metadata=keys.section(Ship))
    limits: Limits = field(default_factory=Limits, metadata=keys.section(Limits))
    drain_seconds: float = field(default=10.0, metadata=keys.number("seconds", 0, 3600))
    notices: bool = field(default=True, metadata=keys.boolean())
    on_failure: Literal["deny", "pass"] = field(default="deny", metadata=keys.choice("deny", "pass"))
    timezone: str = field(default="UTC", metadata=keys.text("IANA time zone"))
    log: Log = field(default_factory=Log, metadata=keys.section(Log))
    metrics: Metrics | None = field(default=None, metadata=keys.section(Metrics))


def all_keys(section: type = Settings, prefix: str = "") -> Iterator[tuple[str, Key, object]]:
    """Yield every key, dotted, with what it takes and its default (dataclasses.MISSING when it must be given)."""
    for item in fields(section):
        key: Key = item.metadata["key"]
        if key.section is not None:
            yield from all_keys(key.section, f"{prefix}{item.name}{'[]' if key.kind == 'list' else ''}.")
        else:
            default = item.default if item.default_factory is MISSING else None
            yield f"{prefix}{item.name}", key, default


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
        if prefix in {"audit.", "alerts."} and "directory" not in values:
            values["directory"] = self.directory / prefix.rstrip(".")
        if prefix == "" and "labels_file" not in values and isinstance(values["audit"], Audit):
            values["labels_file"] = values["audit"].directory.parent / "labels.jsonl"
        return make(**values) if len(self.checker.problems) == before else None

    def value(self, node: Node, name: str, key: Key) -> object:  # noqa: C901  a table of the kinds
        """Read the value of one key."""
        what = f"`{name}`"
        match key.kind:
            case "section":
                assert key.section is not None
                found: object = self.section(node, what, key.section, f"{name}.")
            case "list":
                found = self.sections(node, name, key)
            case "texts":
                found = self.texts(node, what, key.choices)
            case "mapping":
                entries = self.checker.mapping(node, what)
                found = {each: self.texts(entry.value, f"{what}, `{each}`") for each, entry in entries.items()}
            case "boolean":
                found = self.checker.boolean(node, what)
            case "integer" | "number":
                found = self.number(node, what, key)
            case "choice":
                found = self.checker.choice(node, what, key.choices)
            case "path" | "file":
                found = self.path(node, what, must_exist=key.kind == "file")
            case "files":
                paths = (self.path(each, what, must_exist=True) for each in self.checker.one_or_more(node))
                found = tuple(each for each in paths if each is not None)
            case "text" | "secret":
                found = self.checker.text(node, what)
        return found

    def sections(self, node: Node, name: str, key: Key) -> tuple[object, ...]:
        """Read a list of mappings into dataclasses."""
        assert key.section is not None
        found = []
        for index, item in enumerate(self.checker.items(node, f"`{name}`")):
            place = f"{name}[{index}]"
            found.append(self.section(item, f"an entry of `{name}`", key.section, f"{place}."))
        return tuple(each for each in found if each is not None)

    def number(self, node: Node, what: str, key: Key) -> float | None:
        """Read a number between its limits."""
        if key.kind == "integer":
            return self.checker.integer(node, what, int(key.minimum), int(key.maximum))
        return self.checker.number(node, what, key.minimum, key.maximum)

    def texts(self, node: Node, what: str, choices: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Read one text, or a list of them."""
        items = self.checker.one_or_more(node)
        found = (
            self.checker.choice(each, what, choices) if choices else self.checker.text(each, what) for each in items
        )
        return tuple(text for text in found if text is not None)

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
        upstream = settings.upstream
        if settings.login == "own" and settings.users is None and not settings.logins:
            self._problem("login", "`login: own` needs `users`", "name a users file, or set `login: relay`")
        for key, message, hint in mistakes.mistakes_of_logins(settings):
            self._problem(key, message, hint)
        if settings.on_failure == "pass":
            hint = "leave it out: what cannot be read is refused"
            self._problem("on_failure", "`on_failure: pass` is not available in this version", hint)
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
        upstream = self._server(upstream, "upstream", settings.protocol, environment)
        sources = tuple(
            self._source(source, index, settings, environment) for index, source in enumerate(settings.attributes)
        )
        grants = None if settings.grants is None else self._grants(settings.grants, environment)
        if (settings.audit.statement_text == "encrypted") != bool(settings.audit.text_key):
            hint = "`louver audit key --for texts FILE` makes a key; name the file with its public half"
            self._problem("audit.text_key", "`audit.text_key` and `audit.statement_text: encrypted` go together", hint)
        for key, message, hint in () if settings.ship is None else ships.mistakes(settings.ship):
            self._problem(f"ship.{key}", message, hint)
        ldap = None if settings.ldap is None else self._ldap(settings.ldap, environment)
        if self.checker.problems:
            return None
        return replace(settings, upstream=upstream, ldap=ldap, attributes=sources, grants=grants)

    def _ldap(self, ldap: LdapSettings, environment: Mapping[str, str]) -> LdapSettings:
        """Give the directory's account its password."""
        ldap = replace(ldap, password=self._password(ldap, "ldap", environment))
        if (ldap.user is None) != (ldap.password is None):
            self._problem(
                "ldap.", "`user` of `ldap` and its password go together", "without both Louver is nobody there"
            )
        return ldap

    def _server(self, server: Upstream, name: str, protocol: str, environment: Mapping[str, str]) -> Upstream:
        """Give a server its port and its password."""
        if (server.tls.certificate is None) != (server.tls.key is None):
            self._problem(f"{name}.tls.", f"`certificate` and `key` of `{name}.tls` go together")
        return replace(server, port=server.port or PORTS[protocol], password=self._password(server, name, environment))

    def _source(
        self, source: AttributeSource, index: int, settings: Settings, environment: Mapping[str, str]
    ) -> AttributeSource:
        """Check one source of attributes, and give its server what it needs."""
        place = f"attributes[{index}]."
        for key, message, hint in mistakes.mistakes_of_source(source, settings):
            self._problem(f"{place}{key}", message, hint)
        if source.name in {each.name for each in settings.attributes[:index]}:
            self._problem(f"{place}name", f"two sources have the name `{source.name}`")
        if source.sql is None or source.sql.server is None:
            return source
        protocol = source.sql.protocol or settings.protocol
        server = self._server(source.sql.server, f"{place}sql.server", protocol, environment)
        return replace(source, sql=replace(source.sql, server=server))

    def _grants(self, grants: Grants, environment: Mapping[str, str]) -> Grants:
        """Check where grants are kept, and give its server what it needs."""
        for key, message, hint in keeping.mistakes(grants):
            self._problem(f"grants.{key}", message, hint)
        if grants.database is None:
            return grants
        server = self._server(grants.database.server, "grants.database.server", "postgresql", environment)
        return replace(grants, database=replace(grants.database, server=server))

    def _problem(self, name: str, message: str, hint: str | None = None) -> None:
        """Record a problem at a key, or at the nearest section of it that the file has."""
        while name not in self.nodes:
            name = f"{head}." if (head := name.rstrip(".").rpartition(".")[0]) else ""
        self.checker.problem(self.nodes[name], message, hint)

    def _password(self, upstream: Upstream | LdapSettings, name: str, environment: Mapping[str, str]) -> str | None:
        """Find the password of an account; None is a login without one (trust, peer certificate)."""
        given = [k for k in ("password", "password_file", "password_env") if getattr(upstream, k) is not None]
        if len(given) > 1:
            named = " and ".join(f"`{key}`" for key in given)
            self._problem(f"{name}.{given[1]}", f"{named} are both given", "keep one of them")
        elif upstream.password_file is not None:
            try:
                return upstream.password_file.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError):
                self._problem(f"{name}.password_file", f"`{name}.password_file` cannot be read as text")
        elif upstream.password_env is not None:
            if upstream.password_env in environment:
                return environment[upstream.password_env]
            self._problem(f"{name}.password_env", f"the environment has no variable `{upstream.password_env}`")
        return upstream.password
