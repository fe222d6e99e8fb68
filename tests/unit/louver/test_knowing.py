"""The sections of the settings about how people are known: what they give, and where their mistakes are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from louver.settings import SettingsError, parse_settings

if TYPE_CHECKING:
    from pathlib import Path

    from louver.settings import Settings

LEAST = "upstream: {user: service}\npolicies: policies.yaml\nusers: users.yaml\n"
QUERY = "SELECT a AS name FROM t WHERE a = {name}"


def read(text: str, directory: Path) -> Settings:
    """The settings of a text behind the least there can be."""
    (directory / "policies.yaml").touch()
    (directory / "hr_password").write_text("secret\n")
    return parse_settings(LEAST + text, file="louver.yaml", directory=directory, environment={})


def test_a_source_gets_its_own_server(tmp_path: Path) -> None:
    """With the port of its protocol, its password from where it lies, and lists from one text or several."""
    text = f"""
attributes:
  - name: hr
    sql:
      query: "{QUERY}"
      protocol: mysql
      lists: roles
      server: {{user: reader, password_file: hr_password, tls: {{mode: require}}}}
    lifetime_seconds: 60
  - {{name: bank, sql: {{query: "{QUERY}", database: bank, lists: [a, b]}}, required: true}}
"""
    hr, bank = read(text, tmp_path).attributes
    assert hr.sql is not None
    assert hr.sql.server is not None
    assert (hr.sql.server.port, hr.sql.server.password, hr.sql.lists) == (3306, "secret", ("roles",))
    assert (hr.lifetime_seconds, hr.grace_seconds, hr.required) == (60, 900, False)
    assert bank.sql is not None
    assert (bank.sql.server, bank.sql.lists, bank.required) == (None, ("a", "b"), True)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{name: hr}", "a source of attributes needs either `sql` or `ldap`"),
        ("{sql: {query: x}}", "an entry of `attributes` needs the key `name`"),
        ("{name: hr, sql: {query: SELECT 1, database: d}}", "the query does not ask for `{name}`"),
        (f"{{name: hr, sql: {{query: '{QUERY}'}}}}", "a query to PostgreSQL needs the key `database`"),
        (
            "{name: hr, sql: {query: \"SELECT 1 WHERE a = '{name}'\", database: d}}",
            "`{name}` stands in quotes",
        ),
        (f"{{name: hr, sql: {{query: '{QUERY}', protocol: mysql}}}}", "`protocol` is that of `upstream`"),
        (f"{{name: token, sql: {{query: '{QUERY}', database: d}}}}", "the name `token` is taken"),
        (
            f"{{name: a, sql: {{query: '{QUERY}', database: d}}}}, {{name: a, sql: {{query: '{QUERY}', database: d}}}}",
            "two sources have the name `a`",
        ),
        (
            f"{{name: hr, sql: {{query: '{QUERY}', database: d, server: {{user: a, password: b, password_env: C}}}}}}",
            "`password` and `password_env` are both given",
        ),
        (f"{{name: hr, sql: {{query: '{QUERY}', databas: d}}}}", "unknown key `databas` in `attributes[0].sql`"),
        ("{name: hr, lifetime_seconds: 0}", "must be between 1 and 86400"),
    ],
)
def test_a_mistake_of_a_source_is_named(entry: str, message: str, tmp_path: Path) -> None:
    """With its place, which is in the entry, and no other mistake besides."""
    with pytest.raises(SettingsError) as caught:
        read(f"attributes: [{entry}]\n", tmp_path)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.line == 4


TOKENS = "tls: {certificate: t.pem, key: t.pem}\ntokens: {issuer: i, audience: a, keys_file: t.pem"


def test_ways_in_are_read(tmp_path: Path) -> None:
    """A claim is one name or several; `users` of an entry are everybody, if they are left out."""
    (tmp_path / "t.pem").touch()
    settings = read(f"{TOKENS}, algorithms: ES256, claims: {{a: b, c: [d, e]}}}}\nlogins: [{{by: token}}]\n", tmp_path)
    assert settings.tokens is not None
    assert (settings.tokens.algorithms, settings.tokens.claims) == (("ES256",), {"a": ("b",), "c": ("d", "e")})
    assert [(way.users, way.by) for way in settings.logins] == [(("*",), "token")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("logins: [{by: token}]\ntls: {certificate: t.pem, key: t.pem}", "who logs in by a token needs `tokens`"),
        ("logins: [{by: token}]\ntokens: {issuer: i, audience: a, keys_file: t.pem}", "and there is no `tls`"),
        ("login: relay\nlogins: [{by: password}]", "`logins` is for `login: own`"),
        (
            "logins: [{by: certificate}]\ntls: {certificate: t.pem, key: t.pem}",
            "with a certificate needs `certificates`",
        ),
        ("certificates: {ca: t.pem}\nlogins: [{by: password, certificate: true}]", "and there is no `tls`"),
        ("certificates: {ca: t.pem, match: '('}", "is no regular expression"),
        ("certificates: {ca: t.pem, match: '(a)(b)'}", "has more than one group"),
        ("certificates: {ca: t.pem, attributes: {a: shoe_size}}", "`a` is from no field of a certificate"),
        ("certificates: {ca: t.pem, attributes: {name: title}}", "`name` cannot be an attribute"),
        ("logins: [{by: magic}]", "must be one of `password`"),
        (f"{TOKENS}, keys_url: 'https://a/'}}", "needs either `keys_file` or `keys_url`"),
        ("tokens: {issuer: i, audience: a}", "needs either `keys_file` or `keys_url`"),
        ("tokens: {issuer: i, audience: a, keys_url: 'http://login.example/'}", "keys are fetched by https"),
        (f"{TOKENS}, algorithms: [HS256]}}", "must be one of `RS256`"),
        (f"{TOKENS}, algorithms: none}}", "must be one of `RS256`"),
        (f"{TOKENS}, algorithms: []}}", "`tokens.algorithms` is empty"),
        (f"{TOKENS}, claims: {{speaks_for: x}}}}", "`speaks_for` cannot be an attribute"),
        ("tokens: {issuer: i, keys_file: t.pem}", "`tokens` needs the key `audience`"),
    ],
)
def test_a_mistake_of_the_ways_in_is_named(text: str, message: str, tmp_path: Path) -> None:
    """Alone, and where it is."""
    (tmp_path / "t.pem").touch()
    with pytest.raises(SettingsError) as caught:
        read(f"{text}\n", tmp_path)
    assert [message in problem.message for problem in caught.value.problems] == [True]


LDAP = "ldap: {host: ldap.bank.example, base: 'dc=bank'"


def test_a_directory_is_read(tmp_path: Path) -> None:
    """With its password from where it lies, and what a source takes of it."""
    text = f"""
{LDAP}, user: cn=a, password_file: hr_password}}
attributes: [{{name: d, ldap: {{attributes: {{region: l}}, groups_to: roles, groups_base: ou=g, groups_from: memberOf}}}}]
"""
    settings = read(text, tmp_path)
    assert settings.ldap is not None
    assert (settings.ldap.password, settings.ldap.encryption, settings.ldap.filter) == (
        "secret",
        "ldaps",
        "(uid={name})",
    )
    assert settings.attributes[0].ldap is not None
    assert settings.attributes[0].ldap.attributes == {"region": ("l",)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tls: {certificate: t.pem, key: t.pem}\nlogins: [{by: ldap}]", "a directory checks needs `ldap`"),
        (f"{LDAP}}}\nlogins: [{{by: ldap}}]", "and there is no `tls`"),
        (f"{LDAP}, encryption: none}}", "is for a directory on this machine"),
        (f"{LDAP}, filter: '(uid=tina)'}}", "has to ask for `{name}`"),
        (f"{LDAP}, filter: '(uid={{dn}})'}}", "has to ask for `{name}`"),
        (f"{LDAP}, filter: 'uid={{name}}'}}", "a filter stands in parentheses"),
        ("ldap: {host: a, base: bank}", "a distinguished name that cannot be read"),
        (f"{LDAP}, user: cn=a}}", "`user` of `ldap` and its password go together"),
        ("attributes: [{name: d, ldap: {attributes: {a: b}}}]", "a source in a directory needs `ldap`"),
        (f"{LDAP}}}\nattributes: [{{name: d, ldap: {{attributes: {{a: b}}, lists: c}}}}]", "`lists` has `c`"),
        (f"{LDAP}}}\nattributes: [{{name: d, ldap: {{groups_to: a, groups_from: b}}}}]", "groups need `groups_to`"),
        (
            f"{LDAP}}}\nattributes: [{{name: d, ldap: {{attributes: {{password: b}}}}}}]",
            "`password` cannot be an attribute",
        ),
    ],
)
def test_a_mistake_of_the_directory_is_named(text: str, message: str, tmp_path: Path) -> None:
    """Alone, and where it is."""
    (tmp_path / "t.pem").touch()
    with pytest.raises(SettingsError) as caught:
        read(f"{text}\n", tmp_path)
    assert [message in problem.message for problem in caught.value.problems] == [True]
