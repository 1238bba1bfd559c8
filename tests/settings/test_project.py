"""`gateway.yaml` and everything it names, as one; `fieldgate check`."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.domain.device import AsSent, Life
from gateway.domain.duration import DAY
from gateway.domain.errors import ConfigError
from gateway.domain.text import catalogue
from gateway.domain.workdays import NO_CALENDAR
from gateway.settings import ProjectReport, Settings, inspect_project, load_project, load_settings
from gateway.settings.profiles import load_profiles
from gateway.settings.yaml_document import parse_document
from protocols.mqtt.config import MqttConfig

CONFIG = Path(__file__).parents[2] / "config"
SHIPPED = CONFIG / "demo" / "library.yaml"
ENV = {"FIELDGATE_OA_SECRET": "whsec_" + "c2hpcHBlZC1jb25maWd1cmF0aW9uLXRlc3QhIQ=="}

MAIN = """\
name: gw
timezone: Asia/Shanghai
language: en
registry: {devices: devices.csv}
templates: templates.yaml
sources:
  b:
    type: mqtt
    url: mqtt://127.0.0.1
    client_id: c
    routes:
      - {filter: "x/{device}", device: "{device}", points: {energy: {path: e}, temp: {path: t, component: 1}}}
"""
PROFILE = """\
kind: charger
components: 1
points:
  temp: {unit: degC, each: true, missing: [-40]}
  energy: {unit: Wh, kind: counter, every: 10s}
"""
RULES = """\
format: 1
rules:
- id: hot
  title: {en: Hot, zh: 热}
  why: it burns
  watch: {kind: charger, each: connector}
  when: "temp > 85 degC"
  then:
    notice: {audience: customer, template: hot}
