"""Quoting for YAML and CSV."""

import json

_OTHERWISE = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def quoted(value: str) -> str:
    """Text in YAML: bare where YAML reads it as the same text, else as JSON, which is valid YAML."""
    bare = value and all(c.isalnum() or c in "_./-" for c in value) and value[0].isalpha() and value.isascii()
    plain = bare and value.lower() not in _OTHERWISE
    return value if plain else json.dumps(value, ensure_ascii=False)


def cell(value: str) -> str:
    """A cell of a CSV file."""
    return '"' + value.replace('"', '""') + '"' if any(c in value for c in ',"\n') else value
