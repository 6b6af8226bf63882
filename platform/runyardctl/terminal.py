"""What `runyard up` prints: progress lines and the final banner. Survives a terminal that goes away."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FirstAccount:
    """The administrator. The password is known to the start that made it, the link until it has been used."""

    username: str
    password: str | None
    link: str | None


def say(line: str) -> None:
    """One line, at once. A closed terminal is no reason to stop."""
    try:
        print(f"  {line}".rstrip(), flush=True)
    except (OSError, ValueError):
        pass


def banner(url: str, account: FirstAccount | None, logs: str) -> None:
    """Where it is, how to get in, where the logs are, how to stop."""
    rows = [("Runyard is running", url)]
    if account and account.link:
        rows += [("Sign in", account.link), ("User", account.username)]
    if account and account.password:
        rows += [("Password", f"{account.password}  (shown only now)")]
    rows += [("Logs", logs), ("Stop", "Ctrl-C")]
    width = max(len(title) for title, _ in rows)
    say("")
    for title, text in rows:
        say(f"{title:<{width}}  {text}")
    say("")
