"""Reload of the configuration files."""

from functools import partial

from fastapi import APIRouter

from gateway.api.access import KeyKeeper
from gateway.api.context import Gateway, in_desk, in_ingest
from gateway.api.values import ResponseModel
from gateway.domain.text import localize

router = APIRouter(prefix="/v1", tags=["configuration"])


class ProblemView(ResponseModel):
    """One mistake in a file: its place, and what to write instead."""

    file: str
    path: str
    line: int
    text: str


class ReloadedView(ResponseModel):
    """`problems`: why nothing was changed; without problems, `changed` is the number of changes. `at_start`: keys
    that differ from the file until the next start."""

    changed: int
    problems: list[ProblemView]
    at_start: list[str]


@router.post("/reload")
async def reload(context: Gateway, principal: KeyKeeper) -> ReloadedView:
    """Apply all differences at once; a mistake anywhere changes nothing. Like SIGHUP, with an answer."""
    name, lang = principal.key.name, context.settings.language
    found = await in_ingest(context, partial(context.reload, name))
    detail = f"problems: {len(found.problems)}" if found.problems else f"changed: {found.changed}"
    entry = principal.audited(context.clock.now(), "configuration.reload", "", detail)
    await in_desk(context, lambda: context.sql.audit.add(entry))
    problems = [
        ProblemView(file=one.file, path=one.path, line=one.line, text=localize(one.key, lang, **one.fields))
        for one in found.problems
    ]
    return ReloadedView(changed=found.changed, problems=problems, at_start=list(found.at_start))