"""
FILES = {
    "gateway.yaml": MAIN,
    "devices.csv": "code,profile\nD1,dc\nD2,dc\n",
    "profiles/dc.yaml": PROFILE,
    "rules/a.yaml": RULES,
    "templates.yaml": 'hot: {zh: "{{ device }} 热", en: "{{ device }} hot", code: S1, params: [device]}\n',
}


def house(folder: Path, changes: Mapping[str, str] | None = None) -> Path:
    for name, text in {**FILES, **(changes or {})}.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text, "utf-8")
    return folder / "gateway.yaml"


def inspect(
    folder: Path, changes: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None
) -> ProjectReport:
    report = inspect_project(house(folder, changes), env or {})
    for problem in report.problems + report.warnings:
        assert problem.render("en")
        assert problem.render("zh")
    return report


def problems(
    folder: Path, changes: Mapping[str, str], env: Mapping[str, str] | None = None
) -> list[tuple[str, int, str, str]]:
    report = inspect(folder, changes, env)
    assert (report.project is None) == bool(report.problems)
    return [(Path(p.file).name, p.line, p.path, p.key.removeprefix("config.")) for p in report.problems]


@pytest.mark.parametrize(
    ("more", "name", "years"),
    [("", "cn", (2026, 2027)), ("calendar: none\n", "none", ()), ("calendar: cn\n", "cn", (2026, 2027))],
)
def test_the_calendar_of_workdays(tmp_path: Path, more: str, name: str, years: tuple[int, ...]) -> None:
    report = inspect(tmp_path, {"gateway.yaml": MAIN + more})
    assert report.project is not None
    assert (report.project.names.calendar.name, report.project.names.calendar.years) == (name, years)


def test_check_warns_of_years_that_the_calendar_of_the_clocks_lacks(tmp_path: Path) -> None:
    hours = "desk:\n  hours: {office: {workday: [08:30-18:00]}}\n  sla: {r: {hours: office, resolve: 4h}}\n"
    report = problems(
        tmp_path,
        {
            "gateway.yaml": MAIN + hours,
            "calendars/cn.yaml": "years: {2020: {source: x, holidays: [{name: {en: a, zh: b}, from: 2020-01-01}]}}\n",
        },
    )
    assert report == []
    done = CliRunner().invoke(main, ["check", "-c", str(tmp_path / "gateway.yaml"), "--lang", "zh"], env=ENV)
    assert done.exit_code == 0
    assert "日历 cn 没有" in done.stderr


def test_two_listeners_on_one_port(tmp_path: Path) -> None:
    """The API, health (the port after it), and sources that are pushed to; sources share an address."""
    route = "{{filter: {0}, device: D1, points: {{energy: {{path: e}}}}}}"
    push = "  {0}: {{type: http, listen: '{1}', auth: {{kind: none}}, routes: [" + route + "]}}\n"
    sources = push.format("p", "127.0.0.1:8500") + push.format("q", "127.0.0.1:8500")
    assert problems(tmp_path, {"gateway.yaml": MAIN + sources}) == []
    sources = push.format("p", "127.0.0.1:8420") + push.format("q", "127.0.0.1:8421") + push.format("r", "[::1]:8420")
    found = problems(tmp_path, {"gateway.yaml": MAIN + sources})
    assert [(path, key) for _, _, path, key in found if key == "port_taken"] == [
        ("sources.p.listen", "port_taken"),
        ("sources.q.listen", "port_taken"),
    ]


def test_other_zones_have_no_calendar_of_themselves(tmp_path: Path) -> None:
    report = inspect(tmp_path, {"gateway.yaml": MAIN.replace("Asia/Shanghai", "Europe/Berlin")})
    assert report.project is not None
    assert report.project.names.calendar == NO_CALENDAR


def test_a_calendar_there_is_not_and_one_with_a_mistake(tmp_path: Path) -> None:
    found = problems(tmp_path, {"gateway.yaml": MAIN + "calendar: cm\n"})
    assert [(file, path, key) for file, _, path, key in found] == [("gateway.yaml", "calendar", "calendar")]
    found = problems(tmp_path, {"gateway.yaml": MAIN, "calendars/cn.yaml": "years: {x: {}}\n"})
    assert [(file, path, key) for file, _, path, key in found] == [("cn.yaml", "years.x", "rules.calendar.year")]


def test_the_shipped_configuration_is_in_order() -> None:
    report = inspect_project(SHIPPED, ENV)
    assert [problem.render() for problem in report.problems] == []
    assert report.project is not None
    counts = report.project.counts()
    assert counts["devices"] == len((CONFIG / "demo/library/devices.csv").read_text("utf-8").splitlines()) - 1
    assert {one.profile.kind for one in report.project.profiles.values()} >= {"charger", "vehicle", "gas_meter"}
    assert report.project.maps["modbus"].keys() >= {"gas_meter_demo", "keba_p30"}
    assert counts["rules"] > 0
    assert {p.key for p in report.warnings} <= {"config.warn.mosquitto", "config.warn.no_sms", "config.inline_secret"}


def test_there_is_no_default_secret() -> None:
    report = inspect_project(SHIPPED, {})
    assert [(p.key, p.path) for p in report.problems] == [("config.env.unset", "endpoints.oa.secret")]


def test_every_default_in_the_comments_of_the_shipped_file_is_the_default() -> None:
    """The commented keys are real keys, and their values those that hold without them."""
    shipped = load_settings(SHIPPED, ENV)
    lines = SHIPPED.read_text("utf-8").splitlines()
    wanted = ("series", "journal", "intake", "delivery", "api", "health", "clock", "log", "privacy")
    block: list[str] = []
    for line in lines:
        bare = line.removeprefix("# ")
        if line.startswith("# ") and (bare.split(":")[0] in wanted or (block and bare.startswith("  "))):
            block.append(bare)
    text = "name: x\ntimezone: Asia/Shanghai\n" + "\n".join(block) + "\n"
    document = parse_document(text, "comments")
    assert document.problems == []
    assert set(document.value) == {"name", "timezone", *wanted}
    written = Settings.model_validate(document.value)
    for name in wanted:
        assert getattr(written, name) == getattr(Settings(name="x", timezone="Asia/Shanghai"), name), name
        value = getattr(written, name)
        stated, model = set(document.value[name]), type(value[0] if name == "series" else value).model_fields
        assert stated <= set(model)
        # `intake.ahead_limit` is written once, as clock.ahead_limit; the port for health follows that of the API
        assert set(model) - stated <= {
            "ahead_limit",
            "patience",
            *{"health": ("port",), "series": ("name",)}.get(name, ()),
        }, name
    assert shipped.tenant == "default"


def uncommented(first: str, last: str) -> str:
    """The commented lines of the shipped file from the one that begins with `first` to the one with `last`."""
    lines = [line.replace("# ", "", 1) for line in SHIPPED.read_text("utf-8").splitlines()]
    start = next(i for i, line in enumerate(lines) if line.strip().startswith(first))
    end = next(i for i, line in enumerate(lines) if i >= start and line.strip().startswith(last))
    return "\n".join(lines[start : end + 1]) + "\n"


def test_every_default_of_the_shipped_broker_is_the_default() -> None:
    block = parse_document(uncommented("headers", "unmatched"), "comments").value
    base = {"type": "mqtt", "url": "mqtt://x", "client_id": "c"}
    routes = [{"filter": "a", "device": "d", "points": {"p": {"path": "p"}}}]
    stated = MqttConfig.model_validate({**base, "routes": routes, **block})
    assert stated == MqttConfig.model_validate({**base, "routes": routes})
    unstated = set(MqttConfig.model_fields) - set(block) - set(base) - {"routes"}
    secrets = {"username", "password", "password_file", "ca_file", "cert_file", "key_file"}
    assert unstated == secrets | {"presence", "publish", "status", "commands", "sparkplug"}


def test_the_commented_examples_of_the_shipped_file_work(tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    text = SHIPPED.read_text("utf-8")
    modbus, sms = uncommented("meters:", "devices_from"), uncommented("sms:", "templates: {}")
    sms = sms.replace("/run/secrets/sms", "sms.key")
    text = text.replace("\nendpoints:\n", f"\n{modbus}\nendpoints:\n{sms}")
    (tmp_path / "config/demo/sms.key").write_text(GOOD, "utf-8")
    (tmp_path / "config/demo/library.yaml").write_text(text, "utf-8")
    project = load_project(tmp_path / "config/demo/library.yaml", ENV)
    assert {one.type for one in project.settings.sources.values()} == {"mqtt", "modbus"}
    assert {one.type for one in project.settings.endpoints.values()} == {"webhook", "sms"}


def test_a_small_house_loads(tmp_path: Path) -> None:
    project = load_project(house(tmp_path), {})
    assert [d.code for d in project.declared.devices] == ["D1", "D2"]
    assert project.declared.devices[0].life is Life.IN_SERVICE
    assert project.counts() == {
        "sites": 0,
        "customers": 0,
        "devices": 2,
        "points": 2,
        "profiles": 1,
        "rules": 1,
        "sources": 1,
        "endpoints": 0,
    }
    assert project.templates["hot"].params == {"device": "{{ device }}"}
    assert project.rulebook.rules.keys() == {"hot"}
    assert project.settings.data_dir == tmp_path / "../var"


def test_paths_count_from_the_file_and_absolute_ones_stay(tmp_path: Path) -> None:
    extra = "data_dir: /srv/data\n"
    settings = load_settings(house(tmp_path, {"gateway.yaml": MAIN + extra}), {})
    assert settings.registry.devices == tmp_path / "devices.csv"
    assert settings.data_dir == Path("/srv/data")


def test_a_project_knows_how_devices_send_their_points(tmp_path: Path) -> None:
    other = "kind: meter\npoints:\n  energy: {unit: kWh, kind: counter}\n  temp: {unit: degC, missing: [255]}\n"
    project = load_project(house(tmp_path, {"profiles/other.yaml": other}), {})
    assert project.as_sent("dc") == {"temp": AsSent("degC", (-40.0,)), "energy": AsSent("Wh")}
    assert project.as_sent("other") == {"energy": AsSent("kWh"), "temp": AsSent("degC", (255.0,))}
    assert project.as_sent("nobody") == {}


def test_a_word_for_no_data_is_a_state_when_a_rule_asks_for_it(tmp_path: Path) -> None:
    profile = PROFILE + "  status: {kind: state, values: [on]}\n"
    rules = RULES.replace("watch: {kind: charger, each: connector}", "watch: {kind: charger}")
    for text, values in (("unknown", ("on", "unknown")), ("off", ("on",))):
        changed = rules.replace("temp > 85 degC", f"status == '{text}'")
        project = load_project(house(tmp_path, {"profiles/dc.yaml": profile, "rules/a.yaml": changed}), {})
        assert project.as_sent("dc")["status"].values == values


def test_the_clock_is_set_in_one_place(tmp_path: Path) -> None:
    project = load_project(house(tmp_path, {"gateway.yaml": MAIN + "clock: {ahead_limit: 1m}\n"}), {})
    assert project.settings.intake.ahead_limit == 60_000_000
    found = problems(tmp_path, {"gateway.yaml": MAIN + "intake: {ahead_limit: 1m}\n"})
    assert found == [("gateway.yaml", 13, "intake.ahead_limit", "intake_clock")]


def test_all_problems_of_all_files_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        {
            "gateway.yaml": MAIN.replace("language: en", "langage: en").replace("client_id: c", "client_id: ${NO}"),
            "devices.csv": "code,profile\nD1,dc\nD1,xx\n",
            "rules/a.yaml": RULES.replace("temp > 85 degC", "tmp > 85 degC"),
            "templates.yaml": "hot: {zh: 热, en: '{{ devise }}', paramz: []}\n",
        },
    )
    assert [(file, key) for file, _, _, key in found if not key.startswith("rules.")] == [
        ("gateway.yaml", "key.near"),
        ("gateway.yaml", "env.unset"),
        ("devices.csv", "csv.twice"),
        ("devices.csv", "csv.unknown_profile"),
        ("templates.yaml", "key.near"),
    ]
    assert [file for file, _, _, key in found if key.startswith("rules.")] == ["a.yaml"]


def test_rules_wait_for_profiles_and_unknown_profiles_are_no_echo(tmp_path: Path) -> None:
    found = problems(tmp_path, {"profiles/dc.yaml": PROFILE.replace("Wh", "wh")})
    assert found == [("dc.yaml", 5, "points.energy.unit", "unit.near")]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"gateway.yaml": "- a\n"}, ("gateway.yaml", 1, "", "yaml.not_mapping")),
        ({"gateway.yaml": ""}, ("gateway.yaml", 0, "", "yaml.not_mapping")),
        ({"gateway.yaml": MAIN + "rules: none\n"}, ("none", 0, "", "folder.missing")),
        (
            {"templates.yaml": 'hot: {zh: "{{ oops }}", en: x}\n'},
            ("templates.yaml", 1, "hot.zh", "desk.template_error"),
        ),
        (
            {"templates.yaml": "hat: {zh: 热, en: hot}\n"},
            ("a.yaml", 9, "rules[0].then.notice.template", "rule.template_near"),
        ),
        (
            {"rules/a.yaml": RULES.replace("customer", "nobody")},
            ("a.yaml", 9, "rules[0].then.notice.audience", "rule.audience"),
        ),
        (
            {"gateway.yaml": MAIN + "desk: {audiences: {customer: customer, boss: [C9]}}\n"},
            ("gateway.yaml", 13, "desk.audiences.boss[0]", "audience.customer"),
        ),
        (
            {"gateway.yaml": MAIN + "desk: {audiences: {customer: everybody}}\n"},
            ("gateway.yaml", 13, "desk.audiences.customer", "audience.word"),
        ),
        (
            {"rules/a.yaml": RULES + "    order: {type: repair}\n"},
            ("a.yaml", 10, "rules[0].then.order.type", "rule.order_type"),
        ),
        (
            {
                "rules/a.yaml": RULES + "    order: {type: repiar}\n",
                "gateway.yaml": MAIN + "desk: {order_types: {repair: {}}}\n",
            },
            ("a.yaml", 10, "rules[0].then.order.type", "rule.order_type_near"),
        ),
        (
            {"gateway.yaml": MAIN.replace("energy: {path: e}", "enrgy: {path: e}")},
            ("gateway.yaml", 12, "sources.b.routes[0].points.enrgy", "route.bind_point"),
        ),
        (
            {"gateway.yaml": MAIN.replace("energy: {path: e}", "energy: {path: e, unit: V}")},
            ("gateway.yaml", 12, "sources.b.routes[0].points.energy", "route.bind_unit"),
        ),
        (
            {"gateway.yaml": MAIN + MAIN[MAIN.index("  b:") :].replace("  b:", "  b2:")},
            ("gateway.yaml", 16, "sources.b2.client_id", "source.client_twice"),
        ),
        (
            {"profiles/dc.yaml": PROFILE + "modbus: {points: {energy: {at: 1, scale: 0}}}\n"},
            ("dc.yaml", 6, "modbus.points.energy.scale", "modbus.scale"),
        ),
        (
            {"profiles/dc.yaml": PROFILE + "modbus: {points: {engy: {at: 1}}}\n"},
            ("dc.yaml", 6, "modbus.points.engy", "modbus.unknown_point"),
        ),
    ],
)
def test_what_only_several_files_can_get_wrong(
    tmp_path: Path, changes: Mapping[str, str], found: tuple[str, int, str, str]
) -> None:
    assert problems(tmp_path, changes) == [found]


MODBUS = """\
  m:
    type: modbus
    links: {l: {tcp: "10.0.0.1:502"}}
    devices: [{device: D1, link: l, unit: 1}, {device: D22, link: l, unit: 2}, {device: zzz, link: l, unit: 3}]
