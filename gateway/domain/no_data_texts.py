"""Texts that mean "no data"."""

_ANY_CASE = frozenset({"", "nan", "nil", "null"})
_AS_WRITTEN = frozenset({"unavailable", "unknown"})  # `Unavailable` of OCPP is a state


def is_no_data(text: str) -> bool:
    """True if `text` is not a state: empty, NaN, nil, null in any case; unavailable, unknown."""
    bare = text.strip()
    return bare in _AS_WRITTEN or bare.casefold() in _ANY_CASE
