"""One page: a table of all rules, and of each rule what it watches, when it is raised and what happens then."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.language_values import duration_text
from gateway.domain.text import Lang, localize
from rules.compiled import Rule
from rules.format import Case
from rules.format.rule_source import decoded
from rules.format.signal_keys import operator_of
from rules.handbook.condition_words import Body, ended, raised
from rules.handbook.words import level_word, listed

_ATTR = re.compile(r"""attr\(\s*'([^']+)'\s*(?:,\s*([^()]+?)\s*)?\)""")
_TAG = re.compile(r"""tag\(\s*'([^']+)'\s*\)""")


@dataclass(frozen=True, slots=True)
class Chapter:
    """One rule file: its name, its rules in order, and all cases that are about them, of other files too."""

    name: str
    rules: Sequence[Rule]
    cases: Sequence[Case]


def page(chapters: Sequence[Chapter], lang: Lang) -> str:
    """The page as Markdown."""
    rules = [rule for chapter in chapters for rule in chapter.rules]
    tests = sum(len(chapter.cases) for chapter in chapters)
    lines = [localize("handbook.head", lang), "", localize("handbook.intro", lang, rules=len(rules), tests=tests), ""]
    lines += [localize("handbook.table", lang), "|---|---|---|---|---|", *(_row(rule, lang) for rule in rules)]
    for chapter in chapters:
        if chapter.rules:
            lines += ["", f"## {chapter.name}"]
            for rule in chapter.rules:
                lines += ["", *_rule(rule, [one for one in chapter.cases if one.rule == rule.id], lang)]
    return "\n".join(lines) + "\n"


def _row(rule: Rule, lang: Lang) -> str:
    body = decoded(rule.source).rule
    order = body.get("then", {}).get("order", {})
    link = f"[{rule.id}](#{rule.id.replace('.', '')})"
    kind = f"`{order['type']}`" if order else "-"
    return f"| {link} | {rule.title[lang]} | `{rule.owner}` | {_levels(rule, body, lang)} | {kind} |"


def _levels(rule: Rule, body: Body, lang: Lang) -> str:
    if not body.get("then", {}).get("order", {}).get("level", "minor").isalpha():
        return localize("handbook.by_value", lang)
    return listed((level_word(level.word, lang) for level in rule.condition.alarm_levels()), lang)


def _rule(rule: Rule, cases: Sequence[Case], lang: Lang) -> list[str]:
    body = decoded(rule.source).rule
    parts: list[tuple[str, Sequence[str]]] = [
        ("watch", [_watch(body["watch"], lang)]),
        ("signals", [_signal(name, what, lang) for name, what in body.get("let", {}).items()]),
        ("condition", raised(body, lang)),
        ("clear", ended(body, lang)),
        ("besides", _besides(body, lang)),
        ("attributes", _attributes(rule, body, lang)),
        ("order", _order(body, lang)),
        ("notice", _notice(body, lang)),
        ("tests", [_case(case, lang) for case in cases]),
    ]
    lines = [f"### {rule.id}", "", localize("handbook.why", lang, title=rule.title[lang], why=rule.why[lang]), ""]
    for key, items in parts:
        if len(items) == 1 and key != "tests":
            lines.append("- " + localize("handbook.item", lang, name=localize(f"handbook.{key}", lang), text=items[0]))
        elif items:
            lines += ["- " + localize("handbook.items", lang, name=localize(f"handbook.{key}", lang))]
            lines += [f"  - {item}" for item in items]
    return lines


def _watch(what: Body, lang: Lang) -> str:
    kinds = what["kind"] if isinstance(what["kind"], list) else [what["kind"]]
    found = listed((f"`{kind}`" for kind in kinds), lang)
    if "where" in what:
        found += localize("handbook.where", lang, where=what["where"])
    if "group" in what:
        found += localize("handbook.group", lang, group=what["group"])
    return found + (localize("handbook.each", lang) if "each" in what else "")


def _signal(name: str, what: Body, lang: Lang) -> str:
    return localize("handbook.signal", lang, name=name, what=_made_of(what, lang))


def _made_of(what: Body, lang: Lang) -> str:
    if "members" in what:
        inside = what["members"]
        of = {key: value for key, value in inside.items() if key not in {"kind", "where", "coverage", "per"}}
        found = localize("handbook.members", lang, what=_made_of(of, lang))
        if inside.get("per") == "component":
            found += localize("handbook.per_component", lang)
        if "where" in inside:
            found += localize("handbook.where", lang, where=inside["where"])
        return found + _coverage(inside, lang)
    if "peers" in what:
        inside = what["peers"]
        operator = next(filter(operator_of, inside))
        name = localize(f"handbook.op.{operator}", lang, rank="")
        found = localize("handbook.peers", lang, what=name, of=inside[operator], by=inside["of"])
        return found + _coverage(inside, lang)
    written = next(filter(operator_of, what))
    operator, _, rank = written.partition("(")
    if operator == "times":
        found = localize("handbook.times", lang, of=what[written])
    else:
        name = localize(f"handbook.op.{operator}", lang, rank=rank.rstrip(") ").strip())
        found = localize("handbook.of", lang, what=name, of=what[written])
    if "over" in what:
        found += localize("handbook.over", lang, window=duration_text(what["over"], lang))
    if "per" in what:
        found += localize("handbook.per", lang, window=_period(what["per"], lang))
    if "table" in what:
        found += localize("handbook.table_of", lang, table=what["table"])
    if what.get("scale") == "per_day":
        found += localize("handbook.per_day", lang)
    if "max_gap" in what:
        found += localize("handbook.max_gap", lang, gap=duration_text(what["max_gap"], lang))
    return found + _coverage(what, lang)


