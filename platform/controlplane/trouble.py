"""What can go wrong here, each with a line that says what to do. `__main__` and the tests print it."""


class NoGo(Exception):
    """Go is missing or too old to build the kit."""


class CannotBuild(Exception):
    """The kit is not there, or could not be made."""


class CannotStart(Exception):
    """A process ended early or did not get ready; the message has its command line and the end of its log."""
