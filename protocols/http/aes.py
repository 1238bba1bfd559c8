"""AES in CBC mode: the one file that uses `cryptography`, which is imported on first use."""

from importlib.util import find_spec

PACKAGE = "fieldgate[aes]"


def installed() -> bool:
    """Whether the library is there."""
    return find_spec("cryptography") is not None


class AesCbc:
    """`key` of 16, 24 or 32 bytes, `iv` of 16. Raises ValueError for others."""

    def __init__(self, key: bytes, iv: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        self._cipher = Cipher(algorithms.AES(key), modes.CBC(iv))

    def decrypt(self, data: bytes, block: int = 16) -> bytes:
        """Without its padding (PKCS #7 to multiples of `block` bytes). Raises ValueError."""
        if not data or len(data) % 16:
            raise ValueError(f"{len(data)} bytes are no whole blocks")
        work = self._cipher.decryptor()
        plain = work.update(data) + work.finalize()
        count = plain[-1]
        if not 1 <= count <= block or plain[-count:] != bytes([count]) * count:
            raise ValueError("wrong padding: is it the right key?")
        return plain[:-count]

    def encrypt(self, data: bytes) -> bytes:
        """With padding (PKCS #7)."""
        count = 16 - len(data) % 16
        work = self._cipher.encryptor()
        return work.update(data + bytes([count]) * count) + work.finalize()
