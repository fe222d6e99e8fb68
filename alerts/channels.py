"""Reading channels: where messages go, as the file says it under `notify`.

Owns the keys of each kind. Secrets stand in files or the environment, never in the file of rules. May not do: open sockets.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from alerts.rules import SEVERITIES, Channel

if TYPE_CHECKING:
    from alerts.rules import Severity
    from policies.positions import Checker, Node

_KINDS: Final = {
    "webhook": (("url", "secret_file", "ca_file", "seconds"), ("url",)),
    "email": (
        ("host", "port", "tls", "ca_file", "from", "to", "user", "password_file", "seconds"),
        ("host", "from", "to"),
    ),
    "syslog": (("host", "port", "protocol", "facility"), ("host",)),
}
_FACILITIES: Final = ("auth", "authpriv", "daemon", "user", *(f"local{number}" for number in range(8)))
_CHOICES: Final = {"tls": ("tls", "starttls", "none"), "protocol": ("udp", "tcp"), "facility": _FACILITIES}
_NUMBERS: Final = {"port": (1, 65535), "seconds": (1, 120)}


def read_channel(checker: Checker, item: Node) -> Channel | None:
    """Read one channel; None when something is wrong, which the checker has then."""
    before = len(checker.problems)
    fields = checker.fields(item, "one of `notify`", ("name", "severity", *_KINDS), ("name",))
    name = checker.text(fields["name"], "`name`") if "name" in fields else None
    severity = checker.choice(fields["severity"], "`severity`", SEVERITIES) if "severity" in fields else "low"
    kinds = [kind for kind in _KINDS if kind in fields]
    if len(kinds) != 1:
        checker.problem(item, f"one of `notify` needs one of {', '.join(f'`{kind}`' for kind in _KINDS)}")
        return None
    kind = kinds[0]
    known, required = _KINDS[kind]
    options: dict[str, str | int | bool | tuple[str, ...]] = {}
    for key, node in checker.fields(fields[kind], f"`{kind}`", known, required).items():
        value: str | int | tuple[str, ...] | None
        if key in _CHOICES:
            value = checker.choice(node, f"`{key}`", _CHOICES[key])
        elif key in _NUMBERS:
            value = checker.integer(node, f"`{key}`", *_NUMBERS[key])
        elif key == "to":
            value = tuple(filter(None, (checker.text(each, "`to`") for each in checker.one_or_more(node))))
        else:
            value = checker.text(node, f"`{key}`")
        if value is not None:
            options[key] = value
        if key == "url" and isinstance(value, str):
            _check_url(checker, node, value)
    if (
        kind == "email"
        and options.get("tls") == "none"
        and "user" in options
        and not _loopback(str(options.get("host")))
    ):
        checker.problem(
            fields[kind], "a password would go over the network for all to read", "write `tls: starttls` or `tls: tls`"
        )
    if len(checker.problems) > before or name is None:
        return None
    return Channel(name, kind, cast("Severity", severity), tuple(sorted(options.items())))  # type: ignore[arg-type]  # a key of _KINDS


def _check_url(checker: Checker, node: Node, url: str) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        checker.problem(node, f"the address of the webhook cannot be read: {error}")
        return
    if parts.scheme not in {"https", "http"} or not host:
        checker.problem(node, "the address of a webhook begins with https://")
    elif parts.scheme == "http" and not _loopback(host):
        checker.problem(
            node, "messages name people and columns, and must not go over the network for all to read", "write https://"
        )
    elif parts.username or parts.password:
        checker.problem(node, "a password does not belong into this file", "sign the messages with `secret_file`")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
