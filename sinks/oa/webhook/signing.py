"""How a webhook is signed and its callback verified: Standard Webhooks v1, shared by all HTTP sinks."""

from sinks.http.signing import SignatureInvalid, headers, parse_secret, sign, verify, weakness

__all__ = ["SignatureInvalid", "headers", "parse_secret", "sign", "verify", "weakness"]
