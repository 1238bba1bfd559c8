"""How a network sends a text as short messages: its alphabet and its parts (GSM 03.38, 3GPP TS 23.040)."""

from enum import StrEnum

from msgspec import Struct

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")


class Alphabet(StrEnum):
    """`gsm7`: 160 characters, or 153 in each of several parts. `ucs2`: 70, or 67."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


_ROOM = {Alphabet.GSM7: (160, 153), Alphabet.UCS2: (70, 67)}


class MessageLength(Struct, frozen=True):
    """`units`: characters as the network counts them; one of the extension (such as €), or an emoji, is two.

    `parts`: messages it is sent, and paid for, as; `room`: units that are left in the last one. `because`: the first
    character that needs `ucs2`, "" for `gsm7`.
    """

    alphabet: Alphabet
    units: int
    parts: int
    room: int
    because: str


def message_length(text: str) -> MessageLength:
    """The length of `text`. A character of two units is never cut: it moves to the next part. Empty: one part."""
    because = next((one for one in text if one not in _BASIC and one not in _EXTENSION), "")
    alphabet = Alphabet.UCS2 if because else Alphabet.GSM7
    widths = [_width(one, alphabet) for one in text]
    units, (alone, each) = sum(widths), _ROOM[alphabet]
    if units <= alone:
        return MessageLength(alphabet, units, 1, alone - units, because)
    parts, used = 1, 0
    for width in widths:
        if used + width > each:
            parts, used = parts + 1, 0
        used += width
    return MessageLength(alphabet, units, parts, each - used, because)


def _width(character: str, alphabet: Alphabet) -> int:
    if alphabet is Alphabet.GSM7:
        return 2 if character in _EXTENSION else 1
    return 2 if ord(character) > 0xFFFF else 1
