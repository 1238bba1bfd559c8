"""The CSV reader of payloads cut the text into lines before it looked for quotation marks: a line end inside of a
quoted cell was lost, and a Unicode line separator inside of a cell ended the row."""

from protocols.mapping.config import RouteConfig
from protocols.mapping.payload import payload_reader

ROUTE = {"filter": "f/{x}", "device": "{x}", "payload": "csv", "each": "[*]", "points": {"a": {"path": "a"}}}


def test_a_cell_keeps_its_line_ends() -> None:
    read = payload_reader(RouteConfig.model_validate(ROUTE))
    assert read is not None
    assert read('a,b\r\n"one\ntwo",3\r\nx\u2028y,4\n'.encode()) == [
        {"a": "one\ntwo", "b": "3"},
        {"a": "x\u2028y", "b": "4"},
    ]
