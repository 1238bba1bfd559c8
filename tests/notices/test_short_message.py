"""The length of short messages, and the preview of templates."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli import main
from gateway.desk.notice_preview import preview_notice
from gateway.desk.notice_templates import MAX_TEXT, NoticeTemplate, Templates
from gateway.domain.short_message import Alphabet, message_length

LIBRARY = Path(__file__).parents[2] / "config" / "demo" / "library.yaml"


@pytest.mark.parametrize(
    ("text", "alphabet", "units", "parts", "room"),
    [
        ("", Alphabet.GSM7, 0, 1, 160),
        ("a" * 160, Alphabet.GSM7, 160, 1, 0),
        ("a" * 161, Alphabet.GSM7, 161, 2, 145),
        ("a" * 306, Alphabet.GSM7, 306, 2, 0),
        ("a" * 307, Alphabet.GSM7, 307, 3, 152),
        ("€" * 80, Alphabet.GSM7, 160, 1, 0),
        ("a" * 152 + "€" + "a" * 7, Alphabet.GSM7, 161, 2, 144),
        ("燃" * 70, Alphabet.UCS2, 70, 1, 0),
        ("燃" * 71, Alphabet.UCS2, 71, 2, 63),
        ("燃" * 134, Alphabet.UCS2, 134, 2, 0),
        ("燃" * 135, Alphabet.UCS2, 135, 3, 66),
        ("😀" * 35, Alphabet.UCS2, 70, 1, 0),
        ("燃" * 66 + "😀" + "燃" * 3, Alphabet.UCS2, 71, 2, 62),
        ("90 °C", Alphabet.UCS2, 5, 1, 65),
    ],
)
def test_length(text: str, alphabet: Alphabet, units: int, parts: int, room: int) -> None:
    found = message_length(text)
    assert (found.alphabet, found.units, found.parts, found.room) == (alphabet, units, parts, room)


@given(st.text(alphabet="a€[燃😀°", max_size=400))
def test_parts_hold_the_text_and_no_fewer_would(text: str) -> None:
    found = message_length(text)
    each = {Alphabet.GSM7: (160, 153), Alphabet.UCS2: (70, 67)}[found.alphabet][found.parts > 1]
    wasted = found.parts * each - found.units - found.room
    assert 0 <= wasted < found.parts, "at most one unit a part stays empty before a character of two"
    assert found.parts == 1 or found.units > {Alphabet.GSM7: 160, Alphabet.UCS2: 70}[found.alphabet]
    if found.alphabet is Alphabet.UCS2:
        assert found.units == len(text.encode("utf-16-le")) // 2
    assert bool(found.because) == (found.alphabet is Alphabet.UCS2)


def test_preview_takes_sign_and_values_in_the_language_of_the_text() -> None:
    text = NoticeTemplate("{{ title }} {{ component + 1 }}", "{{ title }}{{ component + 1 }}")
    zh, en = preview_notice(Templates({"hot": text}), "hot", {"component": "7"}, "示例")
    assert zh.rendered is not None
    assert en.rendered is not None
    assert (zh.rendered.text, en.rendered.text) == ("枪线温度过高8", "Connector over temperature 8")
    assert zh.length.units == len("【示例】枪线温度过高8")
    assert (en.length.alphabet, en.length.because) == (Alphabet.UCS2, "【")


def test_preview_of_values_that_do_not_fit_and_of_texts_that_are_cut() -> None:
    templates = Templates({"sum": NoticeTemplate("{{ value / 2 }}", "{{ value }}")})
    zh, en = preview_notice(templates, "sum", {"value": "x" * (MAX_TEXT + 1)})
    assert en.rendered is None
    assert zh.rendered is not None
    assert (zh.cut, len(zh.rendered.text)) == (True, MAX_TEXT)


def test_command_counts_the_sign_of_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    places = {"DATA": "/tmp/none", "API": "18080", "MODBUS": "127.0.0.1:502", "MQTT": "mqtt://127.0.0.1:1883"}
    for name, value in places.items():
        monkeypatch.setenv(f"DEMO_{name}", value)
    words = ["notices", "preview", "charger_overtemp", "--format", "json", "-c", str(LIBRARY.with_name("gateway.yaml"))]
    alone = json.loads(CliRunner().invoke(main, [*words, "--sign", ""], catch_exceptions=False).output)
    signed = json.loads(CliRunner().invoke(main, words, catch_exceptions=False).output)
    assert [one["language"] for one in signed] == ["zh", "en"]
    assert [one["sign"] for one in signed] == ["城西充电"] * 2, "that of the endpoint in the file"
    assert [one["units"] for one in signed] == [one["units"] + len("【城西充电】") for one in alone]
    assert alone[0]["params"]["device"] == "DC120-0007"
