"""Result of a trial as text."""

from collections.abc import Iterator, Sequence

from gateway.adapter_ports import MessageTrial
from gateway.domain.duration import iso
from gateway.domain.error_reasons import library_text
from gateway.domain.language_values import as_text_field
from gateway.domain.reading import Flag, Quality, empty_batch
from gateway.domain.text import Lang, catalogue, localize
from gateway.try_out.try_message import ReadingRow, TryResult

_QUALITY = {Quality.BAD: "bad", Quality.UNCERTAIN: "uncertain", Quality.GOOD: "good"}


def page(found: Sequence[TryResult], lang: Lang) -> str:
    """Lines of the page, one source after the other."""
    return "\n\n".join("\n".join(_lines(one, lang)) for one in found)


def _lines(tried: TryResult, lang: Lang) -> Iterator[str]:
    kind = "trial.poll" if tried.requests else "trial.message"
    yield localize(kind, lang, what=tried.what, source=tried.source, size=tried.size)
    message = tried.message or MessageTrial(empty_batch())
    if message.route >= 0:
        place = f"sources.{tried.source}.{message.part or f'routes[{message.route}]'}"
        yield localize("trial.route", lang, place=place, filter=message.filter)
    for request in tried.requests:
        first, last = request.address, request.address + request.count - 1
        words = " ".join(f"{word:04X}" for word in request.words) or request.error
        fields = {"unit": request.unit, "table": request.table, "first": first, "last": last, "words": words}
        yield "  " + localize("trial.request" if request.unit is None else "trial.request_of", lang, **fields)
    yield from _readings(tried.rows, lang)
    if tried.failure:
        yield localize("trial.unanswered", lang, reason=tried.failure)
    if message.ignored:
        yield localize("trial.ignored", lang)
    for raw in (*message.rejected, *message.partial):
        key = "trial.dead" if raw in message.rejected else "trial.partial"
        yield localize(key, lang, reason=raw.reason, why=_explanation(raw.reason, lang))
        if raw.detail:
            yield f"  {as_text_field(library_text(raw.detail), lang)}"
    if message.unused:
        yield localize("trial.unused", lang)
        for one in message.unused:
            detail = f"  ({one.detail})" if one.detail else ""
            yield (
                f"  {one.place:<24} "
                + localize("trial.left", lang, reason=one.reason, why=_explanation(one.reason, lang))
                + detail
            )
    if tried.rows:
        names = [name if mode == "live" else f"{name} ({mode})" for name, mode in tried.rules]
        yield localize("trial.rules", lang, rules=", ".join(names)) if names else localize("trial.no_rules", lang)


def _readings(rows: Sequence[ReadingRow], lang: Lang) -> Iterator[str]:
    head: tuple[str, int] | None = None
    for row in rows:
        if head != (row.device.code, row.at):
            head = row.device.code, row.at
            fields = {"device": row.device.code, "profile": row.device.profile, "kind": row.device.kind}
            yield localize("trial.frame", lang, at=iso(row.at), **fields)
        yield _row(row, lang)


def _row(row: ReadingRow, lang: Lang) -> str:
    name = f"{row.point.name}#{row.point.component}" if row.point.component else row.point.name
    number = "-" if row.value is None else row.value if isinstance(row.value, str) else f"{row.value:.12g}"
    unit = row.point.unit if isinstance(row.value, float) else ""
    quality = localize(f"word.quality.{_QUALITY[row.quality]}", lang)
    if row.quality is Quality.BAD:
        quality = localize("trial.no_value", lang, quality=quality)
    notes = [localize(f"trial.flag.{flag}", lang) for flag in _flags(row)]
    words = "" if row.words is None else "  [" + " ".join(f"{word:04X}" for word in row.words) + "]"
    note = "  " + localize("trial.note", lang, notes=localize("handbook.join", lang).join(notes)) if notes else ""
    return f"  {name:<24} {f'{number} {unit}'.strip():<24} {quality}{note}{words}"


def _flags(row: ReadingRow) -> Iterator[str]:
    if row.flags & Flag.CLAMPED:
        yield "clamped"
    if row.flags & Flag.RETAINED:
        yield "retained"
    low, high = row.point.plausible.min, row.point.plausible.max
    if isinstance(row.value, float) and (
        (low is not None and row.value < low) or (high is not None and row.value > high)
    ):
        yield "implausible"


def _explanation(reason: str, lang: Lang) -> str:
    key = f"trial.why.{reason}"
    return localize(key, lang) if key in catalogue() else reason
