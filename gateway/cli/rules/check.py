"""`fieldgate rules check`"""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import MainFile, report_language
from gateway.cli.problems import print_filled
from gateway.cli.rules.files import files, near, project_of, unique
from gateway.cli.rules.rule_context import RuleContext, of_folder, of_project
from gateway.domain.error_reasons import reason
from gateway.domain.errors import Problem
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from gateway.settings import Project
    from rules.compiled import Names
    from rules.lint import CheckedFile, Cost, Lint, LintFinding

_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


@click.command("check")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-c",
    "--config",
    type=MainFile(),
    default=None,
    help="The main file, or the folder it is in; by default the lists and profiles beside the folder of the rules.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output format.")
@report_language
@click.option("--strict", is_flag=True, help="Warnings make the exit status 1.")
def check(paths: Sequence[Path], config: Path | None, form: str, lang: Lang, strict: bool) -> None:
    """Find rules that load but are probably not what was meant, and estimate what each of them costs.

    Without PATHS: the rules in force of --config. Rules in force that are not among PATHS are compared with those that
    are: two rules for one fault are reported. With --config also the retention of stored readings is checked, and, if
    the installation has run, its registry and the points it ever received (read only, also while it runs).

    Exit status: 0 nothing, or only infos (without --strict also warnings), 1 warnings with --strict, 2 a file did not
    load, or the state exceeds limits.state.

    Example: fieldgate rules check config/rules -c gateway.yaml --strict
    """
    from rules.lint import Severity, lint

    problems: list[Problem] = []
    if not paths and config is None:
        raise click.UsageError(localize("lint.nothing", lang))
    found = files(paths, problems)
    place = _place(config, found, problems, lang)
    if not paths and place is not None and place.rules is not None:
        found = [path for path in files([place.rules], problems) if path.parent == place.rules]
    checked = [*_load(found, place.names, problems), *_other_files(found, place)] if place is not None else []
    problems = unique(problems)
    result = None if problems or place is None else lint(checked, place.lint)
    if form == "json":
        click.echo(json.dumps(as_json(result, problems, lang), ensure_ascii=False, indent=1))
    else:
        for problem in problems:
            click.echo(problem.render(lang), err=True)
        if result is not None:
            click.echo(as_text(result, lang))
    if result is None or result.over:
        raise SystemExit(2)
    raise SystemExit(int(strict and result.count(Severity.WARNING) > 0))


def _place(config: Path | None, found: Sequence[Path], problems: list[Problem], lang: Lang) -> RuleContext | None:
    """Context of the check; None when it does not load."""
    from gateway.settings import inspect_project

    if config is None:
        folder = near(found[0]) if found else None
        names = project_of(folder, problems).names
        return None if problems else of_folder(folder, names, problems)
    report = inspect_project(config, offline=True)
    problems += report.problems
    print_filled(report.project.filled if report.project is not None else (), lang)
    return None if report.project is None else of_project(report.project)


def _load(found: Sequence[Path], names: "Names", problems: list[Problem]) -> "list[CheckedFile]":
    """All files, and the problems within them and between them."""
    from rules.format import load_text, merge
    from rules.lint import CheckedFile, is_alone

    out: list[CheckedFile] = []
    for file in found:
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as flaw:
            problems.append(Problem(str(file), "", "casetest.unreadable", {"reason": reason(flaw)}))
            continue
        out.append(CheckedFile(load_text(text, str(file), names), text, is_alone(text)))
    problems += [problem for one in out if one.stand_alone for problem in one.loaded.problems]
    problems += merge([one.loaded for one in out if not one.stand_alone])[1]
    return out


def _other_files(found: Sequence[Path], place: RuleContext) -> "list[CheckedFile]":
    """The other rule files in force that load, to find overlaps with the checked rules."""
    from rules.format import load_text
    from rules.lint import CheckedFile, is_alone

    checked = {path.resolve() for path in found}
    folder = place.rules
    paths = sorted(folder.glob("*.y*ml")) if folder is not None and folder.is_dir() else []
    out: list[CheckedFile] = []
    for path in paths:
        if path.resolve() in checked:
            continue
        with suppress(OSError, UnicodeDecodeError):
            text = path.read_text("utf-8")
            loaded = load_text(text, str(path), place.names)
            if not loaded.problems and not is_alone(text):
                out.append(CheckedFile(loaded, text, in_force_only=True))
    return out


