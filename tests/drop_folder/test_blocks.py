"""A file in blocks is the same rows as the file in one piece."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.drop_folder.blocks import FileForm, UnreadableLines, blocks, form_of
from protocols.drop_folder.settling import Settling
from protocols.mapping.config import RouteConfig
from protocols.mapping.payload import payload_reader

CELL = st.text(st.sampled_from('ab,;"\n\r \t\u2028\x0c表1'), max_size=6)
CSV = FileForm("csv", header=True)


def reader(payload: Any) -> Any:
    route = {"filter": "f/{x}", "device": "{x}", "payload": payload, "each": "[*]", "points": {"a": {"path": "a"}}}
    return payload_reader(RouteConfig.model_validate(route))


def split(text: str, form: FileForm, rows: int = 3, most: int = 4000, encoding: str = "utf-8") -> list[bytes]:
    file = io.TextIOWrapper(io.BytesIO(text.encode(encoding)), encoding, newline=form.newline)
    return [payload for block in blocks(file, form, rows, most) for payload in block.payloads()]


@given(
    st.lists(
        st.lists(CELL, min_size=3, max_size=3).filter(lambda row: any(map(str.strip, row))), min_size=1, max_size=20
    ),
    st.integers(1, 5),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "gb18030"]),
    st.booleans(),
)
def test_blocks_hold_the_rows_of_the_whole(
    rows: list[list[str]], most: int, end: str, encoding: str, cut: bool
) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([["a", "b", "c"], *rows])
    text = out.getvalue().removesuffix(end) if cut else out.getvalue()
    read = reader("csv")
    found = [row for payload in split(text, CSV, most, encoding=encoding) for row in read(payload)]
    assert found == read(text.encode()) == [dict(zip("abc", row, strict=True)) for row in rows]


@given(st.text(st.sampled_from('a1,"\n\r'), min_size=1, max_size=60), st.integers(1, 4))
def test_any_text_gives_the_rows_of_the_library(text: str, most: int) -> None:
    whole = [row for row in csv.reader(io.StringIO(text, newline="")) if any(cell.strip() for cell in row)]
    parts = split(text, FileForm("csv"), most)
    found = [
        row for part in parts for row in csv.reader(io.StringIO(part.decode(), newline="")) if any(map(str.strip, row))
    ]
    assert found == whole


@given(st.lists(st.integers(1, 200), min_size=1, max_size=30))
def test_no_block_is_larger_than_the_limit(sizes: list[int]) -> None:
    lines = ["x" * size for size in sizes]
    found = split("h\n" + "".join(f"{line}\n" for line in lines), CSV, 1000, 210)
    assert all(len(part) <= 210 for part in found)
    assert [line for part in found for line in part.decode().split("\n")[1:-1]] == lines


def test_lines_of_json_are_messages_and_those_of_influx_a_block() -> None:
    assert split('{"a":1}\n\n{"a":2}\r\n', FileForm("json")) == [b'{"a":1}\n', b'{"a":2}\r\n']
    assert split("# x\nm a=1 1\n\nm a=2 2\nm a=3 3", FileForm("influx"), 2) == [b"m a=1 1\nm a=2 2\n", b"m a=3 3"]


@pytest.mark.parametrize(
    ("text", "form", "key"),
    [
        ("", CSV, "drop.empty"),
        ("\n\n", CSV, "drop.empty"),
        ("", FileForm("json"), "drop.empty"),
        ("a,b,a\n1,2,3\n", CSV, "drop.header_twice"),
        ("1,2\n3,4\n", FileForm("csv", header=True, needed=("time",)), "drop.header_lacks"),
        ('a,b\n1,"2\n' + "3,4\n" * 2000, CSV, "drop.too_long"),
        ("x" * 5000, FileForm("influx"), "drop.too_long"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, form: FileForm, key: str) -> None:
    with pytest.raises(UnreadableLines) as caught:
        split(text, form)
    assert caught.value.key == key
    assert caught.value.text("zh") != caught.value.text("en")


def test_a_header_alone_is_a_file_without_rows() -> None:
    assert split("a,b\n", CSV) == []


def test_the_first_route_for_the_file_gives_its_form() -> None:
    base = {
        "device": {"path": "d"},
        "each": "[*]",
        "points": {"a": {"path": "a"}},
        "time": {"path": "t", "unit": "iso"},
    }
    routes = [
        RouteConfig.model_validate(base | {"filter": "x/a.csv", "payload": {"format": "csv", "delimiter": ";"}}),
        RouteConfig.model_validate(
            base | {"filter": "x/b.csv", "payload": {"format": "csv", "columns": ["t", "d", "a"]}}
        ),
        RouteConfig.model_validate(base | {"filter": "x/c.csv", "payload": "influx"}),
        RouteConfig.model_validate(base | {"filter": "x/d.csv"}),
    ]
    assert [form_of(routes, f"x/{name}.csv") for name in "abcde"] == [
        FileForm("csv", ";", True, ("t",)),
        FileForm("csv", ",", False, ("t",)),
        FileForm("influx"),
        FileForm("json"),
        None,
    ]


def test_a_file_is_whole_when_it_has_not_changed_for_so_long() -> None:
    settling, one, two = Settling(), (1, 10, 0), (1, 20, 5)
    assert settling.ready({"b": one, "a": one}, 0.0, 2.0) == []
    assert settling.ready({"b": one, "a": two}, 1.5, 2.0) == []
    assert settling.ready({"b": one, "a": two}, 2.0, 2.0) == ["b"]
    assert settling.ready({"a": two, "b": one}, 4.0, 2.0) == ["a", "b"]
    assert settling.ready({}, 5.0, 2.0) == []
    assert settling.ready({"a": two}, 6.0, 2.0) == []
