"""Words that many lines of a page need: levels, lists, spans of the calendar."""

from collections.abc import Iterable

from gateway.domain.text import Lang, localize

_UNITS = ("day", "week", "month", "year")


def level_word(level: str, lang: Lang) -> str:
    """Name of a level."""
    return localize(f"word.level.{level}", lang)


def listed(items: Iterable[str], lang: Lang) -> str:
    """`a, b`; `a、b`."""
    return localize("handbook.comma", lang).join(items)


def calendar_span(written: str, lang: Lang) -> str:
    """`6 months` -> 6 个月."""
    if lang == "en":
        return written
    number, unit = _parts(written)
    return localize(f"handbook.calendar_{unit}", lang, n=number)


def each_span(written: str, lang: Lang) -> str:
    """`6 months` -> every 6 months, 每 6 个月; `1 year` -> every year, 每年."""
    number, unit = _parts(written)
    return (
        localize(f"handbook.each_{unit}", lang)
        if number == "1"
        else localize("handbook.each_span", lang, span=calendar_span(written, lang))
    )


def _parts(written: str) -> tuple[str, str]:
    """`6 months` -> 6, month."""
    number, unit = written.rstrip("s").partition(next(one for one in _UNITS if one in written))[:2]
    return number.strip(), unit
