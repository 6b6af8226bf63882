"""The one exception that a person at the terminal is meant to read. Any module of the command may raise it;
only `main` catches it, prints its one line and ends with exit code 1."""


class Trouble(Exception):
    """What happened, what it means and what to do, in one line; `detail` is a log to show the end of."""

    def __init__(self, line: str, detail: str = "") -> None:
        super().__init__(line)
        self.line = line
        self.detail = detail