def summary(project: "Project", lang: Lang) -> str:
    """One line about the rules of a valid configuration, for `fieldgate check`."""
    from rules.lint import Severity, lint

    place, folder = of_project(project), project.settings.rules
    result = lint(_load([path for path in files([folder], []) if path.parent == folder], place.names, []), place.lint)
    return localize(
        "lint.check",
        lang,
        warnings=result.count(Severity.WARNING),
        infos=result.count(Severity.INFO),
        accepted=len(result.accepted),
        state=size(result.state),
        paths=folder,
        file=project.file,
    )


# --- report
def as_text(result: "Lint", lang: Lang) -> str:
    """Report as text: findings, cost of each rule, checks left out, totals."""
    from rules.lint import Severity

    lines = [one.render(lang) for one in result.findings]
    lines += ["", *_table(result.costs, lang)] if result.costs else []
    if result.costs:
        total = localize(
            "lint.total", lang, state=size(result.state), rate=_rate(sum(one.per_second for one in result.costs))
        )
        lines.append(total + (localize("lint.limit", lang, limit=size(result.limit)) if result.limit else ""))
    if result.over:
        worst = max(result.costs, key=lambda one: one.state)
        fields = {"state": size(result.state), "limit": size(result.limit), "write": _next_size(result.state)}
        lines.append(localize("lint.over", lang, rule=worst.rule, largest=size(worst.state), **fields))
    lines += [localize(f"lint.unchecked.{name}", lang) for name in result.unchecked]
    counts = {"warnings": result.count(Severity.WARNING), "infos": result.count(Severity.INFO)}
    lines.append(localize("lint.sum", lang, rules=len(result.costs), accepted=len(result.accepted), **counts))
    return "\n".join(lines).lstrip("\n")


def _table(costs: "Sequence[Cost]", lang: Lang) -> list[str]:
    head = [localize(f"lint.head.{name}", lang) for name in ("rule", "devices", "bytes", "state", "rate")]
    rows = [
        [
            one.rule,
            "-" if one.things is None else str(one.things),
            str(one.per_thing),
            "-" if one.things is None else size(one.state),
            "-" if one.things is None else _rate(one.per_second),
        ]
        for one in costs
    ]
    wide = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
    return [
        "  ".join(
            cell.ljust(width) if not k else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, wide, strict=True))
        )
        for row in [head, *rows]
    ]


def size(count: int) -> str:
    """1536 -> `1.5 KiB`."""
    for unit, name in _UNITS:
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} B"


def _next_size(count: int) -> str:
    """A limit with some headroom, written as in a rule file."""
    return f"{max(1, -(-count * 5 // 4 // 10**6))} MB"


def _rate(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def as_json(result: "Lint | None", problems: Sequence[Problem], lang: Lang) -> dict[str, Any]:
    """`{ok, problems, findings, accepted, costs, state, limit, not_checked}`; sizes in bytes."""
    shown = [problem.render(lang) for problem in problems]
    if result is None:
        return {"ok": False, "problems": shown, "findings": [], "accepted": [], "costs": []}
    return {
        "ok": not result.over,
        "problems": shown,
        "findings": [_finding(one, lang) for one in result.findings],
        "accepted": [_finding(one, lang) | {"reason": why} for one, why in result.accepted],
        "costs": [
            {
                "rule": one.rule,
                "things": one.things,
                "bytes_per_thing": one.per_thing,
                "state": one.state,
                "evaluations_s": round(one.per_second, 4),
            }
            for one in result.costs
        ],
        "state": result.state,
        "limit": result.limit,
        "not_checked": list(result.unchecked),
    }


def _finding(one: "LintFinding", lang: Lang) -> dict[str, Any]:
    return {
        "file": one.file,
        "line": one.line,
        "rule": one.rule,
        "severity": one.severity.value,
        "code": one.code,
        "text": one.text(lang),
        "write": one.write,
    }
