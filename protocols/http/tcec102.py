"""T/CEC 102: what charging operators push to a platform, encrypted and signed both ways.

Source: T/CEC 102.4-2016 "Interactive of charging and battery swap service information, part 4: data transmission and
security", sections 4 (request, answer, Ret), 5 (query_token), 6 (AES-128-CBC, PKCS5, base64; HMAC-MD5, upper-case hex)
and its annex with an example; T/CEC 102.2 for what each interface answers.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from gateway.domain.duration import SECOND, to_us
from gateway.domain.text import Lang, localize
from protocols.http.aes import AesCbc
from protocols.http.message import PushAnswer, PushRequest
from protocols.http.sender import OpenedPush, PushOutcome, plain_body

QUERY_TOKEN: Final = "query_token"  # noqa: S105 - an interface
Refusal = Literal["parameters", "signature", "operator", "time", "token", "interface", "content", "busy", "not_taken"]
RET: Final[Mapping[Refusal, int]] = {
    "parameters": 4003, "signature": 4001, "operator": 4003, "time": 4003, "token": 4002, "interface": 4004,
    "content": 4004, "busy": -1, "not_taken": -1,
}  # fmt: skip
"""Ret of T/CEC 102.4, table 3: 4001 signature, 4002 token, 4003 parameters, 4004 content, -1 busy: send it again."""
_SUCCESS: Final = {"SuccStat": 0, "FailReason": 0}
ANSWERS: Final[Mapping[str, tuple[tuple[str, ...], Mapping[str, int]]]] = {
    "notification_start_charge_result": (("StartChargeSeq",), _SUCCESS),
    "notification_equip_charge_status": (("StartChargeSeq",), {"SuccStat": 0}),
    "notification_stop_charge_result": (("StartChargeSeq",), _SUCCESS),
    "notification_charge_order_info": (("StartChargeSeq", "ConnectorID"), {"ConfirmResult": 0}),
    "check_charge_orders": (
        ("CheckOrderSeq", "StartTime", "EndTime"),
        {"TotalDisputeOrder": 0, "TotalDisputePower": 0, "TotalDisputeMoney": 0},
    ),
}  # fmt: skip
"""Interface -> (fields of the request that the answer repeats, fixed fields); of all others `Status: 0`."""


@dataclass(frozen=True, slots=True)
class TcecKeys:
    """What the operator was given. `lifetime`, `tolerance` in µs; `zone` of TimeStamp."""

    operator: str
    operator_secret: str
    data_secret: str
    iv: str
    sig_secret: str
    lifetime: int
    tolerance: int
    zone: ZoneInfo


class TcecSender:
    """One operator. Raises ValueError for keys that AES does not take."""

    methods = frozenset({"POST"})

    def __init__(self, keys: TcecKeys, most: int) -> None:
        self._keys, self._most = keys, most
        self._aes = AesCbc(keys.data_secret.encode(), keys.iv.encode())
        self._token_key = hmac.digest(keys.operator_secret.encode(), keys.sig_secret.encode(), "sha256")

    def open(self, request: PushRequest, now: int) -> PushAnswer | OpenedPush:
        """The decrypted Data with the interface as the last level of the topic, or the answer."""
        lang: Lang = "en" if request.headers.get("accept-language", "").strip().lower().startswith("en") else "zh"
        interface = request.path.rstrip("/").rpartition("/")[2]
        body = plain_body(request, self._most)
        if isinstance(body, PushAnswer):
            return body
        sent = _envelope(body)
        refusal = "parameters" if sent is None else self._refusal(sent, now)
        if sent is None or refusal is not None:
            return self._refused(refusal or "parameters", lang)
        if interface == QUERY_TOKEN:
            return self._token_answer(sent, lang, now)
        if not self._holds(request.headers.get("authorization", ""), now):
            return self._refused("token", lang)
        if interface.startswith("query_"):  # of a platform to an operator
            return self._refused("interface", lang)
        damaged = ""
        try:
            payload = self._unsealed(sent.data)
        except ValueError as error:
            payload, damaged = body, f"Data: {error}"
        answer = partial(self._answered, interface, payload, damaged, lang)
        return OpenedPush(payload, answer, f"{sent.time} {sent.seq} {sent.sig}", once=True, damaged=damaged)

    def _refusal(self, sent: "_Envelope", now: int) -> Refusal | None:
        """Why a request is not even looked into."""
        text = sent.operator + sent.data + sent.time + sent.seq
        if not hmac.compare_digest(sent.sig.upper().encode(), self._signature(text).encode()):
            return "signature"
        if sent.operator != self._keys.operator:
            return "operator"
        try:
            at = to_us(datetime.strptime(sent.time, "%Y%m%d%H%M%S").replace(tzinfo=self._keys.zone))
        except ValueError:
            return "parameters"
        return "time" if abs(at - now) > self._keys.tolerance else None

    # ---- the token
    def _token_answer(self, sent: "_Envelope", lang: Lang, now: int) -> PushAnswer:
        """A token needs no memory: it is its end and a proof of ours, and outlives a restart."""
        try:
            wanted = msgspec.json.decode(self._unsealed(sent.data), type=dict[str, Any])
        except (ValueError, RecursionError):
            return self._refused("content", lang)
        keys, fail = self._keys, 0
        if wanted.get("OperatorID", wanted.get("PlatformID")) != keys.operator:
            fail = 1
        elif not hmac.compare_digest(str(wanted.get("OperatorSecret", "")).encode(), keys.operator_secret.encode()):
            fail = 2
        end = (now + keys.lifetime) // SECOND
        data = {
            "OperatorID": keys.operator,
            "SuccStat": int(fail > 0),
            "AccessToken": "" if fail else f"{end:x}.{self._proof(end)}",
            "TokenAvailableTime": 0 if fail else keys.lifetime // SECOND,
            "FailReason": fail,
        }
        return self._sealed_answer(0, localize("push.tcec.ok", lang), data, "token" if fail else "")

    def _holds(self, header: str, now: int) -> bool:
        scheme, _, token = header.partition(" ")
        end, _, proof = token.strip().partition(".")
        if scheme.lower() != "bearer" or not 1 <= len(end) <= 12 or not all(sign in "0123456789abcdef" for sign in end):
            return False
        return hmac.compare_digest(proof.encode(), self._proof(int(end, 16)).encode()) and int(end, 16) * SECOND > now

    def _proof(self, end: int) -> str:
        digest = hmac.digest(self._token_key, f"{self._keys.operator} {end}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    # ---- answers
    def _refused(self, refusal: Refusal, lang: Lang) -> PushAnswer:
        return self._sealed_answer(RET[refusal], localize(f"push.tcec.{refusal}", lang), {}, refusal)

    def _answered(self, interface: str, payload: bytes, damaged: str, lang: Lang, outcome: PushOutcome) -> PushAnswer:
        """Ret 0: the journal has it, sending it again would not help."""
        if outcome.state in {"busy", "not_taken", "stopping"}:
            return self._refused("busy" if outcome.state == "busy" else "not_taken", lang)
        document: Any = None
        if not damaged:
            try:
                document = msgspec.json.decode(payload)
            except (ValueError, RecursionError):
                document = None
        if not isinstance(document, dict):
            text = localize("push.tcec.content", lang)
            return self._sealed_answer(RET["content"], text, {})  # kept as a dead letter, so not counted as refused
        copied, fixed = ANSWERS.get(interface, ((), {"Status": 0}))
        data = {name: document[name] for name in copied if name in document} | dict(fixed)
        return self._sealed_answer(0, localize("push.tcec.ok", lang), data)

    def _sealed_answer(self, ret: int, msg: str, data: Mapping[str, Any], refusal: str = "") -> PushAnswer:
        """By HTTP it is always 200: Ret is the receipt."""
        sealed = base64.b64encode(self._aes.encrypt(msgspec.json.encode(data))).decode()
        body = {"Ret": ret, "Msg": msg, "Data": sealed, "Sig": self._signature(f"{ret}{msg}{sealed}")}
        return PushAnswer(200, msgspec.json.encode(body), "application/json; charset=utf-8", refusal=refusal)

    def _signature(self, text: str) -> str:
        return hmac.new(self._keys.sig_secret.encode(), text.encode(), hashlib.md5).hexdigest().upper()

    def _unsealed(self, data: str) -> bytes:
        try:
            return self._aes.decrypt(base64.b64decode(data, validate=True))
        except binascii.Error as error:
            raise ValueError(f"base64: {error}") from None


@dataclass(frozen=True, slots=True)
class _Envelope:
    operator: str
    data: str
    time: str
    seq: str
    sig: str


def _envelope(body: bytes) -> _Envelope | None:
    """The five parameters, whatever the case of their names; None = one is missing."""
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except (ValueError, RecursionError):
        return None
    lowered = {name.lower(): value for name, value in found.items()}
    lowered.setdefault("operatorid", lowered.get("platformid"))
    values = [lowered.get(name) for name in ("operatorid", "data", "timestamp", "seq", "sig")]
    texts = [str(value) if isinstance(value, str | int) and not isinstance(value, bool) else "" for value in values]
    return _Envelope(*texts) if all(texts) else None
