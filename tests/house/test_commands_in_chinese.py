"""C8: every command is played in Chinese, with success and with every refusal that is at hand; nothing is left in
English. A command that is not in the table fails the test: what is new must be played, too."""

import gzip
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import httpx
import pytest
from backtest.installation_kit import csv, free_port, running, wait_for
from chinese_kit import MESSAGE, spaced, untranslated, write
from click.testing import CliRunner, Result
from latin import HAN, WORD
from paho.mqtt import publish
from paho.mqtt.client import MQTTv5
from test_language import ALL, CALLED

from gateway.cli import main
from gateway.cli.tail_command import shown
from gateway.desk.event_schemas import EVENTS
from simulators.servers import iotcore

LEAVES = {path for path, one in ALL.items() if not isinstance(one, click.Group)}
SPAN = "--from 2026-06-01 --to 2026-06-03"
SPOKEN = {path for path in LEAVES if path != "version" and not path.startswith("bench")}
"""`version` and `bench` write names and figures alone."""

# {command: ((arguments, exit status), …)}; {home} was imported and is stopped, {new} never ran, {live} runs
PLAYS: dict[str, tuple[tuple[str, int], ...]] = {
    "version": (("", 0),),
    **{f"bench {name}": (("--seconds x", 2),) for name in ("ingest", "http", "modbus", "rules", "api", "idle", "desk")},
    "bench backtest": (("--readings x", 2),),
    "bench stores": (("--seconds x", 2),),
    "bench outage": (("--outage x", 2),),
    "bench restart": (("--devices x", 2),),
    "bench delivery": (("--events x", 2),),
    "check": (
        ("-c {new}", 0), ("-c {live}", 0), ("-c {home} --data", 0), ("-c {tmp}/none.yaml", 2), ("-c {broken}", 2),
        ("-c {tmp}/list.json", 2),
    ),
    "units": (("", 0), ("kvar", 0), ("kWx", 2), ("nothing", 2)),
    "schemas": (("", 0), ("workorder.nothing", 2)),
    "init": (
        ("{tmp}/a --yes", 0), ("{home_folder} --yes", 2), ("{tmp}/b --yes --sample {tmp}/none.json", 2),
        ("{tmp}/b --yes --sample {tmp}/cut.json", 2), ("{tmp}/b --yes --sample {tmp}/list.json", 2),
        ("{tmp}/b --yes --sample {tmp}/empty.json", 2), ("{tmp}/b --yes --profile nothing", 2),
        ("{tmp}/e --yes --profile gas_meter_corrector", 0),
        ("{tmp}/b --yes --profile charger_dc --sample {tmp}/odd.json", 2),
        ("{tmp}/c --yes --broker xx --timezone Mars/X --sample {tmp}/message.json --endpoint oa", 2),
        ("{tmp}/list.json --yes", 2),
    ),
    "probe mqtt": (
        ("broker -c {live} --for 200ms", 1), ("mqtt://127.0.0.1:9 --for 1s", 2), ("broker --for soon -c {live}", 2),
        ("nothing -c {live} --for 1s", 2), ("http://x --for 1s", 2), ("broker -c {broken} --for 1s", 2),
    ),
    "plan": (
        ("-c {new}", 0), ("-c {live}", 0), ("-c {home} --source nothing", 2), ("-c {broken}", 2),
        ("-c {tmp}/none.yaml", 2),
    ),
    "probe modbus": (
        ("127.0.0.1:9 --timeout 100", 2), ("127.0.0.1:99999", 2), ("127.0.0.1:9 --unit 5-1", 2),
        ("127.0.0.1:9 --unit 300", 2), ("127.0.0.1:9 --scan x", 2), ("127.0.0.1:9 --at 70000", 2),
        ("127.0.0.1:9 --at 1 --register t:x", 2), ("127.0.0.1:9 --at 0 --table coils", 2),
    ),
    "doctor": (("-c {new}", 1), ("-c {home}", 1), ("-c {live}", 0), ("-c {tmp}/none.yaml", 2)),
    "migrate": (("-c {new} --check", 0), ("-c {new}", 0), ("-c {home} --check", 0), ("-c {live}", 2)),
    "keys list": (("-c {home}", 0), ("-c {new}", 2), ("-c {live}", 0)),
    "keys create": (
        ("wang --role admin --expires 90d -c {home}", 0), ("wang --role admin -c {home}", 2),
        ("li --role viewer --site S1 -c {live}", 0), ("'a b' --role admin -c {home}", 2),
        ("zhao --role admin --expires soon -c {home}", 2),
    ),
    "keys revoke": (("wang -c {home}", 0), ("nobody -c {home}", 2)),
    "endpoints list": (("-c {home}", 0), ("-c {live}", 0)),
    "endpoints test": (("oa -c {home}", 1), ("oa -c {live}", 1), ("ao -c {home}", 2)),
    "command allowed": (("CH-1 -c {live}", 0), ("GM-1 -c {live}", 0), ("CH-9 -c {live}", 1), ("CH-1 -c {home}", 2)),
    "command send": (
        ("CH-1 reset -c {live}", 0), ("CH-1 reset delay=61 -c {live}", 1), ("CH-1 reset wait=3 -c {live}", 1),
        ("CH-1 close -c {live}", 1), ("CH-1 reset delay -c {live}", 2), ("CH-1 reset -c {home}", 2),
    ),
    "command list": (("-c {live}", 0), ("--open --device CH-1 -c {live}", 0), ("--device GM-1 -c {live}", 0)),
    "command show": (("nothing -c {live}", 1), ("nothing -c {live} --key-file {tmp}/none.key", 2)),
    "command approve": (("nothing -c {live}", 1),),
    "command refuse": (("nothing -c {live} --reason no", 1), ("nothing -c {live}", 2)),
    "command settle": (("nothing done -c {live} --reason seen", 1), ("nothing maybe -c {live} --reason seen", 2)),
    "readings abnormal": (("-c {live}", 0), ("--device CH-1 -c {live}", 0), ("-c {home}", 2)),
    "readings correct": (
        ("CH-1 --point gun_temp --from 2020-01-01 --to 2999-01-01 --bad --reason 拆下 --dry-run -c {live}", 0),
        ("CH-1 --point gun_temp --from 2020-01-01 --to 2999-01-01 --factor 0.5 --reason 单位 -c {live}", 0),
        ("CH-1 --point gun_temp --at 2026-01-01T08:00 --value 41 --reason 抄错 -c {live}", 1),
        ("CH-9 --point gun_temp --at 2026-01-01T08:00 --bad --reason 试 -c {live}", 1),
        ("CH-1 --point gun_temp --at 2026-01-01T08:00 --reason 试 -c {live}", 1),
        ("CH-1 --point gun_temp --bad --reason 试 -c {live}", 1),
        ("CH-1 --point gun_temp --at soon --bad --reason 试 -c {live}", 2),
        ("CH-1 --point gun_temp --at 2026-01-01T09:00 --bad --reason 试 -c {live}", 1),
        ("CH-1 --point gun_temp --at 2026-01-01T08:00 --value 1 --unit kWh --reason 试 -c {live}", 1),
        ("CH-1 --point status --at 2026-01-01T08:00 --value hot --reason 试 -c {live}", 1),
        ("CH-1 --point gun_temp --at 2026-01-01T08:00 --bad --reason 试 -c {home}", 2),
    ),
    "readings corrections": (("-c {live}", 0), ("--device CH-2 -c {live}", 0), ("-c {home}", 2)),
    "readings undo": (("none --reason 试 -c {live}", 1), ("none --reason 试 -c {home}", 2)),
    "meter exchange": (
        ("CH-1 --point energy --at 2026-01-01T09:00 --old-final 9 --new-start 1 --dry-run -c {live}", 0),
        ("CH-1 --point energy --at 2026-01-01T09:00 --old-final 9 --new-start 1 -c {live}", 0),
        ("CH-1 --point energy --at 2026-01-01T09:00 -c {live}", 1),
        ("CH-1 --point gun_temp --at 2026-01-01T09:00 -c {live}", 1),
        ("CH-1 --point energy --at 2999-01-01T09:00 -c {live}", 1),
        ("CH-1 --point energy --at soon -c {live}", 2), ("CH-1 --point energy --at 2026-01-01 -c {home}", 2),
    ),
    "meter exchanges": (("-c {live}", 0), ("--device CH-2 -c {live}", 0), ("-c {home}", 2)),
    "meter undo": (("none --reason 试 -c {live}", 1), ("none --reason 试 -c {home}", 2)),
    "meter import": (
        ("{tmp}/exchanges.csv --dry-run -c {live}", 1), ("{tmp}/exchanges.csv -c {live}", 1),
        ("{tmp}/history.csv -c {live}", 2), ("{tmp}/none.csv -c {live}", 2), ("{tmp}/exchanges.csv -c {home}", 2),
    ),
    "sla simulate": (
        ("repair_24h --start 2026-02-13T16:00 --hold 2026-02-14T09:00 2026-02-14T10:00 -c {library}", 0),
        ("verify_5d --start 2027-02-04T16:00 -c {library}", 0), ("repair_4h --start soon -c {library}", 2),
        ("repair_4h --start 2026-02-13 --hold 2026-02-12 2026-02-14 -c {library}", 2), ("none -c {home}", 2),
        ("none -c {broken}", 2),
    ),
    "sla why": (("{order} -c {live}", 0), ("WO-1 -c {live}", 1), ("{order} -c {home}", 2)),
    "notices preview": (
        ("--in zh --value no=WO-7 -c {library}", 0),
        ("charger_overtemp --in zh --value component=3 --value no=WO-7 --sign 充电 -c {library}", 0),
        ("charger_overtmp -c {library}", 2), ("charger_overtemp --value nothing=1 -c {library}", 2),
        ("charger_overtemp --value componnt=1 -c {library}", 2),
        ("charger_overtemp --value component -c {library}", 2), ("-c {broken}", 2),
    ),
    "plans list": (("-c {live}", 0), ("-c {home}", 2)),
    "plans dates": (("care -c {live}", 0), ("none -c {live}", 1), ("care -c {home}", 2)),
    "plans coverage": (("care -c {live}", 0), ("none -c {live} --by site", 1), ("care -c {home}", 2)),
    "devices unknown": (("-c {live}", 0), ("-c {home}", 0), ("-c {new}", 0)),
    "try": (
        ("c/CH-1 {tmp}/message.json -c {home}", 0), ("c/CH-1 {tmp}/message.json -c {home} --retain", 0),
        ("c/CH-9 {tmp}/message.json -c {home}", 1), ("z/CH-1 {tmp}/message.json -c {home}", 1),
        ("c/CH-1 {tmp}/cut.json -c {home}", 1), ("c/CH-1 {tmp}/latin1.json -c {home}", 1),
        ("c/CH-1 {tmp}/twice.json -c {home}", 1), ("c/CH-1 {tmp}/timeless.json -c {home}", 1),
        ("c/CH-1 {tmp}/old.json -c {home}", 0), ("c/CH-1 {tmp}/odd.json -c {home}", 1),
        ("c/CH-1 {tmp}/hot.json -c {home}", 0), ("c/CH-1 {tmp}/null.json -c {home}", 0),
        ("c/CH-1 {tmp}/none.json -c {home}", 2), ("c/CH-1 {tmp} -c {home}", 2),
        ("c/CH-1 {tmp}/message.json -c {home} --source nothing", 2), ("modbus GM-1 -c {home}", 1),
        ("modbus CH-1 -c {home}", 2),
    ),
    "tail": (
        ("-c {home}", 1), ("-c {live} --for 300ms", 0), ("-c {live} --for soon", 2),
    ),
    "import": (
        ("{tmp}/history.csv --map {home_folder}/map.yaml -c {home}", 0),
        ("{tmp}/history.csv --map {home_folder}/map.yaml -c {home} --dry-run", 0),
        ("{tmp}/rows.csv --map {home_folder}/map.yaml -c {home}", 1),
        ("{tmp}/rows.csv --map {home_folder}/map.yaml -c {live}", 1),
        ("{tmp}/rows.csv --map {home_folder}/map.yaml -c {home} --strict", 2),
        ("{tmp}/rows.csv --map {tmp}/map.yaml -c {home}", 2), ("{tmp}/rows.csv --map {tmp}/none.yaml -c {home}", 2),
        ("{tmp}/none.csv --map {home_folder}/map.yaml -c {home}", 2),
        ("{tmp}/message.json --map {home_folder}/map.yaml -c {home}", 2),
        ("{tmp}/cut.csv.gz --map {home_folder}/map.yaml -c {home}", 2),
        ("{tmp} --map {home_folder}/map.yaml -c {home}", 2),
    ),
    "rules check": (
        ("-c {home}", 0), ("{home_folder}/rules -c {home} --strict", 0), ("{tmp}/doubtful.yaml -c {home}", 0),
        ("{tmp}/wrong.yaml -c {home}", 2), ("{tmp}/none.yaml -c {home}", 2), ("{tmp}/latin1.yaml -c {home}", 2),
    ),
    "rules test": (
        ("{home_folder}/rules", 0), ("{tmp}/doubtful.yaml --profiles {home_folder}/profiles", 1),
        ("{tmp}/wrong.yaml --profiles {home_folder}/profiles", 2), ("{tmp}/none.yaml", 2),
    ),
    "rules docs": (("{home_folder}/rules", 0), ("{tmp}/wrong.yaml", 2), ("{tmp}/none.yaml", 2)),
    "rules backtest": (
        (f"{{home_folder}}/rules {SPAN} -c {{home}} --compare --plot {{tmp}}/plots", 0),
        (f"{{home_folder}}/rules {SPAN} -c {{live}}", 0), (f"{{tmp}}/wrong.yaml {SPAN} -c {{home}}", 2),
        (f"{{home_folder}}/rules {SPAN} -c {{home}} --devices NO", 2), (f"{{home_folder}}/rules {SPAN} -c {{new}}", 2),
        ("{home_folder}/rules --from x --to 2026-06-03 -c {home}", 2),
        ("{home_folder}/rules --from 2026-06-03 --to 2026-06-01 -c {home}", 2),
    ),
    "rules explain": (
        ("{alarm} -c {home}", 0), ("{alarm} -c {live} --plot {tmp}/why.svg", 0), ("{order} -c {home}", 0),
        ("0-1-0 -c {home}", 2), ("WO-20200101-00001 -c {home}", 2), ("0-1-0 -c {new}", 2),
        ("{alarm} -c {home} --plot {tmp}/why.png", 2), ("{alarm} -c {home} --plot {tmp}/no/why.svg", 2),
    ),
    "series export": (
        ("--parquet {tmp}/all.parquet -c {home}", 0), ("--parquet {tmp}/all.parquet -c {home}", 2),
        ("--parquet {tmp}/live.parquet -c {live} --devices CH-1 --points gun_temp", 0),
        ("--parquet {tmp}/no.parquet -c {home} --devices CH-7 --points gun_tmp", 2),
        ("--parquet {tmp}/no.parquet -c {home} --points gun_tmp", 2),
        ("--parquet {tmp}/no/no.parquet -c {home}", 2), ("--parquet {tmp}/no.parquet -c {new}", 2),
        ("--parquet {tmp}/no.parquet -c {home} --from soon", 2), ("--parquet {tmp}/no.parquet -c {broken}", 2),
        ("--parquet {tmp}/no.parquet -c {home} --from 2026-06-03 --to 2026-06-01", 2),
    ),
    "database move": (
        ("-c {live}", 2), ("-c {home}", 2), ("--to sqlite:///x -c {home}", 2),
        ("--to postgresql://u@127.0.0.1:9/x -c {home}", 2), ("-c {broken}", 2),
    ),
    "erase customer": (("C9 -c {home}", 1), ("C2 -c {home}", 2), ("C9 -c {live}", 1)),
    "backup": (
        ("{tmp}/copy.tar -c {home}", 0), ("{tmp}/copy.tar -c {home}", 2), ("{tmp}/copy -c {live}", 0),
        ("{tmp}/new.tar -c {new}", 2), ("{tmp}/list.json/x -c {home}", 2),
    ),
    "restore": (
        ("{tmp}/copy.tar {tmp}/put --config-to {tmp}/put_config", 0), ("{tmp}/copy.tar {home_folder}", 2),
        ("{tmp}/none.tar {tmp}/d", 2), ("{tmp}/message.json {tmp}/d", 2), ("{tmp}/copy {tmp}/list.json", 2),
        ("{tmp}/changed {tmp}/d", 2),
    ),
    "audit verify": (
        ("-c {home}", 0), ("-c {live}", 0), ("--backup {tmp}/copy.tar -c {home}", 0),
        ("--backup {tmp}/copy -c {live}", 0), ("--noted 1:x -c {home}", 2),
        (f"--noted 9:{'0' * 64} -c {{home}}", 1), (f"--noted 1:{'0' * 64} -c {{home}}", 1),
        ("-c {new}", 2), ("-c {broken}", 2), ("--backup {tmp}/none.tar -c {home}", 2),
        ("--backup {tmp}/message.json -c {home}", 2),
    ),
    "recover": (("-c {home}", 0), ("-c {damaged}", 1), ("-c {live}", 2), ("-c {new}", 2)),
    "run": (
        ("-c {broken}", 2), ("-c {tmp}/none.yaml", 2), ("-c {live}", 1), ("-c {taken}", 2), ("-c {no_data}", 1),
        ("-c {damaged_too}", 1),
    ),
    "demo": (("--for 7x", 2), ("--for 1s", 2), ("--keep {tmp}/list.json", 2)),
}  # fmt: skip

