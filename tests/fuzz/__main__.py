"""`python -m fuzz TARGET --seconds 60`: coverage-guided fuzzing with atheris (`make fuzz-codecs`).

New inputs go to `var/fuzz/TARGET`, one that breaks a promise to `var/fuzz/TARGET-crash-*`: copy it into the corpus,
where `test_corpus.py` plays it from then on.
"""

import argparse
import sys
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


def main() -> None:
    """Entry of the process."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    import atheris

    with atheris.instrument_imports(include=["protocols", "gateway.domain"]):
        from fuzz.targets import TARGETS
    if options.target not in TARGETS:
        parser.error(f"no target {options.target!r}; there are {', '.join(TARGETS)}")
    new = Path("var/fuzz") / options.target
    new.mkdir(parents=True, exist_ok=True)
    found = f"-artifact_prefix=var/fuzz/{options.target}-"
    limits = [f"-max_total_time={options.seconds}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], *limits, found, str(new), str(CORPUS / options.target)], TARGETS[options.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
