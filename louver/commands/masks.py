"""`louver masks`: which masks there are, and what one makes of a value of your own."""

from __future__ import annotations

import sys
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from louver.console import Exit, FormatOption, err, fail, out, print_json, wants_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from louver.arrays import Items
    from policies.masks import MaskSchema, Value
    from policies.masks.schema import Parameter
    from policies.model import Mask

_EXAMPLE_SECRET = b"the key of examples, known to all"


class Kind(StrEnum):
    """As what a value is read."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    BINARY = "binary"


def _complete(incomplete: str) -> list[tuple[str, str]]:
    from policies.masks import SCHEMAS

    return [(name, schema.summary) for name, schema in SCHEMAS.items() if name.startswith(incomplete)]


def masks(  # noqa: PLR0913  the options of a command
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="The mask; without one, all are listed.", autocompletion=_complete),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="[VALUE]...", help="What it is tried on; - reads lines from standard input."),
    ] = None,
    *,
    parameters: Annotated[
        list[str] | None, typer.Option("--param", "-p", metavar="KEY=VALUE", help="A parameter, as a policy writes it.")
    ] = None,
    kind: Annotated[
        Kind | None, typer.Option("--type", help="As what the values are read. Default: what the mask is for.")
    ] = None,
    length: Annotated[
        int | None, typer.Option(min=1, help="The length of the column. Default: without a limit.")
    ] = None,
    array: Annotated[
        bool, typer.Option("--array", help="Each value is an array as PostgreSQL writes it: {13812345678,NULL}.")
    ] = False,
    secret_file: Annotated[
        Path | None, typer.Option(help="The secret of keyed masks. Default: one for examples.")
    ] = None,
    form: FormatOption = "text",
) -> None:
    """List the masks, say all of one, or try it on values of your own. Nothing is sent anywhere.

    The results are those of the databases.

    [bold]Examples:[/bold]

    louver masks

    louver masks partial

    louver masks phone 13812345678 "+44 20 7946 0958"

    louver masks partial -p keep_first=3 -p keep_last=4 13812345678

    louver masks bucket -p bounds=0,1000,10000 4200

    louver masks phone --array "{13812345678,NULL}"

    cut -d, -f2 customers.csv | louver masks chinese_name -
    """
    from policies.masks import SCHEMAS

    as_json = wants_json(form)
    if name is None:
        _list(as_json=as_json)
        return
    if name not in SCHEMAS:
        from policies.positions import suggestion

        fail([f"there is no mask `{name}`; {suggestion(name, SCHEMAS) or '`louver masks` lists them'}"], Exit.USAGE)
    schema = SCHEMAS[name]
    if not values:
        _describe(schema, as_json=as_json)
        return
    mask = _mask(schema, parameters or [])
    taken = kind or _kind_for(schema)
    lines = [line.rstrip("\r\n") for line in sys.stdin] if values == ["-"] else values
    secret = _secret(schema, secret_file)
    if array:
        rows = [(line, _array_shown(mask, _read_array(line, taken), length, secret)) for line in lines]
    else:
        rows = [(line, _shown(mask, _read(line, taken), length, secret)) for line in lines]
    if as_json:
        print_json([{"value": value, "shown": shown} for value, shown in rows])
        return
    _table(("value", "shown"), [(value, "NULL" if shown is None else shown) for value, shown in rows])


def _list(*, as_json: bool) -> None:
    from policies.masks import SCHEMAS

    found = [(schema, *_example(schema)) for schema in SCHEMAS.values()]
    if as_json:
        print_json(
            [
                {"mask": schema.name, "shows": schema.summary, "fits": schema.fits, "keyed": schema.keyed,
                 "example": {"treatment": treatment, "value": value, "shown": shown}}
                for schema, treatment, value, shown in found
            ]
        )  # fmt: skip
        return
    _table(
        ("mask", "what it does", "treatment", "value", "shown"),
        [(schema.name, schema.summary, treatment, value, shown) for schema, treatment, value, shown in found],
    )
    if out.is_terminal:
        err.print("louver masks NAME says all of one; louver masks NAME VALUE tries it", style="dim")


def _describe(schema: MaskSchema, *, as_json: bool) -> None:
    treatment, value, shown = _example(schema)
    if as_json:
        print_json(
            {
                "mask": schema.name,
                "shows": schema.summary,
                "fits": schema.fits,
                "keyed": schema.keyed,
                "parameters": [
                    {"name": name, "default": parameter.default, "meaning": parameter.meaning}
                    for name, parameter in schema.parameters.items()
                ],
                "example": {"treatment": treatment, "value": value, "shown": shown},
            }
        )
        return
    out.print(f"{schema.name}: {schema.summary}", markup=False)
    out.print(f"fits: {schema.fits}; other types are hidden entirely", markup=False)
    if schema.keyed:
        out.print("keyed: the proxy needs a `secret_file`", markup=False)
    rows = []
    for name, parameter in schema.parameters.items():
        default = parameter.default
        written = (
            str(default).lower() if isinstance(default, bool) else repr(default) if default == "" else str(default)
        )
        rows.append((name, "must be given" if default is None else written, parameter.meaning))
    if rows:
        _table(("parameter", "default", "meaning"), rows)
    out.print(f"example: {treatment} shows {value} as {shown}", markup=False)


def _example(schema: MaskSchema) -> tuple[str, str, str]:
    """Give a treatment as a policy writes it, a value and what is shown of it."""
    from policies.masks import make_mask

    example = schema.example
    shown = _shown(make_mask(schema.name, **example.given), example.value, None, _EXAMPLE_SECRET)
    value = example.value.hex() if isinstance(example.value, bytes) else str(example.value)
    return schema.written(example.given), value, "NULL" if shown is None else shown


def _mask(schema: MaskSchema, given: Sequence[str]) -> Mask:
    """Read a mask with parameters of the command line, as a policy would; ends the command when they are wrong."""
    from policies.masks import read_mask
    from policies.positions import Checker, compose

    pairs = [pair.partition("=") for pair in given]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        fail([f"--param takes KEY=VALUE, not {name}" for name in wrong], Exit.USAGE)
    entries = "".join(f", {name}: {_yaml(schema.parameters.get(name), value)}" for name, _, value in pairs)
    root, problems = compose(f'{{mask: "{schema.name}"{entries}}}', "--param")
    checker = Checker(problems)
    mask = read_mask(root, checker) if root is not None and not problems else None
    if mask is None:
        fail([f"{found.message}{f'; {found.hint}' if found.hint else ''}" for found in checker.problems], Exit.USAGE)
    return mask


def _yaml(parameter: Parameter | None, value: str) -> str:
    """Write a parameter's value as YAML reads it: a list may come without its brackets, text without quotes."""
    if parameter is not None and parameter.kind in {"numbers", "texts"}:
        return value if value.startswith("[") else f"[{value}]"
    is_plain = value in {"true", "false"} or value.lstrip("-").isdecimal()
    if is_plain and (parameter is None or parameter.kind != "text"):
        return value
    return "'" + value.replace("'", "''") + "'"


