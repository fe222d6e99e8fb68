"""What ends a session or a login: a broken protocol, a limit of ours, a proof that was not given.

Owns the classes that say so. May not do: anything.
"""


class Violation(Exception):  # noqa: N818  the name says what has happened
    """The session cannot go on. `sqlstate` and the message are for the client."""

    def __init__(self, message: str, sqlstate: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class LoginFailure(Exception):  # noqa: N818  the name says what has happened
    """The login cannot go on: what the client is told, and what only the log is told.

    `told` is True when the client has its error already (relayed from the database).
    """

    def __init__(self, sqlstate: str, message: str, *, log: str | None = None, told: bool = False) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message
        self.log = log or message
        self.told = told