def _period(text: str, lang: Lang) -> str:
    """A calendar window in words: `month(from: 26)` -> month (from day 26)."""
    name, _, inside = text.partition("(")
    word = localize(f"word.period.{name}", lang)
    inside = inside.rstrip(")").removeprefix("from:").strip()
    return word + localize(f"handbook.period.{name}_of", lang, inside=inside) if inside else word


def _coverage(what: Body, lang: Lang) -> str:
    if "coverage" not in what:
        return ""
    return localize("handbook.coverage", lang, share=f"{100 * float(what['coverage']):g}")


def _hours(active: Body, lang: Lang) -> str:
    """`daily`, `days` and `months` of `active`, in words."""
    parts = []
    for key in ("daily", "days", "months"):
        items = active.get(key, [])
        words = [str(one) for one in (items if isinstance(items, list) else [items])]
        if key == "days":
            words = [localize(f"handbook.day.{one.lower()[:3]}", lang) for one in words]
        if words:
            parts.append(localize(f"handbook.active_{key}", lang, items=localize("handbook.comma", lang).join(words)))
    return localize("handbook.join", lang).join(parts)


def _besides(body: Body, lang: Lang) -> list[str]:
    found = []
    if "identity" in body:
        found.append(localize("handbook.identity", lang, texts=listed((f"`{one}`" for one in body["identity"]), lang)))
    if "active" in body:
        found.append(localize("handbook.active", lang, times=_hours(body["active"], lang)))
    if "flap" in body:
        flap = body["flap"]
        span, quiet = duration_text(flap["in"], lang), duration_text(flap["quiet"], lang)
        found.append(localize("handbook.flap", lang, raises=flap["raises"], span=span, quiet=quiet))
    if "inhibit" in body:
        same = listed((f"`{one}`" for one in body["inhibit"].get("same", [])), lang)
        found.append(localize("handbook.inhibit", lang, by=body["inhibit"]["by"], same=same))
    if "cooldown" in body:
        found.append(localize("handbook.cooldown", lang, cooldown=duration_text(body["cooldown"], lang)))
    return found


def _texts(tree: object) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from _texts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _texts(value)


def _attributes(rule: Rule, body: Body, lang: Lang) -> list[str]:
    """Attributes of the rule with their defaults, its date, and its tags."""
    found: dict[str, str] = {}
    for text in _texts({key: value for key, value in body.items() if key not in {"why", "title"}}):
        for name, default in _ATTR.findall(text):
            key = "attribute" if default else "attribute_only"
            found[name] = localize(f"handbook.{key}", lang, name=name, default=default)
        for name in _TAG.findall(text):
            found[f"tag {name}"] = localize("handbook.tags", lang, name=name)
    for name in rule.condition.attributes():
        found[name] = localize("handbook.attribute_only", lang, name=name)
    return [listed(found.values(), lang)] if found else []


def _order(body: Body, lang: Lang) -> list[str]:
    order = body.get("then", {}).get("order")
    if order is None:
        return []
    found = f"`{order['type']}`"
    for key, text in (("fault", "fault"), ("level", "order_level"), ("skill", "skill"), ("sla", "sla"),
                      ("assign", "assign"), ("after", "order_after")):  # fmt: skip
        if key in order:
            word = {"level": level_word, "after": duration_text}.get(key)
            value = word(order[key], lang) if word and order[key].isalnum() else f"`{order[key]}`"
            found += localize(f"handbook.{text}", lang, **{key: value})
    if "batch" in order:
        found += localize(
            "handbook.batch", lang, by=order["batch"]["by"], every=duration_text(order["batch"]["every"], lang)
        )
    if "reopen_within" in order:
        found += localize("handbook.reopen", lang, within=duration_text(order["reopen_within"], lang))
    return [found]


def _notice(body: Body, lang: Lang) -> list[str]:
    notice = body.get("then", {}).get("notice")
    if notice is None:
        return []
    klass = localize(f"handbook.class.{notice.get('class', 'service')}", lang)
    found = localize("handbook.notice_is", lang, audience=notice["audience"], template=notice["template"], klass=klass)
    if "remind" in notice:
        found += localize("handbook.remind", lang, remind=duration_text(notice["remind"], lang), max=notice["max"])
    return [found]


def _case(case: Case, lang: Lang) -> str:
    """Title of a case and its transitions."""
    expect = case.data.get("expect")
    steps = [_step(one, lang) for one in expect if isinstance(one, Mapping)] if isinstance(expect, list) else []
    return f"{case.title(lang)} → {listed(steps, lang) or localize('handbook.nothing', lang)}"


def _step(one: Mapping[str, object], lang: Lang) -> str:
    word = localize(f"word.change.{one.get('is', 'raised')}", lang)
    level = localize("handbook.step_level", lang, level=level_word(str(one["level"]), lang)) if "level" in one else ""
    at = localize("handbook.step_at", lang, at=duration_text(one["at"], lang)) if "at" in one else ""
    return localize("handbook.step", lang, word=word, level=level, at=at)