"""


def test_modbus_devices_exist_and_have_a_map(tmp_path: Path) -> None:
    assert problems(tmp_path, {"gateway.yaml": MAIN + MODBUS}) == [
        ("gateway.yaml", 16, "sources.m.devices[0].device", "source.no_map"),
        ("gateway.yaml", 16, "sources.m.devices[1].device", "source.device_near"),
        ("gateway.yaml", 16, "sources.m.devices[2].device", "source.device"),
    ]
    mapped = {"profiles/dc.yaml": PROFILE + "modbus: {points: {energy: {at: 1, type: u32}}}\n"}
    good = MODBUS.replace("D22", "D2").replace(", {device: zzz, link: l, unit: 3}", "")
    project = load_project(house(tmp_path, {"gateway.yaml": MAIN + good, **mapped}), {})
    assert project.maps["modbus"]["dc"].points["energy"].unit == "Wh"  # of the profile: no unit beside it


WEBHOOK = """\
endpoints:
  oa:
    type: webhook
    url: https://oa.example.com/hook
    secret: {secret}
    events: ["{events}"]
"""
GOOD = "whsec_ZmllbGRnYXRlLWRlbW8tc2VjcmV0LWNoYW5nZS1tZSE="


def test_addresses_in_the_list_are_checked(tmp_path: Path) -> None:
    source = MODBUS[: MODBUS.index("    devices:")] + "    devices_from: registry\n"
    found = problems(
        tmp_path,
        {
            "gateway.yaml": MAIN + source,
            "profiles/dc.yaml": PROFILE + "modbus: {points: {energy: {at: 1, type: u32}}}\n",
            "profiles/bare.yaml": PROFILE,
            "devices.csv": "code,profile,modbus_link,modbus_unit,modbus_every\n"
            "D1,dc,l,1,5s\nD2,dc,,,\nD3,dc,q,256,soon\nD4,bare,l,2,\nD5,dc,,7,\n",
        },
    )
    assert found == [
        ("devices.csv", 4, "row 4, column modbus_link", "source.link"),
        ("devices.csv", 4, "row 4, column modbus_unit", "source.modbus_unit"),
        ("devices.csv", 4, "row 4, column modbus_every", "type.duration"),
        ("devices.csv", 5, "row 5, column profile", "source.no_map"),
        ("devices.csv", 6, "row 6, column modbus_link", "source.link"),
    ]


SMS = """\
endpoints:
  sms: {type: sms, url: "https://sms.example.com/send", secret_file: sms.key, sign: x, templates: {%s: CODE}}
