"""`fieldgate notices`"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.new_files import fail
from gateway.cli.options import main_file, report_language
from gateway.cli.problems import refuse
from gateway.domain.errors import ConfigError
from gateway.domain.nearest import nearest
from gateway.domain.text import Lang, TextKey, localize

if TYPE_CHECKING:
    from gateway.desk.notice_preview import NoticePreview
    from gateway.settings.project import Project


@click.group("notices")
def command() -> None:
    """Notices to customers and staff: their templates.

    Example: fieldgate notices preview charger_overtemp
    """


@command.command("preview")
@click.argument("template", required=False)
@click.option(
    "--value",
    "values",
    multiple=True,
    metavar="NAME=VALUE",
    help="A value of the template; may be given several times.",
)
@click.option("--in", "only", type=click.Choice(["zh", "en"]), help="Only the notice in this language.")
@click.option("--sign", help="The name in front of the text. [default: the longest sign of the endpoints]")
@main_file
@report_language
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output.")
def preview_command(
    template: str | None,
    values: Sequence[str],
    only: Lang | None,
    sign: str | None,
    config: Path,
    lang: Lang | None,
    form: str,
) -> None:
    """Show what the notice of TEMPLATE looks like in each language, and as how many short messages it is sent; without
    TEMPLATE those of all templates.

    Values that are not given are samples; real ones may be longer. Nothing is started or sent, and no data is read.

    Exit status 0, or 2 when the configuration has problems, or no such template or value.

    \b
    Example: fieldgate notices preview charger_overtemp --value device=DC120-0042 --value component=3
    """
    from gateway.desk.notice_preview import preview_notice
    from gateway.desk.notice_templates import Templates
    from gateway.settings import load_project

    try:
        project = load_project(config, offline=True)
    except ConfigError as error:
        refuse(error, lang or "zh")
    language = lang or project.settings.language
    known = project.templates
    if template is not None and template not in known:
        near = nearest(template, list(known))
        key = "notices.unknown_near" if near else "notices.unknown"
        fail(localize(key, language, value=template, near=near, known=", ".join(known) or "-"))
    given = dict(_value(written, language) for written in values)
    front = _longest_sign(project) if sign is None else sign
    compiled = Templates(known, str(project.settings.templates or ""))
    names = list(known) if template is None else [template]
    found = [one for name in names for one in preview_notice(compiled, name, given, front)]
    found = [one for one in found if only in (None, one.language)]
    if form == "json":
        click.echo(json.dumps([_fields(one, front) for one in found], ensure_ascii=False, indent=2))
        return
    if not found:
        click.echo(localize("notices.none", language))
    click.echo("\n\n".join("\n".join(_page(one, front, language)) for one in found))


def _value(written: str, lang: Lang) -> tuple[str, str]:
    from gateway.desk.notice_templates import SAMPLE

    name, equals, value = written.partition("=")
    if not equals:
        fail(localize("notices.value_form", lang, value=written))
    if name not in SAMPLE:
        near = nearest(name, list(SAMPLE))
        fail(localize("notices.value_near" if near else "notices.value_name", lang, value=name, near=near))
    return name, value


def _longest_sign(project: "Project") -> str:
    from gateway.adapters import ENDPOINTS

    signs = [ENDPOINTS[one.type].sign(one) for one in project.settings.endpoints.values()]
    return max(signs, key=len, default="")


def _page(one: "NoticePreview", sign: str, lang: Lang) -> Iterator[str]:
    from gateway.desk.notice_templates import MAX_TEXT

    code = one.rendered.code if one.rendered else "-"
    of = TextKey(f"notices.language.{one.language}")
    yield localize("notices.head", lang, name=one.template, language=of, code=code)
    if one.rendered is None:
        yield f"  {localize('notices.no_fit', lang)}"
        return
    yield f"  【{sign}】{one.rendered.text}" if sign else f"  {one.rendered.text}"
    if one.rendered.params:
        params = ", ".join(f"{key}={value}" for key, value in one.rendered.params.items())
        yield f"  {localize('notices.params', lang, params=params)}"
    if one.cut:
        yield f"  {localize('notices.cut', lang, most=MAX_TEXT)}"
    length = one.length
    fields = {"units": length.units, "parts": length.parts, "room": length.room, "because": length.because}
    yield f"  {localize(f'notices.length.{length.alphabet}', lang, **fields)}"


def _fields(one: "NoticePreview", sign: str) -> dict[str, object]:
    rendered, length = one.rendered, one.length
    return {
        "template": one.template,
        "language": one.language,
        "sign": sign,
        "text": rendered.text if rendered else None,
        "code": rendered.code if rendered else None,
        "params": rendered.params if rendered else None,
        "cut": one.cut,
        "alphabet": length.alphabet.value,
        "units": length.units,
        "parts": length.parts,
        "room": length.room,
        "because": length.because,
    }
