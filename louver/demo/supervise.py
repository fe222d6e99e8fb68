"""Child processes that never outlive this one.

Owns the supervising shell: it starts the program, and reads a pipe whose other end is ours. When we close the pipe,
or die in whatever way, the shell sends the program its stopping signal, waits for it and removes its directory.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_STOP_SECONDS = 20.0  # a fast shutdown takes well under a second; what is not gone after this is killed

# $1 = signal, $2 = directory to remove at the end, the rest = the command. Descriptor 0 is the pipe to the parent.
# The watcher ignores TERM from the moment the pipe closes, so a program that ended by itself keeps its directory
# for another attempt and one that was stopped loses it.
_SHELL = """
exec 3<&0 </dev/null
trap '' INT HUP
signal=$1; directory=$2; shift 2
"$@" 3<&- &
child=$!
( read -r _ <&3; trap '' TERM; kill -"$signal" $child
  while kill -0 $child; do sleep 0.05; done
  [ -z "$directory" ] || rm -rf "$directory" ) 2>/dev/null &
watcher=$!
wait $child; status=$?
kill $watcher 2>/dev/null
wait $watcher
exit $status
"""


def start(  # noqa: PLR0913  what a process is started with
    command: Sequence[str | Path],
    *,
    stop_signal: str,
    directory: Path,
    remove_directory: bool,
    log: IO[bytes],
    environment: Mapping[str, str] | None = None,
    user: int | None = None,
    group: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in `directory` under its supervisor; its output goes to `log`.

    `stop_signal` is a name without SIG ("INT"); `user` and `group` are what to become when we are root (no
    supplementary groups then). Raises OSError.
    """
    return subprocess.Popen(  # noqa: S603  our own arguments; the shell's text is a constant
        _supervised(command, stop_signal, directory if remove_directory else None),
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        cwd=directory,
        env=environment,
        start_new_session=True,  # a Ctrl-C in the terminal is ours to handle
        user=user,
        group=group,
        extra_groups=None if user is None else [],
    )


def _supervised(command: Sequence[str | Path], stop_signal: str, directory: Path | None) -> list[str | Path]:
    """Give the command line of the supervisor of `command`, which removes `directory` at the end."""
    return ["/bin/sh", "-c", _SHELL, "supervisor", stop_signal, directory or "", *command]


def end(process: subprocess.Popen[bytes]) -> None:
    """Close the pipe, which stops the program, and wait; kill what does not stop. A second call does nothing."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tail(log: IO[bytes], lines: int = 10) -> str:
    """Return the last lines of a log."""
    log.seek(0)
    return "\n".join(log.read().decode("utf-8", "replace").splitlines()[-lines:])
