"""Error messages of the operating system, the standard library and libraries as texts of the catalogue.

Errors of the operating system are found by their number, others by their English message: it is matched with the texts
`reason.said.*`, which hold the Chinese. An unknown message stays unchanged in both languages.
"""

import errno
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from json import JSONDecodeError

from gateway.domain.errors import GatewayError
from gateway.domain.language_values import Phrase
from gateway.domain.text import Lang, Localized, catalogue, localize

_PREFIX = "reason.said."
_FIELD = re.compile(r"\\\{(\w+)\\\}")
_AROUND = re.compile(
    r"^\[[A-Z0-9]+(?:: \w+)?\] |^\[Errno -?\d+\] |^\([\w.]+\) |^certificate verify failed: "
    r"|^(?:IO|Serialization|Internal) Error: | \(_ssl\.c:\d+\)$| *\[SQL: .*$| *\(Background on this error at: .*$"
)
_BY_CLASS = {
    FileNotFoundError: errno.ENOENT, PermissionError: errno.EACCES, IsADirectoryError: errno.EISDIR,
    NotADirectoryError: errno.ENOTDIR, FileExistsError: errno.EEXIST, ConnectionRefusedError: errno.ECONNREFUSED,
    ConnectionResetError: errno.ECONNRESET, BrokenPipeError: errno.EPIPE, ConnectionAbortedError: errno.ECONNABORTED,
    TimeoutError: errno.ETIMEDOUT,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LibraryMessage:
    """Original message of a library; its Chinese is the text `key` of the catalogue."""

    message: str
    key: str
    fields: Mapping[str, object]

    def text(self, lang: Lang) -> str:
        """The message in `lang`."""
        return self.message if lang == "en" else localize(self.key, lang, **self.fields)

    def __str__(self) -> str:
        return self.message


def reason(error: BaseException) -> Localized | str:
    """Reason of an error without its place: callers add the file or the address."""
    if isinstance(error, GatewayError) and error.key:
        return Phrase(error.key, error.fields)
    if isinstance(error, UnicodeDecodeError):
        return Phrase("reason.utf8", {"at": error.start + 1})
    if isinstance(error, JSONDecodeError):
        fields = {"what": library_text(error.msg), "line": error.lineno, "column": error.colno}
        return Phrase("reason.json", fields)
    if isinstance(error, OSError) and not _of_tls(error):
        number = error.errno or _BY_CLASS.get(type(error), 0)
        key = f"reason.os.{errno.errorcode.get(number, '')}"
        if key in catalogue():
            return Phrase(key)
        return library_text(error.strerror or str(error) or type(error).__name__)
    return library_text(str(error)) if str(error) else Phrase("reason.type", {"name": type(error).__name__})


def library_text(message: str) -> Localized | str:
    """Message of a library as a text of the catalogue; the unchanged text when there is none."""
    text = " ".join(message.split())
    while (bare := _AROUND.sub("", text)) and bare != text:
        text = bare
    for pattern, key in _known():
        if found := pattern.fullmatch(text):
            return LibraryMessage(text, key, {name: library_text(field) for name, field in found.groupdict().items()})
    return text


def _of_tls(error: OSError) -> bool:
    return any(
        one.__name__ == "SSLError" for one in type(error).__mro__
    )  # its number belongs to TLS, not to the operating system


@cache
def _known() -> tuple[tuple[re.Pattern[str], str], ...]:
    """(pattern of a message, its key); patterns without fields first."""
    found = [(english, key) for key, (english, _) in catalogue().items() if key.startswith(_PREFIX)]
    return tuple((_pattern(english), key) for english, key in sorted(found, key=lambda one: ("{" in one[0], one[1])))


def _pattern(english: str) -> re.Pattern[str]:
    written = re.escape(english.replace("}}", "\0")).replace("\0", r"\}")
    return re.compile(_FIELD.sub(r"(?P<\1>.+)", written).replace("…", ".*"), re.IGNORECASE)