DOUBTFUL = """\
format: 1
rules:
- id: never
  title: {en: Zzz, zh: 从不}
  why: {en: Zzz, zh: 试一试}
  watch: {kind: charger}
  when: "gun_temp > 300 degC"
  hold: 1s
  then: {order: {type: repair, level: major}}
  test:
  - say: {en: Zzz, zh: 未到温度}
    every: 1m
    series: {gun_temp: "60 90*5 60*3"}
    until: 9m
    expect: [{at: 3m, is: raised}]
"""
WRONG = """\
format: 1
rules:
- id: wrong
  title: {en: Zzz, zh: 错}
  why: {en: Zzz, zh: 错}
  watch: {kind: chargr}
  when: "gun_tmp > 30 kW and status = 3 or"
  hold: soon
  then: {order: {type: nothing, level: high}}
- id: wrong
  whe: "gun_temp > 3 kW"
- {id: open, watch: {kind: charger}, when: "gun_temp > 1 degC"
"""
BROKEN = {
    "gateway.yaml": """\
name: a b
timezone: Mars/X
language: zh
data_dir: C:\\data
registry: {devices: none.csv, sites: sites.csv}
api: {port: x, host: 0.0.0.0}
desk: {order_types: {repair: {}}, sla: 3}
sources:
  broker: {type: mqtt, url: "http://x", client_id: gw, keepalve: 3, routes: []}
  other: {type: bacnet}
endpoints: {oa: {type: webhook, url: "ftp://x", secret: whsec_x}}
""",
    "profiles/dc.yaml": (
        "id: dc\nkind: charger\npoints: {gun_temp: {unit: degX}, status: {kind: state, unit: V}, and: {}}\n"
    ),
    "sites.csv": "code,name\nS1,x\nS1,y\n",
    "rules/hot.yaml": WRONG,
}
TOPICS = {"c/CH-1": MESSAGE.replace("1767225600000", "NOW"), "c/NO-7": MESSAGE, "c/CH-2": "{"}


