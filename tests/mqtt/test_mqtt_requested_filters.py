"""What the broker was asked for, remembered over a restart."""

from pathlib import Path

from structlog.testing import capture_logs

from protocols.mqtt.last_subscriptions import LastSubscriptions

SESSION = "mqtt://h:1883 gw"


def test_it_is_remembered_for_this_session_alone(tmp_path: Path) -> None:
    file = tmp_path / "sessions" / "b.json"
    assert LastSubscriptions(file, SESSION).before() == frozenset()
    LastSubscriptions(file, SESSION).remember(["a/+", "b"])
    assert LastSubscriptions(file, SESSION).before() == {"a/+", "b"}
    assert LastSubscriptions(file, "mqtt://h:1883 other").before() == frozenset()
    LastSubscriptions(file, SESSION).remember(["b"])
    assert LastSubscriptions(file, SESSION).before() == {"b"}
    assert [path.name for path in file.parent.iterdir()] == ["b.json"]  # written whole, then put in place


def test_without_a_file_nothing_is_remembered() -> None:
    requested = LastSubscriptions(None, SESSION)
    requested.remember(["a"])
    assert requested.before() == frozenset()


def test_a_file_that_cannot_be_used_is_said_and_stops_nothing(tmp_path: Path) -> None:
    file = tmp_path / "b.json"
    for content in ("{", "[]", '{"filters": []}', '{"session": "' + SESSION + '", "filters": 5}'):
        file.write_text(content)
        with capture_logs() as lines:
            assert LastSubscriptions(file, SESSION).before() == frozenset()
        assert [line["event"] for line in lines] == ["subscriptions of the last start not known"], content
    (tmp_path / "taken").write_text("")
    with capture_logs() as lines:
        LastSubscriptions(tmp_path / "taken" / "b.json", SESSION).remember(["a"])
    assert "subscriptions not remembered" in [line["event"] for line in lines]
