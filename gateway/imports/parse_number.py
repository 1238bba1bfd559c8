"""Numbers as written in files."""

import re
from typing import Final

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)


def parse_number(text: str, decimal: str = ".") -> float:
    """`88`, ` -3.5 `, `1e3`; with decimal "," `3,5`. Raises ValueError for everything else: `nan`, `1_000`, ``."""
    body = text.strip()
    if decimal == ",":
        if "." in body:
            raise ValueError("a point where the decimal sign is a comma")
        body = body.replace(",", ".")
    if len(body) > 64 or not _NUMBER.fullmatch(body):
        raise ValueError("not a number")
    return float(body)
