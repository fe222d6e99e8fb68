"""The commands of a client, each with its treatment: the one table of their first bytes.

A command that is not in the table is refused, as are those that it refuses. Source: MySQL's developer documentation,
"Command Phase"; MariaDB's, "2 - Text Protocol" and "3 - Binary Protocol". Knows nothing of bytes behind the first.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Treatment(IntEnum):
    """What is done with a command."""

    REFUSE = 0
    QUERY = 1
    PREPARE = 2
    EXECUTE = 3
    BULK_EXECUTE = 4
    FETCH = 5
    LONG_DATA = 6
    CLOSE = 7
    RESET = 8
    INIT_DB = 9
    FIELD_LIST = 10
    PASS = 11  # one packet comes back
    STATISTICS = 12
    RESET_CONNECTION = 13
    QUIT = 14
    KILL = 15
    CHANGE_USER = 16


_T = Treatment

COM_QUIT: Final = 0x01
COM_INIT_DB: Final = 0x02
COM_QUERY: Final = 0x03
COM_PING: Final = 0x0E
COM_CHANGE_USER: Final = 0x11
COM_STMT_PREPARE: Final = 0x16
COM_STMT_EXECUTE: Final = 0x17
COM_STMT_CLOSE: Final = 0x19
COM_RESET_CONNECTION: Final = 0x1F

COMMANDS: Final = {
    0x00: _T.REFUSE,  # COM_SLEEP
    COM_QUIT: _T.QUIT,
    COM_INIT_DB: _T.INIT_DB,
    COM_QUERY: _T.QUERY,
    0x04: _T.FIELD_LIST,
    0x05: _T.REFUSE,  # COM_CREATE_DB
    0x06: _T.REFUSE,  # COM_DROP_DB
    0x07: _T.REFUSE,  # COM_REFRESH
    0x08: _T.REFUSE,  # COM_SHUTDOWN
    0x09: _T.STATISTICS,
    0x0A: _T.REFUSE,  # COM_PROCESS_INFO
    0x0B: _T.REFUSE,  # COM_CONNECT
    0x0C: _T.KILL,
    0x0D: _T.REFUSE,  # COM_DEBUG
    COM_PING: _T.PASS,
    0x0F: _T.REFUSE,  # COM_TIME
    0x10: _T.REFUSE,  # COM_DELAYED_INSERT
    COM_CHANGE_USER: _T.CHANGE_USER,
    0x12: _T.REFUSE,  # COM_BINLOG_DUMP
    0x13: _T.REFUSE,  # COM_TABLE_DUMP
    0x14: _T.REFUSE,  # COM_CONNECT_OUT
    0x15: _T.REFUSE,  # COM_REGISTER_SLAVE
    COM_STMT_PREPARE: _T.PREPARE,
    COM_STMT_EXECUTE: _T.EXECUTE,
    0x18: _T.LONG_DATA,
    COM_STMT_CLOSE: _T.CLOSE,
    0x1A: _T.RESET,
    0x1B: _T.PASS,  # COM_SET_OPTION: several statements in one text, or not
    0x1C: _T.FETCH,
    0x1D: _T.REFUSE,  # COM_DAEMON
    0x1E: _T.REFUSE,  # COM_BINLOG_DUMP_GTID
    COM_RESET_CONNECTION: _T.RESET_CONNECTION,
    0x20: _T.REFUSE,  # COM_CLONE
    0x21: _T.REFUSE,  # COM_SUBSCRIBE_GROUP_REPLICATION_STREAM
    0xFA: _T.BULK_EXECUTE,  # MariaDB
    0xFE: _T.REFUSE,  # MariaDB: COM_MULTI
}
