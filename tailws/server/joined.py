"""The modules of the page as one script.

They are written, checked and tested as modules, and nothing has to be built. But a file is a
request, and fifty of them take a browser longer than all that is in them, above all where an answer
is a while under way. So each becomes a function that returns what it exports, behind those that it
imports. The page's sources keep to one form of either statement, each on a line of its own.
"""

from collections.abc import Mapping
from posixpath import dirname, join, normpath
from re import Match

from tailws.text.pattern import lazy

_IMPORT = lazy(rb'\nimport \{([^}\n]+)\} from "([^"\n]+)";')
_EXPORT = lazy(rb"\nexport ((?:async )?(?:class|const|function) (\w+))")


def joined(main: bytes, modules: Mapping[str, bytes]) -> bytes:
    """Return the script that does what `main` does, which imports of these modules; their names are
    relative to its place. KeyError when one is imported that is not there."""
    parts: list[bytes] = []
    places: dict[str, bytes] = {}

    def body(name: str, source: bytes) -> bytes:
        def taken(statement: Match[bytes]) -> bytes:
            other = normpath(join(dirname(name), statement[2].decode()))
            if other not in places:
                text = body(other, modules[other])  # which may put others before it
                exports = b", ".join(match[2] for match in _EXPORT.finditer(modules[other]))
                places[other] = b"module%d" % len(places)
                parts.append(
                    b"const %s = (() => {%s\nreturn { %s };\n})();\n"
                    % (places[other], text, exports)
                )
            return b"\nconst {%s} = %s;" % (statement[1].replace(b" as ", b": "), places[other])

        return _EXPORT.sub(rb"\n\1", _IMPORT.sub(taken, b"\n" + source))

    last = body("", main)
    return b"".join([*parts, last])
