"""What a template of a notice looks like before it is sent: its text in each language, and its length as messages."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.desk.notice_templates import MAX_TEXT, SAMPLE, SAMPLE_ZH, Rendered, Templates
from gateway.domain.short_message import MessageLength, message_length
from gateway.domain.text import Lang

LANGUAGES: tuple[Lang, ...] = ("zh", "en")


@dataclass(frozen=True, slots=True)
class NoticePreview:
    """`rendered` is None when the template does not take the values (a text where it divides).

    `length` is that of the sign and the text; `cut`: the text is longer than a notice may be, and ends early.
    """

    template: str
    language: Lang
    rendered: Rendered | None
    length: MessageLength
    cut: bool


def preview_notice(templates: Templates, name: str, values: Mapping[str, str], sign: str = "") -> list[NoticePreview]:
    """The template `name` in every language, with sample values in that language where `values` has none.

    `sign` stands in front as 【sign】. Raises KeyError for a template or a value that does not exist.
    """
    if name not in templates:
        raise KeyError(name)
    given = {key: _like(SAMPLE[key], value) for key, value in values.items()}
    found = []
    for language in LANGUAGES:
        rendered = templates.render(name, language, SAMPLE | (SAMPLE_ZH if language == "zh" else {}) | given)
        text = (f"【{sign}】" if sign else "") + (rendered.text if rendered else "")
        cut = rendered is not None and len(rendered.text) == MAX_TEXT
        found.append(NoticePreview(name, language, rendered, message_length(text), cut))
    return found


def _like(sample: object, written: str) -> object:
    """A number where the desk gives one and one was written; else the text."""
    if isinstance(sample, int | float):
        for kind in (int, float):
            try:
                return kind(written)
            except ValueError:
                continue
    return written
