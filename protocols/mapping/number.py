"""Numbers that arrive as text."""

import re

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


def parse_number(text: str) -> int | float:
    """`88`, ` -3.5 `, `1e3` -> number. Raises ValueError for everything else: `nan`, `inf`, `0x10`, `1_000`, ``.

    Longer than 64 characters is no number. A float may come out infinite (`1e999`); the caller judges that.
    """
    body = text.strip()
    if len(body) > 64:
        raise ValueError("too long for a number")
    if _WHOLE.fullmatch(body):
        return int(body)
    if not _NUMBER.fullmatch(body):
        raise ValueError("not a number")
    return float(body)
