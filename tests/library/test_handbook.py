"""How pages about rules say the spans of a calendar."""

import pytest

from gateway.domain.text import Lang
from rules.handbook.condition_words import raised

DATE = "the date in `insp`: minor on the day; at 00:00 local time; again "
TAG = "`insp` 的日期：当日为一般；当地时间 00:00；"


@pytest.mark.parametrize(
    ("span", "basis", "lang", "said"),
    [
        ("1 year", "date", "en", DATE + "every year, counted from the date"),
        ("1 year", "date", "zh", TAG + "此后自该日期起每年一次"),
        ("6 months", "date", "en", DATE + "every 6 months, counted from the date"),
        ("6 months", "date", "zh", TAG + "此后自该日期起每 6 个月一次"),
        ("1 month", "completed", "en", DATE + "1 month after the work was done"),
        ("1 month", "completed", "zh", TAG + "完成后再过 1 个月为下一次"),
    ],
)
def test_a_date_that_comes_again(span: str, basis: str, lang: Lang, said: str) -> None:
    rule = {"due": {"date": "insp", "stages": {"minor": "0d"}, "repeat": span, "basis": basis}}
    assert raised(rule, lang) == [said]
