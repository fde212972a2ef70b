"""Layer 3, the logs: files, their rotations, and who reads them from where.

Nothing here knows a socket: whoever waits for lines is a callable.
"""
