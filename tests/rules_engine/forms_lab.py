"""Rules of the forms that `test_engine_equivalence` leaves out: windows, groups, plans, what comes after, lateness."""

from rules_engine.engine_lab import rules_of

_HEAD = "  title: {en: t, zh: 题}\n  why: w\n"
_BODIES = {
    "w.mean": "  let: {avg: {mean: gun_temp, over: 1m, coverage: 0.5}}\n  when: 'avg > 75 degC'\n",
    "w.peak": "  let: {top: {max: gun_temp, over: 2m, coverage: 0}, n: {count: current, over: 2m, coverage: 0}}\n"
              "  when: 'top >= 85 degC and n > 1'\n  hold: 10s\n",
    "w.share": "  let: {part: {share: \"status == 'fault'\", over: 2m, coverage: 0.3}}\n  when: 'part >= 0.5'\n",
    "w.fall": "  let: {drop: {fall: gun_temp, over: 1m, max_gap: 30s}, up: {rise: current, over: 1m, max_gap: 30s}}\n"
              "  when: 'drop > 9 degC or up > 3 A'\n",
    "w.ewma": "  let: {avg: {ewma: gun_temp, half_life: 30s, warmup: 40s}}\n  when: 'gun_temp > avg + 5 degC'\n",
    "w.z": "  let: {z: {zscore: gun_temp, half_life: 1m, warmup: 30s, season: hour_of_week}}\n  when: 'abs(z) > 1.2'\n",
    "w.peers": "  let: {others: {peers: {median: gun_temp, of: plot}}}\n  when: 'gun_temp > others + 5 degC'\n"
               "  hold: 10s\n",
    "w.peers-votes": "  let: {o: {peers: {max: gun_temp, of: plot, coverage: 0.5}}}\n"
                     "  when: {votes: {of: 'gun_temp > o', need: 2, last: 3}}\n",
    "w.difference": "  let: {d: {mean: 'gun_temp - ambient', over: 40s, coverage: 0}}\n  when: 'd > 45 degC'\n",
    "w.top": "  let: {m: {mean: gun_temp, over: 30s, coverage: 0}, top: {max: m, over: 1m, coverage: 0}}\n"
             "  when: 'top > 80 degC'\n",
    "x.flap": "  when: 'gun_temp >= 80 degC'\n  flap: {raises: 1, in: 5m, quiet: 2m}\n",
    "x.flap-levels": "  levels:\n    minor: {when: 'gun_temp >= 70 degC'}\n"
                     "    major: {when: 'gun_temp >= 85 degC', hold: 5s}\n  flap: {raises: 2, in: 10m, quiet: 1m}\n",
    "x.child": "  when: 'gun_temp >= 75 degC'\n  inhibit: {by: a.plain, same: [code], settle: 20s}\n",
    "x.stale": "  when: 'current < 2 A'\n  stale_after: 30s\n",
    "y.late": "  lateness: 15s\n  when: 'gun_temp > 80 degC'\n  hold: {for: 20s, gap: 20s}\n",
    "y.late-streak": "  lateness: 15s\n  when: {streak: {of: 'gun_temp > 75 degC', length: 2}}\n",
}  # fmt: skip
_METERS = {
    "w.rate": "  let: {speed: {rate: volume, over: 30m}}\n  when: 'speed > 3 m3/h'\n",
    "w.used": "  let: {used: {increase: volume, over: 1h, coverage: 0.5}}\n  when: 'used > 1 m3'\n",
    "w.lowest": "  let: {low: {min: battery, per: 'night(08:30-10:00)', coverage: 0}}\n  when: 'low < 3.4 V'\n",
    "w.spread": "  let: {d: {spread: battery, per: hour, coverage: 0}, s: {stddev: battery, per: hour, coverage: 0}}\n"
                "  when: 'd >= 0.2 V or s > 0.1 V'\n",
}  # fmt: skip
_CHAINED = {
    "w.days": "  let: {u: {increase: volume, per: hour, coverage: 0}, most: {max: u, per: day, coverage: 0}}\n"
    "  when: 'most > 1 m3'\n",
    "w.hours": "  let: {h: {mean: battery, per: hour, coverage: 0}, low: {min: h, over: 3h, coverage: 0}}\n"
    "  when: 'low < 3.3 V'\n",
}
_PLANS = {
    "v.term": "  every: {counter: volume, step: 3 m3, or_after: 1 day}\n",
    "v.late": "  lateness: 15s\n  every: {counter: volume, step: 2 m3, ahead: 1 m3, or_after: 1 day}\n",
}
_DATES = {
    "v.dates": "  due: {date: insured, stages: {minor: -1d, major: 0d}, at: '00:05', repeat: 1 week}\n",
    "v.work": "  due: {date: insured, stages: {minor: 0d}, repeat: 1 day, basis: completed}\n",
}
_GROUPS = {
    "z.quorum": "  when: {members: {of: 'ambient > 30 degC', at_least: 1, within: 1m}}\n  hold: 5s\n",
    "z.mean": "  let: {avg: {members: {mean: ambient}}, n: {members: {count: 'heartbeat > 0'}}}\n"
    "  when: 'avg > 30 degC and n > 0'\n",
}


def _rule(name: str, body: str, watch: str) -> str:
    return f"- id: {name}\n{_HEAD}  watch: {watch}\n{body}  then: {{order: {{type: repair}}}}\n"


MORE = rules_of(
    "format: 1\nrules:\n"
    + "".join(_rule(name, body, "{kind: charger, each: connector}") for name, body in _BODIES.items())
    + "".join(_rule(name, body, "{kind: gas_meter}") for name, body in (_METERS | _CHAINED).items())
    + "".join(_rule(name, body, "{kind: gas_meter}") for name, body in _PLANS.items())
    + "".join(_rule(name, body, "{kind: charger}") for name, body in _DATES.items())
    + "".join(_rule(name, body, "{kind: charger, group: plot}") for name, body in _GROUPS.items())
)
"""The chargers need an attribute `plot`."""
