"""C8: what the operating system and libraries say is said in Chinese, too; in English it stays as it came."""

import csv
import errno
import gzip
import json
import os
import socket
import sqlite3
import ssl
import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import orjson
import pytest
from latin import HAN, left
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from gateway.domain.error_reasons import library_text, reason
from gateway.domain.errors import SourceUnavailable
from gateway.domain.text import catalogue, localize


def caught(act: Callable[[], object]) -> BaseException:
    with pytest.raises(Exception) as found:  # noqa: PT011 - of any library
        act()
    return found.value


def in_chinese(error: BaseException | str) -> str:
    return localize(
        "config.problem", "zh", place="-", text=library_text(error) if isinstance(error, str) else reason(error)
    )


def in_english(error: BaseException | str) -> str:
    return localize(
        "config.problem", "en", place="-", text=library_text(error) if isinstance(error, str) else reason(error)
    )


@pytest.mark.parametrize(
    "name", ["ENOENT", "EACCES", "EIO", "ENOSPC", "EROFS", "EADDRINUSE", "ECONNREFUSED", "EHOSTUNREACH", "EMFILE"]
)
def test_of_the_system_by_number(name: str) -> None:
    number = getattr(errno, name)
    error = OSError(number, os.strerror(number), "some/file")
    assert in_english(error) == f"-: {os.strerror(number)}"
    assert not left(in_chinese(error))


def test_every_number_of_the_catalogue_is_one() -> None:
    names = [key.rpartition(".")[2] for key in catalogue() if key.startswith("reason.os.")]
    assert [name for name in names if os.strerror(getattr(errno, name)) != catalogue()[f"reason.os.{name}"][0]] == []


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1",
        '{"a": 1,}',
        '{"a" 1}',
        "{'a': 1}",
        '{"a": nope}',
        "1 2",
        '"\\x"',
        "",
        '{"a": 01}',
        '"a',
        "\x01",
        '{"a": 1 "b"}',
        "[1 2]",
        "{1: 2}",
    ],
)
@pytest.mark.parametrize("read", [json.loads, orjson.loads, msgspec.json.decode], ids=["json", "orjson", "msgspec"])
def test_json(text: str, read: Callable[[str], object]) -> None:
    error = caught(lambda: read(text))
    assert HAN.search(in_chinese(error))
    assert not left(in_chinese(error), {"JSON"}), str(error)


@pytest.mark.parametrize(
    "text",
    [
        "a: b: c",
        "a: [1, 2",
        "a: {b: 1",
        "a: 'open",
        "a: *none",
        'a: "\\q"',
        "a: @x",
        "a: `x`",
        "- 1\nb: 2",
        "a: b\n c: d",
        "a:\n  - 1\n b: 2",
        "a: %x\n%b",
        "a: |x\n  y",
        "? a\n- b\n-c",
        "a: [1 2]: 3",
        "a: }",
        "a: - b",
        "a: {b: 1]",
        "[a, b]]",
        '"a" b',
        "a: 'b' c",
        "a\nb: c",
        "---\na: 1\n---\nb: 2\n",
    ],
)
def test_yaml(text: str) -> None:
    with pytest.raises(MarkedYAMLError) as found:
        YAML(typ="safe", pure=True).compose(text)
    said = in_chinese(str(found.value.problem))
    assert HAN.search(said), found.value.problem
    assert not left(said), found.value.problem


def test_files(tmp_path: Path) -> None:
    short, no_tar, no_database = tmp_path / "short.gz", tmp_path / "no.tar", tmp_path / "no.sqlite"
    short.write_bytes(gzip.compress(b"x" * 1000)[:20])
    no_tar.write_bytes(b"nothing of the kind")
    no_database.write_bytes(b"nothing of the kind" * 100)
    flipped = bytearray(gzip.compress(b"x" * 1000))
    flipped[-6] ^= 1
    for act in (
        lambda: gzip.decompress(short.read_bytes()),
        lambda: gzip.decompress(b"nothing"),
        lambda: gzip.decompress(flipped),
        lambda: tarfile.open(no_tar).close(),
        lambda: list(csv.reader(['"a"b'], strict=True)),
        lambda: list(csv.reader(['"a'], strict=True)),
        lambda: b"\xff".decode(),
        lambda: tmp_path.read_bytes(),
        lambda: ssl.create_default_context(cafile=str(no_tar)),
        lambda: sqlite3.connect(tmp_path),
        lambda: ssl.create_default_context().load_cert_chain(no_tar),
        lambda: (tmp_path / "none").read_bytes(),
    ):
        error = caught(act)
        assert HAN.search(in_chinese(error)), error
        assert not left(in_chinese(error), {"PEM", "UTF"}), error
    base = sqlite3.connect(no_database)
    error = caught(lambda: base.execute("SELECT 1 FROM a"))
    base.close()
    assert in_chinese(error) == "-：该文件不是数据库"


def test_of_a_library_around_a_library() -> None:
    assert in_chinese("(sqlite3.OperationalError) database is locked [SQL: SELECT 1]") == (
        "-：数据库正被其他进程占用（`database is locked`）"
    )
    told = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)"
    assert in_chinese(ssl.SSLCertVerificationError(1, told)) == "-：证书已过期"
    assert in_chinese(socket.gaierror(-2, "Name or service not known")) == "-：主机名不存在"
    assert in_chinese(TimeoutError()) == "-：连接超时"
    assert in_chinese("JSON is malformed: trailing characters (byte 3)") == (
        "-：JSON 有误：结尾之后还有多余内容（第 3 个字节）"
    )


def test_ours_and_unknown_ones() -> None:
    assert in_chinese(SourceUnavailable.of("source.closed")) == "-：MQTT 服务器关闭了连接"
    assert in_chinese(ValueError("nobody knows this")) == "-：nobody knows this"
    assert in_english(KeyError()) == "-: KeyError"
