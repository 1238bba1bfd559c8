"""A block of registers as text: every interpretation side by side, equal ones together."""

from collections.abc import Iterator, Sequence

from gateway.probe_ports import Interpretation

_WIDTHS = (1, 2, 4)


def block_page(first: int, words: Sequence[int], found: Sequence[Interpretation]) -> Iterator[str]:
    """Lines: one for single registers, and one each for values of two and four from there on. `*` = plausible."""
    for n, word in enumerate(words):
        address = first + n
        here = [one for one in found if one.address == address]
        yield f"{address:>6}  {word:04X}  " + "  ".join(_joined([one for one in here if one.count == 1]))
        for width in _WIDTHS[1:]:
            values = [one for one in here if one.count == width and one.type != "ascii"]
            if values:
                yield f"{'':>6}  {'':4}  " + "  ".join(_joined(values))
        texts = [one for one in here if one.type == "ascii" or (one.type == "bcd" and one.count == 3)]
        if texts:
            yield f"{'':>6}  {'':4}  " + "  ".join(map(meaning, texts))


def _joined(found: Sequence[Interpretation]) -> Iterator[str]:
    """Interpretations of one value together: `u16,i16=5`."""
    groups: dict[str, list[Interpretation]] = {}
    for one in found:
        groups.setdefault(_value(one), []).append(one)
    for value, many in groups.items():
        names = ",".join(_name(one) for one in many)
        mark = "*" if any(one.plausible for one in many) else ""
        yield f"{names}={value}{mark}{' <<<' if any(one.scale for one in many) else ''}"


def meaning(one: Interpretation) -> str:
    """`u32/CDAB=123456*`."""
    return f"{_name(one)}={_value(one)}{'*' if one.plausible else ''}"


def _name(one: Interpretation) -> str:
    return one.type if one.order in ("", "ABCD") else f"{one.type}/{one.order}"


def _value(one: Interpretation) -> str:
    return f"{one.value:.7g}" if isinstance(one.value, float) else str(one.value)
