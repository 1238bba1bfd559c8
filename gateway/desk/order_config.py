"""Parts of `desk:` about orders themselves."""

from typing import Annotated

from pydantic import Field

from gateway.section import Section

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""`waiting_parts`: small letters, digits and underscores."""


class TextConfig(Section):
    """A name in both languages."""

    en: Annotated[str, Field(min_length=1, max_length=120)]
    zh: Annotated[str, Field(min_length=1, max_length=120)]
