"""The statements of a test file of mysqltest, the language of the servers' own tests, as far as one session can run them alone.

Owns the reading of that language: its commands, delimiters, blocks and included files. What needs its variables, other connections, a
shell or a restart is left out and counted. Source: MySQL's `client/mysqltest.cc` documentation, "mysqltest Language Reference".
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DEPTH: Final = 8
"""Files that include each other."""

_COMMANDS: Final = frozenset(
    {
        *(
            "append_file",
            "assert",
            "cat_file",
            "change_user",
            "character_set",
            "chmod",
            "connect",
            "connection",
            "copy_file",
        ),
        *("copy_files_wildcard", "dec", "delimiter", "diff_files", "die", "dirty_close", "disable_abort_on_error"),
        *("disable_async_client", "disable_column_names", "disable_connect_log", "disable_info", "disable_metadata"),
        *("disable_parsing", "disable_prepare_warnings", "disable_ps_protocol", "disable_ps2_protocol"),
        *(
            "disable_cursor_protocol",
            "disable_query_log",
            "disable_reconnect",
            "disable_result_log",
            "disable_rpl_parse",
        ),
        *("disable_service_connection", "disable_session_track_info", "disable_sp_protocol", "disable_testcase"),
        *("disable_view_protocol", "disable_warnings", "disconnect", "echo", "enable_abort_on_error"),
        *("enable_async_client", "enable_column_names", "enable_connect_log", "enable_info", "enable_metadata"),
        *("enable_parsing", "enable_prepare_warnings", "enable_ps_protocol", "enable_ps2_protocol"),
        *("enable_cursor_protocol", "enable_query_log", "enable_reconnect", "enable_result_log", "enable_rpl_parse"),
        *("enable_service_connection", "enable_session_track_info", "enable_sp_protocol", "enable_testcase"),
        *("enable_view_protocol", "enable_warnings", "end", "end_timer", "error", "eval", "evalp", "exec", "execw"),
        *(
            "exec_in_background",
            "exit",
            "expr",
            "file_exists",
            "force-cpdir",
            "force-rmdir",
            "horizontal_results",
            "if",
        ),
        *("inc", "let", "list_files", "list_files_append_file", "list_files_write_file", "lowercase_result", "mkdir"),
        *("move_file", "optimizer_trace", "output", "partially_sorted_result", "perl", "ping", "query"),
        *(
            "query_attributes",
            "query_get_value",
            "query_horizontal",
            "query_vertical",
            "real_sleep",
            "reap",
            "reap_server",
        ),
        *("remove_file", "remove_files_wildcard", "replace_column", "replace_numeric_round", "replace_regex"),
        *(
            "replace_result",
            "require",
            "reset_connection",
            "result",
            "result_format",
            "rmdir",
            "rowsort",
            "save_master_pos",
        ),
        *("send", "send_eval", "send_quit", "send_shutdown", "shutdown_server", "skip", "skip_if_hypergraph", "sleep"),
        *("sorted_result", "source", "start_timer", "sync_slave_with_master", "sync_with_master", "system"),
        *(
            "disable_prepare_warnings",
            "vertical_results",
            "wait_for_slave_to_stop",
            "while",
            "write_file",
            "write_line",
        ),
    }
)
"""Words that begin a command, and never a statement."""

_ENDING: Final = frozenset({"die", "exit", "skip", "shutdown_server", "send_shutdown"})
_TEXTS: Final = frozenset({"append_file", "perl", "write_file"})
"""Commands behind which a text of another language stands, up to a line of its own."""
_OTHERS: Final = frozenset({"connection", "connect"})
_UNSENT: Final = frozenset({"send", "send_eval", "reap"})
_RESTARTS: Final = re.compile(
    r"restart_mysqld|kill_mysqld|shutdown_mysqld|start_mysqld|crash|have_debug|have_valgrind", re.IGNORECASE
)
_WORD: Final = re.compile(r"[A-Za-z_][\w-]*")
_VARIABLE: Final = re.compile(r"\$[A-Za-z_]")


@dataclass(slots=True)
class Script:
    """What of a file can be run: `statements` in their order, and how many were left out for which reason."""

    statements: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def read(path: Path, root: Path) -> Script:
    """Read a test file; `root` is the directory below which it names others. Raises OSError and UnicodeDecodeError never."""
    script = Script()
    _Reader(script, root).run(path, 0)
    return script


class _End(Exception):  # noqa: N818  the end of a file, not a fault
    """Nothing behind this can be run."""


class _Reader:
    def __init__(self, script: Script, root: Path) -> None:
        self._script = script
        self._root = root
        self._delimiter = ";"
        self._parsing = True
        self._connection = "default"

    def run(self, path: Path, depth: int) -> None:
        """Take down the statements of a file and of those that it includes."""
        lines = iter(path.read_text(encoding="utf-8", errors="surrogateescape").splitlines())
        try:
            for line in lines:
                self._line(line, lines, depth)
        except _End:
            if depth:
                raise
            left = sum(1 for line in lines if line.rstrip().endswith(self._delimiter))
            self._script.left_out["behind an end"] += left

    def _line(self, line: str, lines: Iterator[str], depth: int) -> None:
        stripped = line.strip()
        if not stripped or stripped.startswith("#") or stripped in {"{", "}"}:
            return
        if stripped.startswith("--"):
            words = stripped[2:].strip()
            name = _name(words)
            if name in _COMMANDS:
                self._command(name, words[len(name) :].strip(), lines, depth)
            return
        name = _name(stripped)
        if name in {"if", "while"} and "(" in stripped:
            self._block(stripped, lines)
            return
        if name in _TEXTS:
            self._command(name, stripped[len(name) :].strip().removesuffix(self._delimiter), lines, depth)
            return
        text = self._until_delimiter(line, lines)
        for each in text:
            one = _without_comments(each)
            name = _name(one)
            if name in _COMMANDS:
                self._command(name, one[len(name) :].strip(), lines, depth)
            elif one:
                self._statement(each)

    def _until_delimiter(self, line: str, lines: Iterator[str]) -> list[str]:
        """The pieces of a line, and of those that follow until one ends."""
        text = line
        while (pieces := _pieces(text, self._delimiter))[1].strip():
            following = next(lines, None)
            if following is None:
                return [*pieces[0], pieces[1]]
            text = f"{text}\n{following}"
        return pieces[0]

    def _block(self, line: str, lines: Iterator[str]) -> None:
        """Leave out a block: whether it runs depends on variables."""
        depth, opened = line.count("{") - line.count("}"), "{" in line
        left = 0
        while depth > 0 or not opened:
            following = next(lines, None)
            if following is None:
                break
            if not following.strip().startswith(("#", "--")):
                depth += following.count("{") - following.count("}")
                opened = opened or "{" in following
                left += following.rstrip().endswith(self._delimiter)
        self._script.left_out["in a block"] += left

    def _command(self, name: str, rest: str, lines: Iterator[str], depth: int) -> None:
        if name in {"enable_parsing", "disable_parsing"}:
            self._parsing = name == "enable_parsing"
        elif name in _TEXTS:
            self._text(name, rest, lines)
        elif self._parsing:
            self._run(name, rest, depth)

    def _run(self, name: str, rest: str, depth: int) -> None:
        if name == "delimiter":
            self._delimiter = rest.strip() or ";"
        elif name in _ENDING:
            raise _End
        elif name in _OTHERS:
            self._connection = re.split(r"[(,)\s;]+", rest.strip("( "), maxsplit=1)[0] or "default"
        elif name == "source":
            self._include(rest.rstrip(";").strip(), depth)
        elif name in {"eval", "evalp", "query", "query_vertical", "query_horizontal"}:
            if _VARIABLE.search(rest):
                self._script.left_out["variables"] += 1
            elif rest:
                self._statement(rest.removesuffix(self._delimiter))
        elif name in _UNSENT:
            self._script.left_out["without waiting"] += name != "reap"

    def _text(self, name: str, rest: str, lines: Iterator[str]) -> None:
        words = rest.rstrip(";").split()
        end = words[-1] if len(words) > (name != "perl") else "EOF"
        for line in lines:
            if line.strip() == end:
                return

    def _include(self, written: str, depth: int) -> None:
        if _RESTARTS.search(written):
            raise _End
        path = self._root / written
        if depth >= _DEPTH or "$" in written or not path.is_file():
            self._script.left_out["included files"] += 1
            return
        connection = self._connection
        self.run(path, depth + 1)
        self._connection = connection

    def _statement(self, text: str) -> None:
        if not self._parsing:
            return
        if self._connection != "default":
            self._script.left_out["other connections"] += 1
            return
        try:
            text.encode()
        except UnicodeEncodeError:
            self._script.left_out["not UTF-8"] += 1
            return
        self._script.statements.append(text.strip())


def _name(text: str) -> str:
    match = _WORD.match(text)
    return match[0].lower() if match else ""


def _without_comments(text: str) -> str:
    """A text without the lines of comments that it begins with."""
    lines = text.strip().splitlines()
    while lines and lines[0].lstrip().startswith("#"):
        lines.pop(0)
    return "\n".join(lines).strip()


def _pieces(text: str, delimiter: str) -> tuple[list[str], str]:
    """What stands before each delimiter outside of quotes and comments, and what is behind the last."""
    pieces: list[str] = []
    start = 0
    for match in _scanner(delimiter).finditer(text):
        if match.lastgroup == "end":
            pieces.append(text[start : match.start()])
            start = match.end()
        elif match.lastgroup == "note" and not text[start : match.start()].strip():
            start = match.end()
    return pieces, text[start:]


@functools.cache
def _scanner(delimiter: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<end>{re.escape(delimiter)})|(?P<note>#[^\n]*)|'(?:[^'\\]|\\.)*'?|\"(?:[^\"\\]|\\.)*\"?|`[^`]*`?|/\*.*?\*/",
        re.DOTALL,
    )
