"""The section `ship` of the settings, and what is built of it."""

import builtins

import pytest

from louver import shipping
from louver.settings import SettingsError, parse_settings

HEAD = "upstream: {user: x}\npolicies: p.yaml\nlogin: relay\nship:\n  destinations:\n"


def parse(tmp_path, *destinations, more=""):
    (tmp_path / "p.yaml").write_text("version: 1\n")
    text = HEAD + "".join(f"    - {each}\n" for each in destinations) + more
    return parse_settings(text, file="louver.yaml", directory=tmp_path)


@pytest.mark.parametrize(
    ("destination", "said"),
    [
        ("{name: a}", "`a` is one of `syslog`,"),
        ("{name: a, syslog: {host: h}, clickhouse: {url: 'https://ch/x', user: u}}", "`a` is one of `syslog`,"),
        ("{name: a, kafka: {servers: kafka, topic: t}}", "is no server"),
        ("{name: a, kafka: {servers: 'kafka:9093,b:9', topic: t}}", "is no server"),
        (
            "{name: a, kafka: {servers: [127.0.0.1:9092, kafka.example:9092], topic: t, encryption: none}}",
            "on this machine",
        ),
        ("{name: a, kafka: {servers: kafka:9093, topic: 'a b'}}", "cannot be a topic"),
        ("{name: a, kafka: {servers: kafka:9093, topic: t, user: u}}", "go together"),
        ("{name: a, kafka: {servers: kafka:9093, topic: t, password_env: E}}", "go together"),
        ("{name: A b, syslog: {host: h}}", "cannot be the name"),
        ("{name: ../a, syslog: {host: h}}", "cannot be the name"),
        ("{name: a, syslog: {host: siem.example, encryption: none}}", "on this machine"),
        ("{name: a, syslog: {host: h, certificate: c.pem}}", "go together"),
        ("{name: a, clickhouse: {url: 'http://ch.example/x', user: u}}", "on this machine"),
        ("{name: a, clickhouse: {url: 'https://u:p@ch.example/x', user: u}}", "holds a name or a password"),
        ("{name: a, clickhouse: {url: 'https://ch.example:x/', user: u}}", "is none"),
        ("{name: a, clickhouse: {url: 'ch.example', user: u}}", "is no address"),
        ("{name: a, clickhouse: {url: 'https://ch/x', user: u, password_file: f, password_env: E}}", "both given"),
        ("{name: a, clickhouse: {url: 'https://ch/x', user: u, password: p}}", "password"),
    ],
)
def test_mistakes_are_told_where_they_stand(tmp_path, destination, said):
    """Each with its line."""
    with pytest.raises(SettingsError) as told:
        parse(tmp_path, destination)
    assert said in str(told.value.problems[0].message)
    assert told.value.problems[0].line == 6


def test_names_are_told_apart(tmp_path):
    """Two of one name would share a place."""
    with pytest.raises(SettingsError, match="two destinations"):
        parse(tmp_path, "{name: a, syslog: {host: h}}", "{name: a, syslog: {host: i}}")
    with pytest.raises(SettingsError, match="name of a trail"):
        parse(tmp_path, "{name: a, syslog: {host: h}}", more="  trail: a b\n")


def test_a_proxy_needs_no_secret_of_a_destination(tmp_path):
    """They are read when something is shipped."""
    settings = parse(tmp_path, "{name: a, clickhouse: {url: 'https://ch/x', user: u, password_env: NOT_THERE}}")
    with pytest.raises(shipping.CannotShipError, match="NOT_THERE"):
        shipping.followers(
            shipping.Shipping(tmp_path, tmp_path / "ship", "t", settings.ship.destinations), None, once=True
        )
    settings = parse(
        tmp_path, f"{{name: a, clickhouse: {{url: 'https://ch/x', user: u, password_file: {tmp_path}/none}}}}"
    )
    with pytest.raises(shipping.CannotShipError, match="cannot be read"):
        shipping.followers(
            shipping.Shipping(tmp_path, tmp_path / "ship", "t", settings.ship.destinations), None, once=True
        )


def test_an_extra_that_is_not_installed_is_named(tmp_path, monkeypatch):
    """With what to do."""
    settings = parse(tmp_path, "{name: a, clickhouse: {url: 'https://ch/x', user: u}}")
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith(("clickhouse_connect", "shipping.clickhouse")):
            raise ImportError("no", name="clickhouse_connect")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(shipping.CannotShipError, match=r"pip install 'louver\[clickhouse\]'"):
        shipping.followers(
            shipping.Shipping(tmp_path, tmp_path / "ship", "t", settings.ship.destinations), None, once=True
        )


def test_a_destination_that_is_not_there_is_told(tmp_path):
    """By the names that are."""
    settings = parse(tmp_path, "{name: a, syslog: {host: h}}")
    with pytest.raises(shipping.CannotShipError, match="there are a"):
        shipping.chosen(settings.ship, ["b"])
