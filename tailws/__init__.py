"""tailws: watch log files live in a browser.

Three sentences hold the design; `docs/architecture.md` has the rest:

1. The file is the buffer: a subscriber is a cursor, nothing is stored a second time for anyone.
2. Readiness is pushed, bytes are pulled: a change wakes those who wait, who then ask for a block.
3. Every loss is announced: a client gets each line, or a `gap` that says how much it missed.
"""

__version__ = "0.1.0"
