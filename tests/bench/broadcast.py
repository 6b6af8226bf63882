"""The yardstick of the fan-out: a bare server of the `websockets` library, that broadcasts what a line of its
standard input says. Run as `python -m tests.bench.broadcast PORT`.
"""

import asyncio
import sys

from websockets.asyncio.server import ServerConnection, broadcast, serve


async def main(port: int) -> None:
    there: set[ServerConnection] = set()

    async def stay(connection: ServerConnection) -> None:
        there.add(connection)
        await connection.wait_closed()

    async with serve(stay, "127.0.0.1", port, compression=None):
        print("serving", flush=True)
        lines = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(lines)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
        while line := await lines.readline():
            broadcast(there, line.decode().rstrip("\n"))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
