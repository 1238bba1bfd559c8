"""`fieldgate units`"""

import json
import sys

import click

from gateway.cli.options import report_language
from gateway.domain.text import Lang, localize
from gateway.domain.unit_table import UnitRow
from gateway.domain.units import UnitError, canonical_symbol, listing, parse_unit


@click.command("units")
@click.argument("unit", required=False)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output.")
@report_language
def command(unit: str | None, form: str, lang: Lang) -> None:
    """List the units that rules, profiles and routes may use, by what they measure. With UNIT only that one; exit
    status 2 when it is unknown, with the one that was probably meant.

    Example: fieldgate units kvar --lang zh
    """
    if unit is not None:
        _one(unit, lang)
        return
    if form == "json":
        click.echo(json.dumps([_group(name, rows) for name, rows in listing()], ensure_ascii=False, indent=2))
        return
    click.echo(localize("unit.list.head", lang))
    for dimension, rows in listing():
        stored = canonical_symbol(parse_unit(rows[0].symbol))
        click.echo("\n" + localize("unit.list.group", lang, name=localize(f"unit.of.{dimension}", lang), unit=stored))
        for row in rows:
            click.echo("  " + _line(row, stored, lang))
    click.echo("\n" + localize("unit.list.compound", lang))
    click.echo(localize("unit.list.bridges", lang))


def _one(text: str, lang: Lang) -> None:
    try:
        unit = parse_unit(text)
    except UnitError as error:
        click.echo(localize(error.key, lang, **error.fields), err=True)
        sys.exit(2)
    for dimension, rows in listing():
        for row in rows:
            if unit.symbol == row.symbol:
                stored = canonical_symbol(parse_unit(rows[0].symbol))
                click.echo(localize("unit.list.group", lang, name=localize(f"unit.of.{dimension}", lang), unit=stored))
                click.echo("  " + _line(row, stored, lang))
                return
    click.echo(
        localize("unit.list.made", lang, unit=unit.symbol, stored=canonical_symbol(unit), factor=f"{unit.factor:.12g}")
    )


def _line(row: UnitRow, stored: str, lang: Lang) -> str:
    fields = {"symbol": row.symbol, "unit": stored, "factor": f"{row.factor:.12g}", "offset": f"{row.offset:.12g}"}
    parts = [localize(f"unit.name.{row.symbol}", lang)]
    if row.offset:
        parts.append(localize("unit.list.shifted", lang, **fields))
    elif row.symbol != stored:
        parts.append(localize("unit.list.factor", lang, **fields))
    if row.spellings:
        parts.append(localize("unit.list.spelled", lang, spellings=" ".join(row.spellings)))
    separator = "；" if lang == "zh" else "; "
    return f"{row.symbol:<8} {separator.join(parts)}"


def _group(dimension: str, rows: tuple[UnitRow, ...]) -> dict[str, object]:
    return {
        "dimension": dimension,
        "name": {"en": localize(f"unit.of.{dimension}"), "zh": localize(f"unit.of.{dimension}", "zh")},
        "stored_in": canonical_symbol(parse_unit(rows[0].symbol)),
        "units": [
            {
                "unit": row.symbol,
                "factor": row.factor,
                "offset": row.offset,
                "spellings": list(row.spellings),
                "name": {"en": localize(f"unit.name.{row.symbol}"), "zh": localize(f"unit.name.{row.symbol}", "zh")},
            }
            for row in rows
        ],
    }
