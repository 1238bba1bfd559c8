"""A charging operator that pushes to a platform by T/CEC 102.4, for tests and for trying a source by hand.

    python -m simulators.charging_operator --url http://127.0.0.1:8422/v1/ingest/cec --operator-id 123456789 \\
        --operator-secret S --data-secret 1234567890abcdef --iv 1234567890abcdef --sig-secret 1234567890abcdef \\
        notification_stationStatus '{"ConnectorStatusInfo": {"ConnectorID": "1", "Status": 1}}'

Prints {"Ret", "Msg", "Data"}, Data in the clear. Encryption and signatures are those of the command `openssl`: nothing
of the gateway's own code is used.
"""

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
import httpx

ZONE = ZoneInfo("Asia/Shanghai")


def openssl(data: bytes, *arguments: str) -> bytes:
    """Output of `openssl ARGUMENTS` for this input. Raises subprocess.CalledProcessError."""
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True)  # noqa: S603, S607
    return done.stdout


class BrokenAnswer(Exception):
    """The platform's answer is not signed, or cannot be decrypted."""


@dataclass
class ChargingOperator:
    """`now` s: a fixed clock, None = that of the machine; `timeout` s of a request."""

    url: str
    operator_id: str
    operator_secret: str
    data_secret: str
    iv: str
    sig_secret: str
    now: float | None = None
    token: str = ""
    token_seconds: int = 0
    sequence: int = 0
    timeout: float = 30.0
    client: httpx.Client = field(default_factory=httpx.Client)

    def encrypt(self, data: bytes) -> str:
        """AES-128-CBC with PKCS padding, in base64."""
        return base64.b64encode(openssl(data, "enc", "-aes-128-cbc", *self._keys())).decode()

    def decrypt(self, text: str) -> bytes:
        """The reverse of `encrypt`."""
        return openssl(base64.b64decode(text), "enc", "-d", "-aes-128-cbc", *self._keys())

    def sign(self, text: str) -> str:
        """HMAC-MD5 in upper-case hex."""
        found = openssl(text.encode(), "dgst", "-md5", "-mac", "HMAC", "-macopt", f"key:{self.sig_secret}", "-r")
        return found.decode().split()[0].upper()

    def request(self, data: Any, *, sealed: str | None = None, seq: int | None = None) -> dict[str, str]:
        """The five parameters around `data`, or around a text that takes the place of the encrypted one."""
        if seq is None:
            self.sequence = self.sequence % 9999 + 1
        text = self.encrypt(json.dumps(data, ensure_ascii=False).encode()) if sealed is None else sealed
        moment = datetime.fromtimestamp(time.time() if self.now is None else self.now, ZONE)
        found = {
            "OperatorID": self.operator_id,
            "Data": text,
            "TimeStamp": f"{moment:%Y%m%d%H%M%S}",
            "Seq": f"{self.sequence if seq is None else seq:04}",
        }
        return {**found, "Sig": self.sign("".join(found.values()))}

    def post(self, interface: str, body: dict[str, str]) -> tuple[int, str, Any]:
        """(Ret, Msg, Data in the clear) of a request as it stands. Raises BrokenAnswer."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        answer = self.client.post(f"{self.url}/{interface}", json=body, headers=headers, timeout=self.timeout)
        return self.opened(answer.content)

    def opened(self, answer: bytes) -> tuple[int, str, Any]:
        """(Ret, Msg, Data in the clear) of an answer. Raises BrokenAnswer."""
        found = json.loads(answer)
        if not {"Ret", "Msg", "Data", "Sig"} <= found.keys():
            raise BrokenAnswer(str(found))
        if found["Sig"] != self.sign(f"{found['Ret']}{found['Msg']}{found['Data']}"):
            raise BrokenAnswer(f"wrong Sig: {found}")
        try:
            return found["Ret"], found["Msg"], json.loads(self.decrypt(found["Data"]))
        except (subprocess.CalledProcessError, ValueError) as error:
            raise BrokenAnswer(str(error)) from error

    def query_token(self) -> dict[str, Any]:
        """Get a token and keep it; returns the answer."""
        self.token = ""
        body = self.request({"OperatorID": self.operator_id, "OperatorSecret": self.operator_secret})
        _, _, data = self.post("query_token", body)
        self.token, self.token_seconds = data.get("AccessToken", ""), data.get("TokenAvailableTime", 0)
        return dict(data)

    def push(self, interface: str, data: Any) -> tuple[int, str, Any]:
        """Send one notification; a token is got first, and again when the platform takes it no more (Ret 4002)."""
        if not self.token:
            self.query_token()
        found = self.post(interface, self.request(data))
        if found[0] == 4002:
            self.query_token()
            found = self.post(interface, self.request(data))
        return found

    @contextmanager
    def closing(self) -> Iterator["ChargingOperator"]:
        """Itself; its connections are closed at the end."""
        with self.client:
            yield self

    def _keys(self) -> tuple[str, ...]:
        return "-K", self.data_secret.encode().hex(), "-iv", self.iv.encode().hex()


@click.command()
@click.option("--url", required=True)
@click.option("--operator-id", required=True)
@click.option("--operator-secret", required=True)
@click.option("--data-secret", required=True)
@click.option("--iv", required=True)
@click.option("--sig-secret", required=True)
@click.argument("interface")
@click.argument("data")
def main(interface: str, data: str, **keys: str) -> None:
    """Push DATA, a JSON object, to INTERFACE."""
    ret, msg, answer = ChargingOperator(**keys).push(interface, json.loads(data))  # type: ignore[arg-type]
    click.echo(json.dumps({"Ret": ret, "Msg": msg, "Data": answer}, ensure_ascii=False))


if __name__ == "__main__":
    main()
