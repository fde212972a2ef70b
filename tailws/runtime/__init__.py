"""Layer 2, the machinery: the event loop, sockets, file system hints, systemd.

Nothing here knows a line of log or a WebSocket.
"""
