"""The command `louver`: what there is and where it stands.

Exit codes of all commands: 0 fine, 1 something is wrong (it is said what), 2 the command was called wrongly, 3 what was looked at
has changed (`discover --check`).
"""

from __future__ import annotations

import typer

from louver.commands.alerts import alerts_app
from louver.commands.audit import audit_app
from louver.commands.check import check
from louver.commands.demo import demo
from louver.commands.diff import diff
from louver.commands.discover import discover_app
from louver.commands.explain import explain
from louver.commands.grant import grant_app
from louver.commands.labels import labels_app
from louver.commands.masks import masks
from louver.commands.preview import preview
from louver.commands.schema import schema
from louver.commands.secret import secret
from louver.commands.serve import serve
from louver.commands.testing import run_tests
from louver.commands.user import user_app
from louver.commands.version import version

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,  # they may hold a password
    context_settings={"help_option_names": ["--help", "-h"]},
    help=(
        "A proxy for PostgreSQL that shows each caller only what they may see.\n\n"
        "[bold]First steps:[/bold]\n\n"
        "louver demo   a bank, four people, the same query answered four times\n\n"
        "louver discover --url postgresql://me@db/bank   which columns are sensitive?\n\n"
        "louver check --policies policies.yaml   is this file right?\n\n"
        "louver serve --config louver.yaml   run the proxy\n\n"
        "louver test policies   do they say what they should?\n\n"
        'louver explain --as tina -d bank "SELECT phone FROM customers"   what would she see, and why?'
    ),
    epilog="Exit codes: 0 fine, 1 something is wrong, 2 the command was called wrongly.",
)
app.command()(serve)
app.command()(check)
app.command()(explain)
app.command()(preview)
app.command()(diff)
app.command("test")(run_tests)
app.add_typer(discover_app, name="discover")
app.command()(masks)
app.add_typer(user_app, name="user")
app.add_typer(audit_app, name="audit")
app.add_typer(alerts_app, name="alerts")
app.add_typer(grant_app, name="grant")
app.add_typer(labels_app, name="labels")
app.command()(demo)
app.command()(schema)
app.command()(secret)
app.command()(version)


def main() -> None:
    """Run the command line."""
    app()