"""


@pytest.mark.parametrize(("known", "count"), [("S1", 0), ("S1.zh", 0), ("S2", 1)])
def test_a_provider_has_a_code_for_every_template_in_use(tmp_path: Path, known: str, count: int) -> None:
    found = problems(tmp_path, {"gateway.yaml": MAIN + SMS % known, "sms.key": GOOD})
    assert found == [("gateway.yaml", 14, "endpoints.sms.templates", "rule.sms_code")] * count


def test_a_template_without_a_code_goes_out_under_its_name(tmp_path: Path) -> None:
    project = load_project(
        house(tmp_path, {"templates.yaml": "hot: {zh: 热, en: hot, params: {a: '{{ device }}'}}\n"}), {}
    )
    assert project.templates["hot"].code == "hot"
    assert project.templates["hot"].params == {"a": "{{ device }}"}


def test_secrets_are_tried_and_never_shown(tmp_path: Path) -> None:
    text = MAIN + WEBHOOK.replace("{secret}", "${OA}").replace("{events}", "workorder.*")
    report = inspect(tmp_path, {"gateway.yaml": text}, {"OA": GOOD})
    assert report.problems == []
    assert "config.inline_secret" not in {p.key for p in report.warnings}
    assert problems(tmp_path, {"gateway.yaml": text}) == [("gateway.yaml", 17, "endpoints.oa.secret", "env.unset")]
    assert problems(tmp_path, {"gateway.yaml": text}, {"OA": "whsec_c2hvcnQ="}) == [
        ("gateway.yaml", 17, "endpoints.oa.secret", "delivery.reason.secret_short")
    ]
    assert problems(tmp_path, {"gateway.yaml": text}, {"OA": "whsec_!!"}) == [
        ("gateway.yaml", 17, "endpoints.oa.secret", "secret_base64")
    ]
    assert problems(tmp_path, {"gateway.yaml": text}, {"OA": "whsec_"}) == [
        ("gateway.yaml", 17, "endpoints.oa.secret", "secret_empty")
    ]
    for env in ({"OA": "whsec_c2hvcnQ="}, {"OA": "hunter2"}):
        shown = "".join(
            p.render("en") + p.render("zh") for p in inspect(tmp_path, {"gateway.yaml": text}, env).problems
        )
        assert env["OA"] not in shown
    inline = inspect(tmp_path, {"gateway.yaml": text.replace("${OA}", GOOD)})
    assert "config.inline_secret" in {p.key for p in inline.warnings}
    default = inspect(tmp_path, {"gateway.yaml": text.replace("${OA}", "${OA:-" + GOOD + "}")})
    assert "config.inline_secret" in {p.key for p in default.warnings}


def test_what_a_variable_held_is_never_shown(tmp_path: Path) -> None:
    text = MAIN.replace(
        "client_id: c", "client_id: c\n    linger: ${A}\n    linger_messages: ${B}\n    unmatched: x${C}"
    )
    text = text.replace("mqtt://127.0.0.1", "${D}")
    env = {name: f"hunter{name}" for name in "ABCD"}
    report = inspect(tmp_path, {"gateway.yaml": text}, env)
    shown = [p.render("en") for p in report.problems]
    assert len(shown) == 4
    assert not any("hunter" in line for line in shown)
    assert all(any(f"${{{name}}}" in line for line in shown) for name in "ABCD")


def test_a_secret_file_must_be_there(tmp_path: Path) -> None:
    text = MAIN + WEBHOOK.replace("secret: {secret}", "secret_file: oa.key").replace("{events}", "alarm.*")
    assert problems(tmp_path, {"gateway.yaml": text}) == [
        ("gateway.yaml", 17, "endpoints.oa.secret_file", "file.unreadable")
    ]
    assert problems(tmp_path, {"gateway.yaml": text, "oa.key": GOOD + "\n"}) == []


def test_events_that_nobody_sends(tmp_path: Path) -> None:
    text = MAIN + WEBHOOK.replace("{secret}", GOOD).replace("{events}", "orders.*")
    assert problems(tmp_path, {"gateway.yaml": text}) == [("gateway.yaml", 18, "endpoints.oa.events[0]", "events")]


def test_a_test_file_among_the_rules_is_checked_but_not_live(tmp_path: Path) -> None:
    test = "rules:\n" + RULES.split("rules:\n")[1].replace("id: hot", "id: example") + "test: []\n"
    report = inspect(tmp_path, {"rules/t.yaml": test})
    assert report.project is not None, report.problems
    assert report.project.rulebook.rules.keys() == {"hot"}


def test_load_project_raises_everything(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_project(house(tmp_path, {"gateway.yaml": "nam: x\n"}), {})
    assert [p.path for p in caught.value.problems] == ["name", "timezone", "nam"] or len(caught.value.problems) == 3


def test_two_sources_that_read_the_same_messages_are_worth_a_word(tmp_path: Path) -> None:
    """B2: what one source counts once, two of them would count twice."""
    other = MAIN[MAIN.index("  b:") :].replace("  b:", "  b2:").replace("client_id: c", "client_id: d")
    for pattern, overlap in (("x/{device}", True), ("{a}/{device}", True), ("y/{device}", False)):
        text = MAIN + other.replace("x/{device}", pattern)
        told = [p for p in inspect(tmp_path, {"gateway.yaml": text}).warnings if p.key == "config.warn.overlap"]
        assert [(p.line, p.path) for p in told] == ([(17, "sources.b2.routes")] if overlap else [])
    elsewhere = MAIN + other.replace("127.0.0.1", "127.0.0.2")
    assert "config.warn.overlap" not in {p.key for p in inspect(tmp_path, {"gateway.yaml": elsewhere}).warnings}


def test_warnings_are_worth_a_word(tmp_path: Path) -> None:
    text = MAIN.replace("127.0.0.1", "10.0.0.9")
    keys = [p.key.removeprefix("config.") for p in inspect(tmp_path, {"gateway.yaml": text}).warnings]
    assert sorted(keys) == ["warn.mosquitto", "warn.no_endpoint", "warn.no_sms", "warn.plain"]
    empty = inspect(tmp_path, {"devices.csv": "code,profile\n"})
    assert "config.warn.no_device" in {p.key for p in empty.warnings}
    spare = PROFILE.replace("kind: charger", "kind: spare")
    unused = inspect(tmp_path, {"profiles/spare.yaml": spare, "devices.csv": FILES["devices.csv"]})
    assert "config.warn.unused_profile" in {p.key for p in unused.warnings}
    library = inspect(tmp_path, {"profiles/vendor/spare.yaml": spare, "devices.csv": FILES["devices.csv"]})
    assert [p.file for p in library.warnings if p.key == "config.warn.unused_profile"] == []


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["check", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def test_check_prints_a_summary(tmp_path: Path) -> None:
    code, out, _ = run("-c", str(house(tmp_path)))
    assert code == 0
    assert "2 devices, 2 points, 1 profiles, 1 rules, 1 sources" in out
    code, out, _ = run("-c", str(house(tmp_path)), "--lang", "zh")
    assert "设备 2，测点 2" in out


def test_check_names_everything_by_file_and_line(tmp_path: Path) -> None:
    path = house(tmp_path, {"gateway.yaml": MAIN.replace("mqtt://", "http://"), "devices.csv": "code,profile\nD1,xx\n"})
    code, out, err = run("-c", str(path))
    assert (code, out) == (2, "")
    lines = err.splitlines()
    at = lines.index(str(path))
    assert lines[at + 1].startswith("  line 9  sources.b.url: 'http://127.0.0.1' is not a broker address")
    assert lines[at + 2] == str(tmp_path / "devices.csv")
    assert lines[at + 3].startswith("  line 2  row 2, column profile: there is no profile xx")
    assert lines[-1] == "Problems: 2, in files: 2. Nothing was started."


def test_check_speaks_the_language_of_the_file(tmp_path: Path) -> None:
    text = MAIN.replace("language: en", "language: zh").replace("client_id: c", "client: c")
    code, _, err = run("-c", str(house(tmp_path, {"gateway.yaml": text})))
    assert code == 2
    assert "第 7 行" in err
    assert "未启动" in err


def test_check_without_a_file(tmp_path: Path) -> None:
    code, _, err = run("-c", str(tmp_path / "none.yaml"), "--lang", "en")
    assert code == 2
    assert "there is no file" in err


def test_help_shows_an_example() -> None:
    code, out, _ = run("--lang", "en", "--help")
    assert code == 0
    assert "Example: fieldgate check -c gateway.yaml" in out


def test_no_text_of_this_area_is_unused() -> None:
    """A text nobody says is a promise nobody keeps."""
    root = Path(__file__).parents[2]
    code = "".join(
        path.read_text("utf-8")
        for folder in ("gateway/settings", "gateway/registry", "gateway/cli", "protocols", "sinks")
        for path in (root / folder).rglob("*.py")
    )
    computed = ("config.type.", "config.csv.unknown_")
    for key in catalogue():
        if key.startswith("config.") and not key.startswith(computed):
            assert f'"{key}"' in code or f'"{key.removesuffix("_near")}' in code, key


def test_no_point_is_kept_for_a_longer_time_than_the_rest(tmp_path: Path) -> None:
    keeping = PROFILE.replace("missing: [-40]", "missing: [-40], retain: 30d")
    found = problems(tmp_path, {"profiles/dc.yaml": keeping, "gateway.yaml": MAIN + "series: {retention: 29d}\n"})
    assert found == [("dc.yaml", 4, "points.temp.retain", "profile.retain")]
    (tmp_path / "profiles/dc.yaml").write_text(keeping.replace("30d", "29d"), "utf-8")
    report = inspect_project(tmp_path / "gateway.yaml", {})
    assert report.problems == []
    assert report.project is not None
    assert [spec.retain // DAY for spec in report.project.declared.profiles[0].points] == [29, 0]
    (tmp_path / "profiles/dc.yaml").write_text(keeping.replace("30d", "1h"), "utf-8")
    (problem,) = inspect_project(tmp_path / "gateway.yaml", {}).problems
    assert problem.path == "points.temp.retain"


@pytest.mark.parametrize(("over", "warned"), [("20d", False), ("40d", True)])
def test_a_rule_that_looks_further_back_than_its_point_is_kept(tmp_path: Path, over: str, warned: bool) -> None:
    rule = RULES.replace(
        '  when: "temp > 85 degC"', f'  let: {{hottest: {{max: temp, over: {over}}}}}\n  when: "hottest > 85 degC"'
    )
    profile = PROFILE.replace("missing: [-40]", "missing: [-40], retain: 30d")
    report = inspect(tmp_path, {"profiles/dc.yaml": profile, "rules/a.yaml": rule})
    assert report.problems == []
    assert [p.fields for p in report.warnings if p.key == "config.warn.look_back"] == warned * [
        {"value": "temp", "kept": "30d", "profile": "dc"}
    ]


def test_positions_of_vehicles_are_kept_for_a_month() -> None:
    for folder in (CONFIG, CONFIG / "demo"):
        profiles, wrong = load_profiles(folder / "profiles")
        assert wrong == []
        kept = {
            (name, spec.name): spec.retain // DAY
            for name, one in profiles.items()
            for spec in one.profile.points
            if one.profile.kind == "vehicle" and (spec.retain or spec.name in ("lat", "lon"))
        }
        assert kept
        assert {point for _, point in kept} == {"lat", "lon"}
        assert set(kept.values()) == {30}
