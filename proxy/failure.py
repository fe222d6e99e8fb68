"""What ends a login: a broken protocol, a limit of ours, a proof that was not given.

Owns the class that says so; interpreted, for the dialogues of both protocols, which are, have their own kinds of it, and native
classes take none of those. May not do: anything.
"""


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
