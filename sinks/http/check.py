"""Check of an endpoint's secrets for `fieldgate check`: a broken secret is found before the first work order."""

from gateway.adapter_ports import ConfigFindings
from gateway.domain.errors import Problem
from sinks.http.config import HttpEndpoint
from sinks.http.signing import SecretUnusable, weakness


def check_secrets(name: str, config: HttpEndpoint, file: str) -> ConfigFindings:
    """Findings about the secrets of endpoint `name`; connects to nothing. A file that cannot be read is reported by
    its own key."""
    found, place = ConfigFindings(), f"endpoints.{name}.secret"
    try:
        keys = config.keys()
        weak = next((word for key in keys if (word := weakness(key))), None)
        if weak is not None:
            found.problems.append(Problem(file, place, f"delivery.reason.secret_{weak}"))
    except OSError:
        pass
    except SecretUnusable as error:
        key = "config.secret_empty" if error.reason == "empty" else "config.secret_base64"
        found.problems.append(Problem(file, place, key))
    return found
