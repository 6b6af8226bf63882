"""A supervisor over small stand-in children, run as a process of its own: `yard.py HOME Name=behaviour ...`.

The children are shell scripts; what is tested is the supervisor that `runyard up` uses, unchanged.
"""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from runyardctl.child import Patience
from runyardctl.home import Home
from runyardctl.process import Command
from runyardctl.service import ALARM
from runyardctl.supervisor import Supervisor
from runyardctl.terminal import say
from runyardctl.trouble import Trouble

BEHAVIOURS = {
    "steady": 'echo $$ >"$SELF"; touch "$READY"; exec sleep 600',
    "orderly": 'trap "echo $NAME >>$ORDER; exit 0" TERM; touch "$READY"; while :; do sleep 0.02; done',
    "stubborn": 'trap "" TERM; touch "$READY"; while :; do sleep 0.02; done',
    "stillborn": 'echo "no such thing as a $NAME"; exit 3',
    "sickly": 'touch "$READY"; sleep 0.5; echo "ERROR the $NAME has no luck"; exit 4',
    "hanging": 'echo $$ >"$SELF"; exec sleep 600',
    "anxious": 'touch "$READY"; sleep 0.3; echo "WARNING it is late"; echo "all is well"; exec sleep 600',
}


@dataclass
class StandIn:
    name: str
    behaviour: str
    home: Path
    alarm = ALARM

    @property
    def ready(self) -> Path:
        return self.home / f"{self.name}.ready"

    def prepare(self) -> None:
        self.ready.unlink(missing_ok=True)

    def command(self) -> Command:
        files = {"READY": self.ready, "ORDER": self.home / "order", "SELF": self.home / f"{self.name}.self"}
        env = {"NAME": self.name} | {name: str(file) for name, file in files.items()}
        return Command(["sh", "-c", BEHAVIOURS[self.behaviour]], env=env)

    def is_ready(self) -> bool:
        return self.ready.exists()


async def main(home: Home, services: list[StandIn]) -> None:
    ready, grace = (float(os.environ.get(name, "60")) for name in ("READY_SECONDS", "GRACE"))
    patience = Patience(ready=ready, grace=grace, deaths=5, within=600, first_pause=0.02)
    async with Supervisor(home, say, patience) as supervisor:
        for service in services:
            await supervisor.start(service)
        say("all ready")
        await supervisor.keep()


if __name__ == "__main__":
    home = Home(Path(sys.argv[1]))
    try:
        home.make()
        home.lock()
        asyncio.run(main(home, [StandIn(*word.split("="), home=home.folder) for word in sys.argv[2:]]))
    except* Trouble as group:
        trouble = group.exceptions[0]
        while isinstance(trouble, BaseExceptionGroup):
            trouble = trouble.exceptions[0]
        print(trouble.detail, f"runyard: {trouble}", sep="\n", flush=True)
        sys.exit(1)
    say("stopped")
