"""Build Louver with its hot path as native code, when asked to: LOUVER_COMPILE=1 pip install --no-build-isolation .

Everything else about the package stands in pyproject.toml. Needs mypy (whose mypyc compiles) and a C compiler; the result
is the same program, faster. docs/decisions/ says why.
"""

import os

from setuptools import setup

HOT_PATH = [
    "audit/chain.py",
    "audit/record.py",
    "audit/scrub.py",
    "audit/writer.py",
    "proxy/caller.py",
    "proxy/deliberation.py",
    "proxy/gate.py",
    "proxy/postgres_gate.py",
    "proxy/mysql_caller.py",
    "proxy/mysql_deliberation.py",
    "proxy/mysql_gate.py",
    "proxy/mysql_relay.py",
    "proxy/mysql_threads.py",
    "proxy/mysql/backend.py",
    "proxy/mysql/columns.py",
    "proxy/mysql/commands.py",
    "proxy/mysql/conversation.py",
    "proxy/mysql/errors.py",
    "proxy/mysql/frontend.py",
    "proxy/mysql/packets.py",
    "proxy/mysql/parameters.py",
    "proxy/mysql/provocations.py",
    "proxy/mysql/replies.py",
    "proxy/mysql/requests.py",
    "proxy/mysql/results.py",
    "proxy/mysql/session.py",
    "proxy/mysql/statements.py",
    "proxy/mysql/tracking.py",
    "proxy/outbox.py",
    "proxy/plans.py",
    "proxy/positions.py",
    "proxy/recording.py",
    "proxy/relay.py",
    "proxy/shapes.py",
    "proxy/side.py",
    "proxy/witness.py",
    "proxy/postgres/frames.py",
    "proxy/postgres/statements.py",
    "proxy/postgres/replies.py",
    "proxy/postgres/contents.py",
    "proxy/postgres/conversation.py",
    "proxy/postgres/provocations.py",
    "proxy/postgres/requests.py",
    "proxy/postgres/frontend.py",
    "proxy/postgres/backend.py",
    "proxy/postgres/session.py",
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
