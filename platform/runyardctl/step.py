"""A command of the start that runs to its end: migrations, static files, the first account."""

import asyncio
from asyncio.subprocess import PIPE

from runyardctl.logs import Log
from runyardctl.process import Command
from runyardctl.trouble import Trouble


async def run_step(title: str, command: Command, log: Log) -> str:
    """Run `command`; returns its standard output, the rest goes to `log`. Raises Trouble when it fails.

    Cancelled, it ends the command and waits until it is gone.
    """
    with log.open() as errors:
        options = command.options(PIPE) | {"stderr": errors}
        process = await asyncio.create_subprocess_exec(*command.argv, **options)
        try:
            said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode:
        end = log.tail() + said.decode(errors="replace")
        raise Trouble(f"{title} failed (exit code {process.returncode}); its log is {log.path}", end)
    return said.decode(errors="replace")
