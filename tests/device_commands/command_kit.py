"""A project whose charger takes commands by MQTT."""

from typing import Any

MAIN = """\
name: gw
timezone: Asia/Shanghai
language: en
data_dir: var
registry: {{sites: sites.csv, customers: customers.csv, devices: devices.csv}}
api: {{port: 0, hosts: [gateway]}}
journal: {{linger: 0ms, free_space_floor: 0B, ballast: 0B}}
"""
PROFILE = """\
kind: charger
components: 2
points:
  limit: {unit: A, every: 10s}
  temp: {unit: degC, each: true}
  energy: {unit: kWh, kind: counter}
  status: {kind: state, values: [idle, charging, fault]}
commands:
  set_limit:
    title: {en: Set the limit, zh: 设置限流值}
    approval: supervisor
    parameters: {amps: {unit: A, min: 6, max: 32}}
    timeout: 2s
    read_back: {point: limit, parameter: amps, within: 2s}
    mqtt:
      topic: chargers/{device}/cmd
      payload: {id: "{command_id}", op: limit, amps: "{amps}"}
      response: {topic: "chargers/{device}/ack", correlation: id, success: *words, message: text}
  reset:
    title: Reset
    timeout: 2s
    mqtt:
      topic: chargers/{device}/cmd
      payload: {id: "{command_id}", op: reset}
      response:
        {topic: "chargers/{device}/ack", correlation: id, correlation_data: true, success: *words, message: text}
  blink:
    title: Blink
    each: true
    mqtt: {topic: "chargers/{device}/{component}/blink", payload: "on"}
""".replace("*words", "{path: result, values: [ok], progress: [accepted]}")
SOURCES = """\
sources:
  broker:
    type: mqtt
    url: mqtt://127.0.0.1:{port}
    client_id: gw
    protocol: "{version}"
    reconnect: {{min: 0s, max: 1s}}
    commands: {{allow: [set_limit, dc/reset, blink], per_minute: 6}}
    routes:
    - filter: chargers/{{device}}/telemetry
      device: "{{device}}"
      time: {{path: ts, unit: ms}}
      points: {{limit: {{path: limit}}}}
"""


def changes(port: int = 1, version: str = "auto", profile: str = PROFILE) -> dict[str, Any]:
    """Files of `api_kit.house` for this project."""
    return {"gateway.yaml": (MAIN + SOURCES).format(port=port, version=version), "profiles/dc.yaml": profile}
