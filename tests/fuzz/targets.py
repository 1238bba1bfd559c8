"""What is fuzzed: each target takes any bytes, and raises only when a codec breaks its promise.

The promises: nothing but the errors a codec names; every message becomes a frame or a dead letter; an answer that is
taken is the answer to the request.
"""

import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, Final

from mqtt_kit import NOW, Said, config, registry, run_map

from gateway.domain.errors import DecodeError
from protocols.drop_folder.blocks import FileForm, UnreadableLines, blocks
from protocols.http.authenticate import sender_of
from protocols.http.config import HttpConfig
from protocols.http.message import PushRequest
from protocols.http.sender import Sender
from protocols.mapping.mapper import Mapper
from protocols.modbus.frames import PendingRequest, sift
from protocols.modbus.rtu_frames import crc, sift_rtu
from protocols.mqtt.sparkplug.payload import decode_payload

_FIELDS = {"volume": {"at": 0, "type": "u32"}, "temp": {"at": 4, "type": "i16"}}
_ROUTES: Mapping[str, Mapping[str, Any]] = {
    "json": {"time": {"path": "ts", "unit": "ms"}, "points": {"volume": {"path": "a.b[0]"}, "temp": {"path": "t"}}},
    "json_list": {"each": "items[*]", "points": {"volume": {"path": "v"}, "temp": {"path": "^.t"}}},
    "csv": {"payload": {"format": "csv"}, "each": "[*]", "points": {"volume": {"path": "volume"}}},
    "influx": {"payload": "influx", "each": "*[*]", "points": {"volume": {"path": "volume"}}},
    "binary": {"payload": {"format": "binary", "fields": _FIELDS}, "points": {"volume": {"path": "volume"}}},
    "base64": {
        "payload": {"format": "binary", "encoding": "base64", "fields": _FIELDS},
        "points": {"volume": {"path": "volume"}},
    },
    "unpack": {
        "unpack": [{"path": "a.b", "encoding": "hex", "fields": _FIELDS}],
        "points": {"volume": {"path": "a.b.volume"}},
    },
}
_KEYS = {
    "operator_id": "395815801",
    "operator_secret": "fuzz-operator-17",
    "data_secret": "fuzz-data--17421",
    "iv_secret": "fuzz-iv----17421",
    "sig_secret": "fuzz-sig---17421",
}  # fmt: skip
_ASKED: Final = PendingRequest(transaction=7, unit=17, function=3, count=2)


@cache
def _mapper(name: str) -> Mapper:
    route = {"filter": "x/{device}", "device": "{device}", **_ROUTES[name]}
    return Mapper("fuzz", config([route]), registry())


def _mapped(name: str) -> Callable[[bytes], None]:
    def one(data: bytes) -> None:
        found = run_map(_mapper(name), Said("x/c1", data))
        assert found.batch.frames + len(found.rejected) == 1

    return one


def _topic(data: bytes) -> None:
    with suppress(UnicodeDecodeError):
        found = run_map(_mapper("json"), Said(data.decode(), b"{}"))
        assert found.batch.frames + len(found.rejected) + found.ignored == 1


def _sparkplug(data: bytes) -> None:
    with suppress(DecodeError):
        decode_payload(data)


def _modbus_tcp(data: bytes) -> None:
    answer = sift(data, _ASKED).answer
    if answer is not None:
        assert (answer[:2], answer[6], answer[7] & 0x7F) == (b"\0\7", 17, 3)
        assert len(answer) == int.from_bytes(answer[4:6], "big") + 6


def _modbus_rtu(data: bytes) -> None:
    answer = sift_rtu(data, _ASKED).answer
    if answer is not None:
        assert (answer[0], answer[1] & 0x7F) == (17, 3)
        assert crc(answer[:-2]) == answer[-2:]


@cache
def _operator() -> Sender:
    auth = {"kind": "tcec102", **_KEYS}
    routes = [{"filter": "cec/{device}", "device": "{device}", "points": {"volume": {"path": "v"}}}]
    return sender_of(HttpConfig.model_validate({"type": "http", "auth": auth, "routes": routes}))


def _tcec102(data: bytes) -> None:
    """Without the secrets: whatever comes is answered, and nothing of it is a message."""
    found: Any = _operator().open(PushRequest("POST", "/v1/ingest/cec/notification_x", "", {}, data), NOW)
    assert found.status == 200


def _lines(form: FileForm) -> Callable[[bytes], None]:
    def one(data: bytes) -> None:
        text = io.TextIOWrapper(io.BytesIO(data), "utf-8", newline=form.newline)
        with suppress(UnreadableLines):
            for block in blocks(text, form, 3, 200):
                assert block.rows

    return one


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    **{f"route_{name}": _mapped(name) for name in _ROUTES},
    "topic": _topic,
    "sparkplug": _sparkplug,
    "modbus_tcp": _modbus_tcp,
    "modbus_rtu": _modbus_rtu,
    "tcec102": _tcec102,
    "lines_csv": _lines(FileForm("csv", ",", header=True)),
    "lines_influx": _lines(FileForm("influx")),
    "lines_json": _lines(FileForm("json")),
}
"""By name; the folder of that name in `corpus/` holds its inputs."""
