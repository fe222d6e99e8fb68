"""`louver user`: the people and programs that may log in (`login: own`), or their attributes (`login: relay`)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from louver.console import Exit, FormatOption, fail, out, print_json, wants_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.model import AttributeValue

user_app = typer.Typer(no_args_is_help=True, help="Add users, and list them with their attributes.")

UsersOption = Annotated[
    Path | None, typer.Option("--users", metavar="FILE", help="The users file; made when it does not exist.")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="LOUVER_CONFIG", metavar="FILE", help="Take the users file named there."),
]


@user_app.command()
def add(  # noqa: PLR0913  the options of a command
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name to log in with.")],
    *,
    role: Annotated[list[str] | None, typer.Option("--role", "-r", help="A role; may be given again.")] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option("--attribute", "-a", metavar="KEY=VALUE", help="What rules may ask of the user; may be repeated."),
    ] = None,
    users: UsersOption = None,
    config: ConfigOption = None,
    replace: Annotated[bool, typer.Option("--replace", help="Change the user when there is one.")] = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Attributes only, for a user of the database (`login: relay`).")
    ] = False,
) -> None:
    """Add a user. The password is asked for, or read from standard input; only a verifier is kept.

    [bold]Examples:[/bold]

    louver user add tina --role teller --users users.yaml

    louver user add lin --role manager --attribute region=east --attribute clearance=3 -c louver.yaml

    pwgen 20 1 | tee tina.txt | louver user add tina --role teller -c louver.yaml
    """
    from policies.positions import DocumentError
    from proxy.identity import UserExists, add_user

    path = _users_file(users, config)
    attributes = _attributes(role or [], attribute or [])
    password = None if no_password else _password()
    try:
        add_user(path, name, password, attributes, replace=replace)
    except DocumentError as error:
        fail(error.problems)
    except UserExists as error:
        fail([f"{error}; change it by --replace"])
    except (OSError, ValueError) as error:
        fail([error])
    out.print(f"wrote user {name} to {path}", markup=False)


@user_app.command("list")
def list_users(users: UsersOption = None, config: ConfigOption = None, form: FormatOption = "text") -> None:
    """List the users with their attributes; passwords are not known to anybody."""
    from rich.table import Table
    from rich.text import Text

    from policies.positions import DocumentError
    from proxy.identity import Users

    as_json = wants_json(form)
    path = _users_file(users, config)
    try:
        known = Users.load(path)
    except DocumentError as error:
        fail(error.problems)
    except OSError as error:
        fail([f"cannot read {path}: {error.strerror}"])
    found = [user for user in map(known.find, known.names()) if user is not None]
    if as_json:
        print_json([{"name": u.name, "login": u.verifier is not None, **u.attributes} for u in found])
        return
    rows = [(entry.name, "password" if entry.verifier else "database", _words(entry.attributes)) for entry in found]
    if not out.is_terminal:
        for row in rows:
            sys.stdout.write("\t".join(row) + "\n")
        return
    table = Table("name", "login", "attributes")
    for row in rows:
        table.add_row(*map(Text, row))
    out.print(table, soft_wrap=False)


def _words(attributes: Mapping[str, AttributeValue]) -> str:
    return ", ".join(f"{key}={_shown(value)}" for key, value in attributes.items())


def _shown(value: AttributeValue) -> str:
    return "[" + ", ".join(map(_shown, value)) + "]" if isinstance(value, tuple) else str(value)


def _users_file(users: Path | None, config: Path | None) -> Path:
    """Find the users file from the two options."""
    if users is not None:
        return users
    if config is None:
        fail(["name the users file by --users FILE, or the settings by --config FILE"], Exit.USAGE)
    from louver.settings import SettingsError, load_settings

    try:
        found = load_settings(config).users
    except SettingsError as error:
        fail(error.problems)
    if found is None:
        fail([f"{config} names no `users` file"])
    return found


def _attributes(roles: list[str], pairs: list[str]) -> dict[str, AttributeValue]:
    """Turn the options into attributes: `roles` is the list, `role` its first; values read as YAML would."""
    from policies.positions import compose

    attributes: dict[str, AttributeValue] = {}
    if roles:
        attributes["role"] = roles[0]
        attributes["roles"] = tuple(roles)
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            fail([f"--attribute takes KEY=VALUE, not {pair}"], Exit.USAGE)
        root, problems = compose(text, f"--attribute {key}")
        scalar = None if root is None or problems else root.value
        attributes[key] = scalar if isinstance(scalar, str | int | float) else text
    return attributes


def _password() -> str:
    """Ask for the password twice, or read one line when standard input is no terminal."""
    if sys.stdin.isatty():
        entered: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        entered = sys.stdin.readline().rstrip("\r\n")
    if not entered:
        fail(["the password is empty"])
    return entered
