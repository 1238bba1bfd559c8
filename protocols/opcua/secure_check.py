"""Whether the files of a secured connection can be used, before anything connects."""

from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from gateway.domain.error_reasons import reason
from protocols.opcua.config import SecureChannel

Flaw = tuple[str, str, dict[str, object]]
"""(key of the section, text, fields)."""


def flaws(secure: SecureChannel) -> Iterator[Flaw]:
    """Files that cannot be read or hold something else, and a key of another certificate."""
    found: dict[str, bytes] = {}
    for name, path in (("cert", secure.cert), ("key", secure.key), ("server_cert", secure.server_cert)):
        try:
            found[name] = _public(path.read_bytes(), key=name == "key")
        except OSError as error:
            yield name, "config.file.unreadable", {"value": str(path), "reason": reason(error)}
        except (ValueError, TypeError):  # TypeError: the key has a password
            yield name, "opcua.no_key" if name == "key" else "opcua.no_certificate", {"value": str(path)}
    if {"cert", "key"} <= found.keys() and found["cert"] != found["key"]:
        yield "key", "opcua.other_key", {"value": str(secure.key), "cert": str(secure.cert)}


def _public(content: bytes, *, key: bool) -> bytes:
    """The public key of a certificate or private key. Raises ValueError, TypeError."""
    pem = content.lstrip().startswith(b"-----")
    if key:
        public = (load_pem_private_key if pem else load_der_private_key)(content, None).public_key()
    else:
        public = (x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate)(content).public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
