"""How many examples a costly property tries."""

import os

DEEP = 10 if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else 1


def examples(usual: int) -> int:
    """`usual` in `make test`, ten times as many in `make test-deep`."""
    return usual * DEEP
