"""A statement on its way: waiting for its ruling, and prepared once it has one.

Owns these two values. May not do: read bytes, rule.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from proxy.plans import Plan  # noqa: TC001  mypyc reads the annotations of named tuples at run time


class Prepared(NamedTuple):
    """A prepared statement: the client's text, the parameter types as it sent them, and the plan it was ruled by.

    `sent` is the text that the server got in place of the client's; None when it got that.
    """

    text: bytes
    parameter_types: bytes
    plan: Plan
    sent: bytes | None = None


class Statement(NamedTuple):
    """A text that waits for a ruling; nothing behind it is looked at before `answer`.

    `again`: it was ruled before and is about to be bound, but the caller's decision may have changed since.
    `portal`: it is bound and about to be executed, but the caller's decision is not known at this moment.
    """

    text: bytes
    source: Literal["query", "parse", "again", "portal"]
    name: bytes = b""
    parameter_types: bytes = b""
