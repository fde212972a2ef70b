"""websockets (asyncio, on uvloop): `broadcast`, its documented way to one message for all."""

import asyncio

import uvloop
from follow import arguments, follow
from websockets.asyncio.server import ServerConnection, broadcast, serve


async def main() -> None:
    args = arguments()
    connections: set[ServerConnection] = set()

    async def handler(connection: ServerConnection) -> None:
        connections.add(connection)
        try:
            await connection.wait_closed()
        finally:
            connections.discard(connection)

    follow(args.path, args.window / 1e3, lambda lines: broadcast(connections, lines, text=True))
    async with serve(handler, "127.0.0.1", args.port, compression=None, backlog=4096):
        await asyncio.Event().wait()


uvloop.run(main())
