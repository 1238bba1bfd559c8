"""`fieldgate units`: every unit with name and spellings in both languages, and the one that was meant (C9)."""

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.domain.units import listing


def units(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["units", *arguments], catch_exceptions=False)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_unit_is_listed_with_its_spellings(lang: str) -> None:
    """C9: units were listed nowhere."""
    told = units("--lang", lang).stdout
    for _, rows in listing():
        for row in rows:
            line = next(
                line for line in told.splitlines() if line.split()[:1] == [row.symbol] and line.startswith("  ")
            )
            assert all(spelling in line for spelling in row.spellings), row
            assert lang == "en" or any("\u4e00" <= character <= "\u9fff" for character in line), row


@pytest.mark.parametrize(
    ("written", "meant"),
    [("VAr", "var"), ("kVAR", "kvar"), ("kw", "kW"), ("degc", "degC"), ("Kelvin", "K"), ("KPA", "kPa")],
)
def test_the_one_that_was_meant_is_named(written: str, meant: str) -> None:
    """C9: `VAr` got no "did you mean var"."""
    found = units(written)
    assert (found.exit_code, found.stderr) == (2, f"no unit {written}; write {meant}\n")
    assert f"写 {meant}" in units(written, "--lang", "zh").stderr


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("千乏", "kvar     kilovar; also 千乏"),
        ("mV", "1 mV = 0.001 V"),
        ("m3/day", "1 m3/day = 0.0416666666667 m3/h"),
        ("℃", "stored in degC"),
    ],
)
def test_one_unit(written: str, said: str) -> None:
    found = units(written)
    assert (found.exit_code, said in found.stdout) == (0, True), found.output
