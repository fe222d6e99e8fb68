"""Build Louver with its hot path as native code, when asked to: LOUVER_COMPILE=1 pip install --no-build-isolation .

Everything else about the package stands in pyproject.toml. Needs mypy (whose mypyc compiles) and a C compiler; the result
is the same program, faster. docs/decisions/ says why.
"""

import os

from setuptools import setup

HOT_PATH = [
    "audit/chain.py",
    "audit/fingerprint.py",
    "audit/medium.py",
    "audit/record.py",
    "audit/scrub.py",
    "audit/sealing.py",
    "audit/values.py",
    "audit/writer.py",
    "proxy/changes.py",
    "proxy/context.py",
    "proxy/overtaken.py",
    "proxy/postgres/caller.py",
    "proxy/postgres/deliberation.py",
    "proxy/gate.py",
    "proxy/observer.py",
    "proxy/postgres/gate.py",
    "proxy/mysql/caller.py",
    "proxy/mysql/deliberation.py",
    "proxy/mysql/gate.py",
    "proxy/mysql/relay.py",
    "proxy/mysql/threads.py",
    "proxy/mysql/wire/backend.py",
    "proxy/mysql/wire/columns.py",
    "proxy/mysql/wire/commands.py",
    "proxy/mysql/wire/conversation.py",
    "proxy/mysql/wire/errors.py",
    "proxy/mysql/wire/executions.py",
    "proxy/mysql/wire/frontend.py",
    "proxy/mysql/wire/handling.py",
    "proxy/mysql/wire/packets.py",
    "proxy/mysql/wire/parameters.py",
    "proxy/mysql/wire/provocations.py",
    "proxy/mysql/wire/replies.py",
    "proxy/mysql/wire/requests.py",
    "proxy/mysql/wire/results.py",
    "proxy/mysql/wire/session.py",
    "proxy/mysql/wire/spelling.py",
    "proxy/mysql/wire/statements.py",
    "proxy/mysql/wire/tracking.py",
    "proxy/listening.py",
    "proxy/meter.py",
    "proxy/outbox.py",
    "proxy/people.py",
    "proxy/plans.py",
    "proxy/positions.py",
    "proxy/recording.py",
    "proxy/relay.py",
    "proxy/postgres/relay.py",
    "proxy/shapes.py",
    "proxy/shown.py",
    "proxy/side.py",
    "proxy/types.py",
    "proxy/values.py",
    "proxy/violation.py",
    "proxy/witness.py",
    "proxy/world.py",
    "proxy/postgres/wire/frames.py",
    "proxy/postgres/wire/statements.py",
    "proxy/postgres/wire/replies.py",
    "proxy/postgres/wire/contents.py",
    "proxy/postgres/wire/conversation.py",
    "proxy/postgres/wire/provocations.py",
    "proxy/postgres/wire/admission.py",
    "proxy/postgres/wire/requests.py",
    "proxy/postgres/wire/frontend.py",
    "proxy/postgres/wire/answers.py",
    "proxy/postgres/wire/backend.py",
    "proxy/postgres/wire/session.py",
    "proxy/postgres/wire/spelling.py",
    "rewriter/postgres/attachments.py",
    "rewriter/conditions.py",
    "rewriter/postgres/conditions.py",
    "rewriter/postgres/definitions.py",
    "rewriter/postgres/expansion.py",
    "rewriter/postgres/functions.py",
    "rewriter/kept.py",
    "rewriter/postgres/kinds.py",
    "rewriter/postgres/names.py",
    "rewriter/postgres/predicates.py",
    "rewriter/postgres/proof.py",
    "rewriter/postgres/reading.py",
    "rewriter/postgres/rewrite.py",
    "rewriter/postgres/rulings.py",
    "rewriter/postgres/scopes.py",
    "rewriter/postgres/settings.py",
    "rewriter/postgres/substitution.py",
    "rewriter/postgres/tableoid.py",
    "rewriter/postgres/views.py",
]
"""What runs for every statement, or for every one that is new, and nothing that runs once."""


def extensions() -> list[object]:
    """The native modules to build: none unless LOUVER_COMPILE=1."""
    if os.environ.get("LOUVER_COMPILE") != "1":
        return []
    try:
        from mypyc.build import mypycify  # noqa: PLC0415  only there when it is wanted
    except ImportError:
        message = "LOUVER_COMPILE=1 needs mypy: pip install mypy setuptools, then pip install --no-build-isolation ."
        raise SystemExit(message) from None
    # Types are checked by `make check`; here the libraries need not be installed, so their types may be unknown.
    flags = ["--follow-imports=silent", "--ignore-missing-imports", "--no-warn-return-any"]
    return list(mypycify([*flags, *HOT_PATH], opt_level="3", debug_level="0"))


setup(ext_modules=extensions())
