"""`templates.yaml`: the texts and provider codes of notices, by name.

charger_overtemp:
  zh: "{{ site_name }} {{ device }} {{ component }} 号枪温度 {{ value }} {{ unit }}"
  en: "{{ device }} connector {{ component }} at {{ value }} {{ unit }}"
  code: SMS_001                         # the provider's approved template; default: the name
  params: [device, component]           # or {pile: "{{ device }}"} when the provider's names differ
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from gateway.desk.notice_templates import NoticeTemplate, Templates
from gateway.domain.errors import ConfigError, Problem
from gateway.section import Section
from gateway.settings.validation_messages import located, problems_of
from gateway.settings.yaml_document import read_document

ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=60)]
Text = Annotated[str, Field(max_length=1000)]


class TemplateModel(Section):
    """One template. `params` as a list takes the values under their own names."""

    zh: str = Field(min_length=1, max_length=1000, examples=['"{{ device }} 温度 {{ value }} {{ unit }}"'])
    en: str = Field(min_length=1, max_length=1000, examples=['"{{ device }} at {{ value }} {{ unit }}"'])
    code: str = Field(default="", max_length=100)
    params: (
        Annotated[tuple[ParameterName, ...], Field(max_length=30)]
        | Annotated[dict[ParameterName, Text], Field(max_length=30)]
    ) = ()

    def build(self, name: str) -> NoticeTemplate:
        """Template for the desk. Without its own code a template is sent under its name."""
        own = {name: "{{ " + name + " }}" for name in self.params} if isinstance(self.params, tuple) else self.params
        return NoticeTemplate(self.en, self.zh, self.code or name, own)


def load_templates(path: Path | None) -> tuple[dict[str, NoticeTemplate], list[Problem]]:
    """Every template by name, each rendered once with sample values; and every problem."""
    if path is None:
        return {}, []
    document = read_document(path)
    if document.problems or document.value is None:
        return {}, document.problems
    adapter = TypeAdapter(dict[ParameterName, TemplateModel])
    try:
        models = adapter.validate_python(document.value)
    except ValidationError as error:
        return {}, problems_of(error, document, dict[ParameterName, TemplateModel])
    templates = {name: model.build(name) for name, model in models.items()}
    try:
        Templates(templates, str(path))
    except ConfigError as error:
        return templates, [located(problem, document, drop="templates.") for problem in error.problems]
    return templates, []
