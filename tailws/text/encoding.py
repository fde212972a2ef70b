"""Which encoding a file is in, from its first bytes; `lines.Codec` then reads it.

UTF-8 is the answer unless the bytes say otherwise. Latin-1 is never guessed: any bytes are valid
Latin-1, and a single bad byte in UTF-8 must not turn the rest of a log into gibberish.
"""

from typing import Final

#: First bytes of a file that are looked at.
SNIFF_BYTES: Final = 4096

_BOMS: Final = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_ALIASES: Final = {
    "utf8": "utf-8",
    "utf-8": "utf-8",
    "ascii": "utf-8",
    "us-ascii": "utf-8",
    "latin1": "latin-1",
    "latin-1": "latin-1",
    "iso-8859-1": "latin-1",
    "utf-16-le": "utf-16-le",
    "utf-16le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "utf-16be": "utf-16-be",
}


def known(name: str) -> str | None:
    """The one name here of an encoding that a person may call otherwise; None if it is unknown."""
    return _ALIASES.get(name.strip().lower().replace("_", "-"))


def sniff(first: bytes) -> str:
    """`utf-8`, `utf-16-le` or `utf-16-be`: by the byte order mark, else by where the NULs stand.

    Western text in UTF-16 has a NUL in nearly each pair of bytes, always on the same side. NULs in
    a row are no text: a sparse file after a truncation begins with them.
    """
    for mark, encoding in _BOMS.items():
        if first.startswith(mark):
            return encoding
    sample = first[: SNIFF_BYTES & ~1]
    pairs = len(sample) // 2
    if pairs < 4:
        return "utf-8"
    even, odd = sample[0 : 2 * pairs : 2].count(0), sample[1 : 2 * pairs : 2].count(0)
    if odd > 0.7 * pairs and even < 0.05 * pairs:
        return "utf-16-le"
    if even > 0.7 * pairs and odd < 0.05 * pairs:
        return "utf-16-be"
    return "utf-8"
