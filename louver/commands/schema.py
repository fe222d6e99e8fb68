"""`louver schema`: JSON Schemas by which editors help to write policies."""

from __future__ import annotations

from typing import Annotated

import typer

from louver.console import Exit, fail, print_json


def schema(
    of: Annotated[str, typer.Argument(metavar="policies|dictionary|tests", help="Of which file.")] = "policies",
) -> None:
    """Print the JSON Schema of a file, by which an editor completes and checks it.

    [bold]Examples:[/bold]

    louver schema policies > policies.schema.json

    and, as the first line of policies.yaml: # yaml-language-server: $schema=policies.schema.json
    """
    from policies import json_schema

    made = {
        "policies": json_schema.policies_schema,
        "dictionary": json_schema.dictionary_schema,
        "tests": json_schema.trials_schema,
    }
    if of not in made:
        fail([f"there is a schema of {', '.join(made)}, not of {of}"], Exit.USAGE)
    print_json(made[of]())