def _kind_for(schema: MaskSchema) -> Kind:
    match schema.example.value:
        case date():
            return Kind.DATE
        case int() | Decimal():
            return Kind.NUMBER
        case bytes():
            return Kind.BINARY
        case _:
            return Kind.TEXT


def _read(text: str, kind: Kind) -> Value:
    """Read a value of a type. Ends the command when it is none."""
    try:
        match kind:
            case Kind.NUMBER:
                return int(text) if text.strip().lstrip("+-").isdecimal() else Decimal(text)
            case Kind.DATE:
                return date.fromisoformat(text) if len(text) == len("2026-01-01") else datetime.fromisoformat(text)
            case Kind.BINARY:
                return bytes.fromhex(text)
            case Kind.TEXT:
                return text
    except (ValueError, InvalidOperation):
        wanted = {Kind.NUMBER: "a number", Kind.DATE: "a date such as 2026-01-31", Kind.BINARY: "hexadecimal digits"}[
            kind
        ]
        fail([f"`{text}` is not {wanted}; --type says as what values are read"], Exit.USAGE)


def _read_array(text: str, kind: Kind) -> Items:
    """Read an array of values of a type. Ends the command when it is none."""
    from louver.arrays import read_array

    try:
        return read_array(text, lambda element: _read(element, kind))
    except ValueError as error:
        fail([f"`{text}` is no array such as {{a,NULL}}: {error}"], Exit.USAGE)


def _array_shown(mask: Mask, values: Items, length: int | None, secret: bytes) -> str | None:
    from louver.arrays import write_array
    from policies.masks import show_array

    shown = show_array(mask, values, length=length, secret=secret)
    return None if shown is None else write_array(shown, _written)


def _secret(schema: MaskSchema, file: Path | None) -> bytes:
    from louver.secret import SecretError, load_secret

    if file is None:
        if schema.keyed:
            err.print("under a key for examples; --secret-file names yours", style="dim")
        return _EXAMPLE_SECRET
    try:
        return load_secret(file)
    except SecretError as error:
        fail([error])


def _shown(mask: Mask, value: Value, length: int | None, secret: bytes) -> str | None:
    from policies.masks import show

    shown = show(mask, value, length=length, secret=secret)
    return None if shown is None else _written(shown)


def _written(shown: Value) -> str:
    return shown.hex() if isinstance(shown, bytes) else str(shown)


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows: a table on a terminal, lines with tabs in a pipe."""
    from rich.table import Table
    from rich.text import Text

    if not out.is_terminal:
        for row in rows:
            sys.stdout.write("\t".join(row) + "\n")
        return
    table = Table(*heads)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    out.print(table, soft_wrap=False)
