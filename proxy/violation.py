"""What ends a session: a broken protocol, a limit of ours.

Owns the class that says so. May not do: anything.
"""


class Violation(Exception):  # noqa: N818  the name says what has happened
    """The session cannot go on. `sqlstate` and the message are for the client."""

    def __init__(self, message: str, sqlstate: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
