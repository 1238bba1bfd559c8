"""`order_codes.yaml`: faults, causes and remedies by code.

E01: {kind: fault, name: {en: Power supply failed, zh: 电源故障}, devices: [charger], link: https://kb.example/E01}
C03: {kind: cause, name: {en: Worn contact, zh: 触点磨损}}
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from gateway.desk.order_codes import CodeKind, OrderCode
from gateway.desk.order_config import TextConfig
from gateway.domain.errors import Problem
from gateway.domain.language_values import InBothLanguages
from gateway.domain.nearest import nearest
from gateway.section import Section
from gateway.settings.validation_messages import problems_of
from gateway.settings.yaml_document import Document, read_document

CodeText = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,3}[0-9]{1,6}$", examples=["E01"])]
"""`E01`: capital letters, then digits."""
Kinds = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=60)], ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
]


class KnowledgeConfig(Section):
    """What helps with this code, in both languages."""

    en: Annotated[str, Field(max_length=4000)] = ""
    zh: Annotated[str, Field(max_length=4000)] = ""


class OrderCodeConfig(Section):
    """One code."""

    kind: CodeKind
    name: TextConfig
    devices: Kinds = ()
    knowledge: KnowledgeConfig = KnowledgeConfig()
    link: Annotated[str, Field(pattern=r"^(https?://\S+)?$", max_length=500)] = ""

    def build(self, code: str) -> OrderCode:
        """The code for the desk."""
        name = InBothLanguages(self.name.en, self.name.zh)
        knowledge = InBothLanguages(self.knowledge.en or self.knowledge.zh, self.knowledge.zh or self.knowledge.en)
        return OrderCode(code, self.kind, name, self.devices, knowledge, self.link)


@dataclass(slots=True)
class OrderCodeFile:
    """Codes, and what is wrong with the file."""

    codes: list[OrderCode] = field(default_factory=list)
    document: Document | None = None
    problems: list[Problem] = field(default_factory=list)


def load_order_codes(path: Path) -> OrderCodeFile:
    """The codes of the file, which is optional."""
    if not path.exists():
        return OrderCodeFile()
    document = read_document(path)
    found = OrderCodeFile(document=document, problems=list(document.problems))
    if document.value is None or document.problems:
        return found
    try:
        models = TypeAdapter(dict[CodeText, OrderCodeConfig]).validate_python(document.value)
    except ValidationError as error:
        found.problems += problems_of(error, document, dict[CodeText, OrderCodeConfig])
        return found
    found.codes = [model.build(code) for code, model in models.items()]
    return found


def check_order_codes(found: OrderCodeFile, kinds: Iterable[str]) -> list[Problem]:
    """Kinds of devices that do not exist."""
    known, problems = sorted(kinds), list[Problem]()
    for one in found.codes if found.document else ():
        for index, kind in enumerate(one.devices):
            if kind not in known:
                near = nearest(kind, known)
                fields = {"value": kind, "near": near, "known": ", ".join(known[:20]) or "-"}
                place = (one.code, "devices", index)
                key = "plans.unknown_near" if near else "plans.unknown"
                problems.append(found.document.problem(place, key, **fields))  # type: ignore[union-attr]
    return problems