@dataclass(frozen=True)
class Stage:
    """Where it is played. `names` fill the arguments of the table."""

    names: dict[str, str]

    def play(self, path: str, arguments: str) -> Result:
        """As typed."""
        words = [word.format(**self.names) for word in shlex.split(arguments)]
        return CliRunner().invoke(main, ["--lang", "zh", *path.split(), *words], catch_exceptions=False)


def _things(folder: Path) -> None:
    """Files that are asked for, good and bad ones."""
    files = {
        "message.json": MESSAGE,
        "cut.json": MESSAGE[:20],
        "list.json": "[1]",
        "empty.json": "{}",
        "odd.json": '{"q": 1}',
        "twice.json": '{"temp": 1, "temp": 2}',
        "timeless.json": '{"temp": 1}',
        "old.json": '{"ts": 1000, "temp": 1}',
        "hot.json": MESSAGE.replace("95", "950"),
        "null.json": MESSAGE.replace("95", "null"),
        "history.csv": csv(hot=True),
        "exchanges.csv": "device,point,at,old_final,new_start\nCH-2,energy,2026-01-01T09:00,9,1\n"
        "CH-2,energy,2026-01-02T09:00,x,1\nCH-9,energy,2026-01-01T09:00,9,1\n",
        "doubtful.yaml": DOUBTFUL,
        "wrong.yaml": WRONG,
        "rows.csv": "sn,at,temp,status\nCH-1,2026-06-02 09:00:00,60,charging\n"
        "CH-1,2026-06-02 10:00:00,xx,charging\nNO-9,2026-06-02 10:00:00,1,charging\n"
        'CH-1,never,1,charging\nCH-1,2026-06-02 10:00:00,1,a,b\nCH-1,2026-06-02 10:00:00,1,"open\n',
        "map.yaml": "device: {colum: sn}\ntime: {column: at, format: '%Q', zone: Mars}\n"
        "points: {gun_tmp: {column: temp, unit: degX}}\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    (folder / "latin1.json").write_bytes(b'{"temp": "\xff"}')
    (folder / "latin1.yaml").write_bytes(b"format: \xff")
    (folder / "cut.csv.gz").write_bytes(gzip.compress(csv().encode())[:200])


def _publish(port: int) -> None:
    now = str(time.time_ns() // 1_000_000)
    messages = [{"topic": topic, "payload": text.replace("NOW", now), "qos": 1} for topic, text in TOPICS.items()]
    publish.multiple(messages, "127.0.0.1", port, protocol=MQTTv5)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """An installation with a day of history, copies of it that are damaged, and one that runs."""
    tmp = tmp_path_factory.mktemp("chinese")
    _things(tmp)
    names = {"tmp": str(tmp), "home_folder": str(tmp / "home"), "home": str(write(tmp / "home"))}
    names["new"] = str(write(tmp / "new"))
    names["library"] = str(Path(__file__).parents[2] / "config" / "demo" / "library.yaml")
    names["broken"] = str(write(tmp / "broken", BROKEN))
    with ExitStack() as stack:
        at_home = Stage(names)
        took = at_home.play("import", "{tmp}/history.csv --map {home_folder}/map.yaml -c {home}")
        assert took.exit_code == 0, took.output
        broker, port = stack.enter_context(iotcore(tmp / "broker")), free_port()
        for name in ("live", "damaged", "damaged_too", "no_data", "taken"):
            shutil.copytree(tmp / "home", tmp / name)
            names[name] = str(write(tmp / name, port=port if name in ("live", "taken") else 0, broker=broker.port))
        for name in ("damaged", "damaged_too"):
            (tmp / name / "data" / "fieldgate.sqlite").write_bytes(b"nothing of the kind" * 999)
        shutil.rmtree(tmp / "no_data" / "data")
        (tmp / "no_data" / "data").write_text("a file")
        api = stack.enter_context(running(tmp / "live" / "gateway.yaml", port))
        _publish(broker.port)
        wait_for(lambda: "NO-7" in api.get("/v1/dead-letters").text)
        names["api"] = str(api.base_url)
        names["key"] = api.headers["Authorization"]
        alarm = re.search(r"：(0-\d+-\d+)", at_home.play("rules explain", "0-1-0 -c {home}").output)
        assert alarm is not None
        names["alarm"], names["order"] = alarm[1], api.get("/v1/work-orders").json()["items"][0]["no"]
        yield at_home


def judged(said: str, arguments: str) -> None:
    """Chinese, and nothing else besides names, such as those that were asked for."""
    wrong = untranslated(said, *CALLED, *WORD.findall(arguments))
    assert not wrong, said
    assert HAN.search(said) or not re.search("[a-z]{4,} [a-z]{4,}", said), said
    assert not [line for line in said.splitlines() if spaced(line)], said


def test_every_command_is_played() -> None:
    assert set(PLAYS) == LEAVES


def test_what_a_command_says(stage: Stage) -> None:
    """All in order, for some go on where others stopped: a key that is made twice, a copy that is put back."""
    wrong: dict[str, str] = {}
    for path, plays in PLAYS.items():
        for arguments, status in plays if path != "run" else ():
            shown = stage.play(path, arguments)
            try:
                assert shown.exit_code == status, shown.output
                if path != "version":
                    judged(shown.output, arguments)
            except AssertionError as failed:
                wrong[f"{path} {arguments}"] = str(failed)
    assert not wrong, "\n".join(f"{words}: {what}" for words, what in wrong.items())


@pytest.mark.parametrize(("arguments", "status"), PLAYS["run"])
def test_run_refuses_in_chinese(stage: Stage, arguments: str, status: int) -> None:
    words = [word.format(**stage.names) for word in arguments.split()]
    command = [sys.executable, "-m", "gateway", "--lang", "zh", "run", *words]
    shown = subprocess.run(command, capture_output=True, timeout=60, check=False)
    said = (shown.stdout + shown.stderr).decode()
    assert shown.returncode == status, said
    judged(said, arguments)


def test_questions_of_init_are_chinese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are taken as they come, and refused ones are named."""
    monkeypatch.setattr("gateway.cli.init_command._is_interactive", lambda: True)
    for folder, answers in (("a", "\n" * 20), ("b", "x y\nmqtt\n\n\n\n\ncharger_dc\nhttp:/\n")):
        shown = CliRunner().invoke(main, ["--lang", "zh", "init", str(tmp_path / folder)], input=answers)
        assert "：" in shown.output
        judged(re.sub(r"\[[^\]]*\]", "", shown.output), answers)


ASKED: tuple[tuple[str, str, object, int], ...] = (
    ("GET", "/v1/nothing", None, 404), ("DELETE", "/v1/devices", None, 405), ("GET", "/v1/work-orders/WO-1", None, 404),
    ("GET", "/v1/alarms/0-1-0", None, 404), ("GET", "/v1/devices/NO", None, 404),
    ("GET", "/v1/work-orders?limit=x&status=odd", None, 422), ("GET", "/v1/alarms?cursor=%21", None, 422),
    ("POST", "/v1/work-orders", {"title": 1}, 422), ("POST", "/v1/keys", {"name": "a b", "role": "boss"}, 422),
    ("POST", "/v1/endpoints/nobody/test", None, 404), ("POST", "/v1/deliveries/7/redeliver", None, 404),
)  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "status"), ASKED)
def test_problems_of_the_api_are_chinese(stage: Stage, method: str, path: str, body: object, status: int) -> None:
    headers = {"Authorization": stage.names["key"], "Accept-Language": "zh-CN,zh;q=0.9"}
    url = stage.names["api"] + path
    answer = httpx.request(method, url, json=body, headers=headers, trust_env=False)
    assert answer.status_code == status, answer.text
    problem = answer.json()
    for text in (problem["detail"], *(one["message"] for one in problem.get("errors", ()))):
        judged(text, path)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [({"Authorization": "Bearer fg_no"}, b"", 401), ({"Host": "elsewhere"}, b"", 421), ({}, b"{", 400)],
)
def test_refusals_of_the_api_are_chinese(stage: Stage, headers: dict[str, str], body: bytes, status: int) -> None:
    sent = {"Authorization": stage.names["key"], "Accept-Language": "zh", "Content-Type": "application/json", **headers}
    answer = httpx.post(stage.names["api"] + "/v1/work-orders", content=body, headers=sent, trust_env=False)
    assert answer.status_code == status, answer.text
    judged(answer.json()["detail"], "Authorization: Bearer fg")


@pytest.mark.parametrize("event", [one for one in EVENTS if not one.startswith("endpoint.")])
def test_lines_of_tail_are_chinese(event: str) -> None:
    family, _, what = event.partition(".")
    kind = "order" if family == "workorder" else "alarm"
    line = {
        "kind": kind,
        "what": what,
        "at": "2026-06-01T00:00:00+00:00",
        "device": "CH-1",
        "title_en": "Zzz",
        "title_zh": "热",
        "detail": "WO-1" if kind == "order" else "major",
    }
    judged(shown(line, "zh", ZoneInfo("Asia/Shanghai")), event)
