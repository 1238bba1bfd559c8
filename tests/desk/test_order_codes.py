"""Codes of faults, causes and remedies: written in any of their forms, kept as codes, refused with what to write."""

from dataclasses import replace
from pathlib import Path

import pytest
from desk_kit import World, transition
from hypothesis import given
from hypothesis import strategies as st

from gateway.desk.order_codes import CodeKind, OrderCode, OrderCodes
from gateway.domain.errors import CommandError
from gateway.domain.language_values import InBothLanguages
from gateway.domain.workorder import Act
from gateway.settings import inspect_project

CODES = [
    OrderCode("E01", CodeKind.FAULT, InBothLanguages("Power supply failed", "电源故障"), ("charger",)),
    OrderCode("E02", CodeKind.FAULT, InBothLanguages("Fan stands still", "风扇停转")),
    OrderCode("C01", CodeKind.CAUSE, InBothLanguages("Worn contact", "触点磨损")),
]
KNOWN = OrderCodes.of(CODES, strict=True)
MAIN = "name: gw\ntimezone: Asia/Shanghai\nlanguage: en\ndesk: {codes: known}\n"
WRONG = """\
E01: {kind: fault, name: {en: Power supply failed, zh: 电源故障}, devices: [chargr]}
e2: {kind: fault, name: {en: A, zh: A}}
C01: {kind: reason, name: {en: B, zh: B}, link: ftp://x}
"""


@given(st.sampled_from(CODES), st.integers(0, 4), st.sampled_from(["", " "]))
def test_every_form_of_a_code_is_found(code: OrderCode, form: int, blank: str) -> None:
    written = f"{blank}{code.labels[form]}{blank}"
    assert KNOWN.find(code.kind, written) == code
    assert KNOWN.canonical(code.kind, written.upper()) == code.code
    assert not KNOWN.refuses(code.kind, written)


def test_what_is_no_code() -> None:
    assert KNOWN.refuses(CodeKind.FAULT, "E03")
    assert KNOWN.refuses(CodeKind.FAULT, "E01-风扇停转"), "code and name of two codes"
    assert not KNOWN.refuses(CodeKind.REMEDY, "anything"), "the list has none of this kind"
    assert not OrderCodes.of(CODES).refuses(CodeKind.FAULT, "anything")
    assert OrderCodes.of(CODES).canonical(CodeKind.FAULT, "anything") == "anything"
    assert KNOWN.suggestion(CodeKind.FAULT, "E01-电源故章") == "E01-电源故障"
    assert KNOWN.suggestion(CodeKind.FAULT, "zzz") == "E01-电源故障, E02-风扇停转"
    assert [one.code for one in KNOWN.all(CodeKind.FAULT, "meter")] == ["E02"]


def test_a_resolve_takes_codes_of_the_list(world: World) -> None:
    world.policy = replace(world.policy, codes=KNOWN)
    world.desk = world.another()
    world.apply(transition(1))
    no = world.order().no
    world.work_through(no, Act.START)
    with pytest.raises(CommandError) as refused:
        world.act(no, Act.RESOLVE, fault="E01", cause="bad luck", remedy="waited")
    assert (refused.value.status, refused.value.code) == (422, "unknown_code")
    assert "C01-触点磨损" in refused.value.detail
    after = world.act(no, Act.RESOLVE, fault="E01-电源故障", cause="worn contact", remedy="waited")
    assert (after.fault_found, after.cause, after.remedy) == ("E01", "C01", "waited")


def test_every_mistake_of_the_file_at_once(tmp_path: Path) -> None:
    for name in ("profiles", "rules"):
        (tmp_path / name).mkdir()
    (tmp_path / "gateway.yaml").write_text(MAIN, "utf-8")
    (tmp_path / "order_codes.yaml").write_text(WRONG, "utf-8")
    found = {p.path: p for p in inspect_project(tmp_path / "gateway.yaml", {}).problems}
    assert {"C01.kind", "C01.link"} <= set(found)
    assert any(path.startswith("e2") for path in found)
    assert all(p.render("zh") and p.file.endswith("order_codes.yaml") for p in found.values())
    (tmp_path / "order_codes.yaml").write_text(WRONG.splitlines()[0] + "\n", "utf-8")
    report = inspect_project(tmp_path / "gateway.yaml", {})
    assert [p.path for p in report.problems] == ["E01.devices[0]"]
