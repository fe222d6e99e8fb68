"""The descriptors (sockets, files) that the proxy may hold, and whether its limit on connections fits into them.

Owns the process's limit on open files. May not do: count what is open.
"""

from __future__ import annotations

import contextlib
import resource

_PER_CONNECTION = 2  # its client and the database
_BESIDES = 64  # the listener, the trail, the log, readings of catalogs, cancel requests, what libraries hold


def raise_limit() -> None:
    """Let this process hold as many descriptors as the system allows it to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # macOS refuses `unlimited`; then the old limit stays
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def shortage(connections: int) -> str | None:
    """Say what is too little for so many connections once the limit is raised; None when nothing is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections * _PER_CONNECTION + _BESIDES
    if hard in {resource.RLIM_INFINITY, -1} or hard >= needed:
        return None
    return (
        f"limits.connections is {connections}, which takes {needed} open files, and this process may have {hard}: "
        f"raise its limit (LimitNOFILE=, ulimit -Hn), or lower limits.connections to {max((hard - _BESIDES) // 2, 1)}"
    )
