"""Display names in both languages."""

from pydantic import Field, model_validator

from gateway.section import Section


class TitleModel(Section):
    """Display name of a point or a command; written in one language, it is used for both."""

    en: str = Field(default="", max_length=80)
    zh: str = Field(default="", max_length=80)

    @model_validator(mode="before")
    @classmethod
    def _of_one_text(cls, value: object) -> object:
        return {"en": value, "zh": value} if isinstance(value, str) else value
