"""picows (Cython, on uvloop): one `send` for each transport."""

import uvloop
from follow import arguments, follow
from picows import WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server


async def main() -> None:
    args = arguments()
    transports: set[WSTransport] = set()

    class Client(WSListener):
        def on_ws_connected(self, transport: WSTransport) -> None:
            transports.add(transport)

        def on_ws_disconnected(self, transport: WSTransport) -> None:
            transports.discard(transport)

    def client(_request: WSUpgradeRequest) -> Client:
        return Client()

    def send(lines: bytes) -> None:
        for transport in transports:
            transport.send(WSMsgType.TEXT, lines)

    follow(args.path, args.window / 1e3, send)
    server = await ws_create_server(client, "127.0.0.1", args.port, backlog=4096)
    await server.serve_forever()


uvloop.run(main())
