"""`fieldgate rules check`: findings about rules, and the report."""

TEXTS: dict[str, tuple[str, str]] = {
    # the report
    "lint.line": ("{place} {rule}: {word} {code}: {text}", "{place} {rule}：{word} {code}：{text}"),
    "lint.word.warning": ("warning", "警告"),
    "lint.word.info": ("info", "提示"),
    "lint.word.write": ("write", "可写"),
    "lint.calendar-none": (
        "there is no calendar: Monday to Friday are workdays, no day is a holiday; write calendar: cn in gateway.yaml",
        "没有日历：周一至周五按工作日处理，没有任何节假日；请在 gateway.yaml 写 calendar: cn",
    ),
    "lint.calendar-year": (
        "calendar {name} has no {year}: Monday to Friday are workdays, no day is a holiday; add it to calendars/{name}.yaml",
        "日历 {name} 没有 {year} 年：周一至周五按工作日处理，没有任何节假日；请补充 calendars/{name}.yaml",
    ),
    "lint.calendar-provisional": (
        "calendar {name} has {year} without the official notice; correct calendars/{name}.yaml when the notice is out",
        "日历 {name} 的 {year} 年尚无官方通知；通知发布后请更新 calendars/{name}.yaml",
    ),
    "lint.sum": (
        "{rules} rules: {warnings} warnings, {infos} infos, {accepted} accepted",
        "{rules} 条规则：警告 {warnings}，提示 {infos}，已认可 {accepted}",
    ),
    "lint.head.rule": ("rule", "规则"),
    "lint.head.devices": ("things", "对象"),
    "lint.head.bytes": ("B/thing", "字节/对象"),
    "lint.head.state": ("state", "状态"),
    "lint.head.rate": ("evals/s", "次/秒"),
    "lint.total": ("{state} of state, {rate} evaluations/s", "状态共 {state}，每秒判断 {rate} 次"),
    "lint.limit": ("; limits.state is {limit}", "；limits.state 为 {limit}"),
    "lint.over": (
        "the state of all rules is about {state}, limits.state is {limit}: write limits: {{state: {write}}}, or shorten the windows of {rule} ({largest})",
        "全部规则的状态约 {state}，而 limits.state 为 {limit}：请写 limits: {{state: {write}}}，或缩短 {rule} 的窗口（{largest}）",
    ),
    "lint.unchecked.fleet": (
        "not checked: devices and attributes; there is no list of devices: give --config gateway.yaml",
        "未检查：设备与属性；没有设备清单，请给出 --config gateway.yaml",
    ),
    "lint.unchecked.retention": (
        "not checked: windows against the retention of stored readings: give --config gateway.yaml",
        "未检查：窗口是否超出数据保存期；请给出 --config gateway.yaml",
    ),
    "lint.unchecked.seen": (
        "not checked: points never seen; there is no snapshot of a running installation: give --config gateway.yaml of one",
        "未检查：从未出现的测点；没有运行中系统的快照，请给出其 --config gateway.yaml",
    ),
    "lint.nothing": (
        "nothing to check; write files or folders of rules, or --config gateway.yaml for the rules in force",
        "没有可检查的内容；请写规则文件或目录，或用 --config gateway.yaml 检查在用规则",
    ),
    "lint.check": (
        "rules: {warnings} warnings, {infos} infos, {accepted} accepted, {state} of state; see fieldgate rules check {paths} -c {file}",
        "规则：警告 {warnings}，提示 {infos}，已认可 {accepted}，状态 {state}；详见 fieldgate rules check {paths} -c {file}",
    ),
    # conditions
    "lint.no-hysteresis": (
        "{when} clears at the limit at which it raises: while {name} fluctuates there, the alarm raises and clears repeatedly",
        "{when} 的恢复值与触发值相同：{name} 在该值附近波动时会反复告警",
    ),
    "lint.hold-below-interval": (
        "hold {hold} is shorter than the interval of {points} ({every}): a single reading is enough",
        "hold {hold} 短于 {points} 的上报间隔（{every}）：一个读数即可触发",
    ),
    "lint.gap-below-interval": (
        "gap {gap} is shorter than the interval of {points} ({every}): every reading comes too late, the hold never completes",
        "gap {gap} 短于 {points} 的上报间隔（{every}）：每个读数都来得太迟，hold 永远无法完成",
    ),
    "lint.gap-unknown": (
        "{points}: no profile gives an interval, so there is no default gap; the hold goes on while no data arrives",
        "{points}：型号未给出上报间隔，无法得出默认 gap；无数据会被当作持续",
    ),
    "lint.level-weaker": (
        "{high} ({when}) is reached before {low} ({other}) with the defaults of the attributes",
        "按属性默认值，{high}（{when}）比 {low}（{other}）先触发",
    ),
    "lint.percent-no-unit": (
        "{name} has no unit, so {limit} is read as {fraction}; where it goes up to 100, write {whole}, or better unit: % in its profile",
        "{name} 没有单位，{limit} 按 {fraction} 理解；若取值到 100，请写 {whole}，最好在型号中写 unit: %",
    ),
    "lint.never-true": (
        "{when} can never be true: no possible value of {why} fits",
        "{when} 永远不会成立：{why} 没有可满足的取值",
    ),
    "lint.always-true": (
        "{when} is true for every possible value of {name}: the alarm is raised by the first reading and never ends",
        "{when} 对 {name} 的任何取值都成立：一有数据就触发，且不会结束",
    ),
    "lint.clear-never": (
        "{when} can never be true, because no possible value of {why} fits: the alarm never ends",
        "{when} 永远不会成立，{why} 没有可满足的取值：告警不会结束",
    ),
    "lint.unless-never": (
        "unless {unless} can never be true when the rule would raise: it has no effect; remove or correct it",
        "规则要触发时 unless {unless} 永远不成立：不起任何作用，应删去或改正",
    ),
    "lint.unless-always": (
        "unless {unless} is true whenever the rule would raise: it never raises",
        "规则要触发时 unless {unless} 总是成立：规则永远不会触发",
    ),
    "lint.missing-below-interval": (
        "missing clears after {after}, and readings come every {every}: one or two lost readings end the alarm",
        "无数据 {after} 即恢复，而测点每 {every} 上报一次：丢一两个读数告警就会结束",
    ),
    "lint.silent-below-interval": (
        "longer_than {longer} is less than three intervals of {points} ({every}): one or two lost readings raise the alarm",
        "longer_than {longer} 不足 {points} 上报间隔（{every}）的三倍：丢一两个读数就会触发",
    ),
    "lint.identity-unbounded": (
        "identity {name}: every text that the device sends makes a separate alarm; use a code table: code_of, then code.name",
        "identity {name}：厂家发来的任何文字都会生成独立告警；应使用代码表：code_of，再写 code.name",
    ),
    "lint.quorum-unreachable": (
        "at_least {need}, but the largest {group} has {most} members: it never raises",
        "at_least {need}，而最大的 {group} 只有 {most} 个成员：永远不会触发",
    ),
    # lengths of time
    "lint.hold-beyond-active": (
        "hold {hold} does not fit into active, which is never in force for more than {active} at a time: it never raises",
        "hold {hold} 超过 active 一次持续的最长时间 {active}：永远不会触发",
    ),
    "lint.flap-never": (
        "each raise takes {takes} (hold and clear_hold), so more than {raises} do not fit into {span}: it is never unstable",
        "每次告警至少要 {takes}（hold 加 clear_hold），{span} 内不可能超过 {raises} 次：不会判为不稳定",
    ),
    "lint.streak-never": (
        "{length} in a row take at least {least}, max_span allows {most}: it never raises",
        "连续 {length} 次至少需要 {least}，而 max_span 只允许 {most}：永远不会触发",
    ),
    "lint.wait-below-interval": (
        "within {within} is shorter than the interval of {points} ({every}): the reading it waits for cannot arrive in time",
        "within {within} 短于 {points} 的上报间隔（{every}）：所等的数据来不及到达",
    ),
    "lint.vote-below-interval": (
        "within {within} is shorter than the interval of {points} ({every}): each vote expires before the next reading; began_within counts new votes only",
        "within {within} 短于 {points} 的上报间隔（{every}）：每一票在下个读数之前就失效；只算新出现的请写 began_within",
    ),
    # points sent on change
    "lint.silent-on-change": (
        "{points}: no profile gives an interval, so they may be sent on change only; values that stay the same then look like a lost connection",
        "{points}：型号未给出上报间隔，可能只在变化时上报；长时间不变会被当作断线",
    ),
    "lint.repeats-on-change": (
        "{form} counts readings, and {points} may be sent on change only: the same state is never sent twice in a row",
        "{form} 按读数计数，而 {points} 可能只在变化时上报：同一状态不会连续出现两次",
    ),
    "lint.missing-on-change": (
        "{points}: no profile gives an interval; while nothing changes nothing is sent, and the alarm would clear",
        "{points}：型号未给出上报间隔；没有变化就没有数据，告警会因此恢复",
    ),
    "lint.coverage-unknown": (
        "{name}: no profile gives an interval for {points}, so the coverage of the window is unknown",
        "{name}：型号未给出 {points} 的上报间隔，无法得知窗口内有多少时间有数据",
    ),
    # signals
    "lint.window-few-readings": (
        "{name}: {window} has fewer than three readings, with one every {every}",
        "{name}：{window} 内不足三个读数，每 {every} 才有一个",
    ),
    "lint.window-beyond-retention": (
        "{name} needs {span} of history, and readings are kept for {kept}: after an edit it is unknown until the rest has come in",
        "{name} 需回看 {span}，而数据只保存 {kept}：修改规则后不足部分只能为未知",
    ),
    "lint.streak-beyond-retention": (
        "a streak of {length} takes {span}, and readings are kept for {kept}: after an edit it counts from zero",
        "连续 {length} 次需要 {span}，而数据只保存 {kept}：修改规则后须从头计数",
    ),
    "lint.baseline-cold": (
        "{name} has no warmup: it is used after its first few readings",
        "{name} 没有 warmup：刚开始的几个读数就会用来判断",
    ),
    # watched devices
    "lint.no-device": (
        "no device of kind {kinds} in service matches where {where}; {count} of this kind are in the list, kinds in service: {known}",
        "没有在用的 {kinds} 设备满足 where {where}；清单中此设备类型共 {count} 台，在用的设备类型有 {known}",
    ),
    "lint.point-never-seen": (
        "{name} was never received from any of {count} devices ({devices} ..): it is misspelt in a route, or the devices do not send it",
        "{count} 台设备（{devices} 等）从未上报 {name}：可能接入映射写错，或设备不发送",
    ),
    "lint.point-not-everywhere": (
        "some devices lack a point of the rule ({points}): the rule works for them in part or not at all",
        "部分设备缺少规则所用测点（{points}）：规则对它们作用有限或不起作用",
    ),
    "lint.attribute-nowhere": (
        "attribute {name} has no default and none of {count} devices, nor their sites or customers, has it: always unknown",
        "属性 {name} 没有默认值，{count} 台设备及其场站、客户都没有此属性：始终为未知",
    ),
    "lint.peers-alone": (
        "no two watched devices in service have the same {by}, so {name} has nothing to compare with: always unknown",
        "没有两个在用的被监测对象同属一个 {by}，{name} 没有可比较的对象：始终为未知",
    ),
    "lint.overlap": (
        "raises on {name} of the same devices as {other} ({place}): two alarms for one event, fault {fault}",
        "与 {other}（{place}）都因同一设备的 {name} 触发：一个事件两条告警，故障 {fault}",
    ),
    "lint.overlap-one-order": (
        "raises on {name} of the same devices as {other} ({place}): two alarms, but one order, because both have fault {fault}",
        "与 {other}（{place}）都因同一设备的 {name} 触发：两条告警，但故障同为 {fault}，只开一张工单",
    ),
    "lint.silent-without-point": (
        "{count} devices ({devices} ..) have no point that the rule waits for ({points}): they count as silent from the start, for ever",
        "{count} 台设备（{devices} 等）没有所等待的测点（{points}）：一开始就算无数据，且不会结束",
    ),
    "lint.silent-at-load": (
        "{count} devices ({devices} ..) are silent already, or never sent {points}: they raise as soon as the rule is in force",
        "{count} 台设备（{devices} 等）已经无数据，或从未上报 {points}：规则一生效就会触发",
    ),
    "lint.age-at-load": (
        "{points} of {count} devices ({devices} ..) is older than {longer} already: they raise as soon as the rule is in force",
        "{count} 台设备（{devices} 等）的 {points} 已超过 {longer} 未更新：规则一生效就会触发",
    ),
    "lint.due-at-load": (
        "{date} of {count} devices ({devices} ..) is past the last stage: they raise as soon as the rule is in force",
        "{count} 台设备（{devices} 等）的 {date} 已过最后阶段：规则一生效就会触发",
    ),
    "lint.term-at-load": (
        "{count} devices ({devices} ..) were registered longer ago than or_after: they raise as soon as the rule is in force",
        "{count} 台设备（{devices} 等）的登记时间早于 or_after：规则一生效就会触发",
    ),
    "lint.dates-overlap": (
        "the stages cover {told} days, and the next date may be {between} days later: its stages begin only when those of the date before are over",
        "各阶段跨 {told} 天，而下一个日期可能 {between} 天后就到：要等上一个日期的各阶段结束才会通知",
    ),
    "lint.step-never": (
        "a counter of hours cannot run {hours} hours in the {days} days of or_after: the step is never reached first",
        "or_after 的 {days} 天内小时计数到不了 {hours} 小时：step 永远不会先到",
    ),
    # orders and notices
    "lint.no-why": ("no why: the engineer who gets the order is not told what to look at", "缺少 why：接单人不知道该看什么"),
    "lint.one-language": ("{name} is in one language only", "{name} 只有一种语言"),
    "lint.no-action": ("no then: the alarm is recorded and nobody is notified", "没有 then：只记录告警，不通知任何人"),
    "lint.latched-alone": (
        "auto_clear: false without an order: nobody is sent to unlatch it, so the alarm stays for ever",
        "auto_clear: false 却没有工单：没有人会去复位，告警将一直保持",
    ),
    "lint.no-end": (
        "a sequence ends by clear or when its order is closed, and this rule has neither: the alarm stays for ever",
        "sequence 要靠 clear 或关闭工单来结束，这里两者都没有：告警将一直保持",
    ),
    "lint.critical-once": (
        "a critical alarm is notified once: if the message is overlooked, it is not repeated",
        "紧急告警只通知一次：看漏后不会再提醒",
    ),
    "lint.critical-no-sla": ("a critical order without sla", "紧急工单没有 sla"),
    "lint.batch-critical": (
        "a critical order waits for its batch for up to {every}",
        "紧急工单要等批次，最长 {every}",
    ),
    "lint.safety-hours": (
        "class safety, yet outside the hours of active no alarm is raised and nobody is notified",
        "通知类别为 safety，但 active 时段之外不触发也不通知",
    ),
    "lint.safety-delayed": (
        "class safety, yet its order is made {after} later",
        "通知类别为 safety，工单却要延后 {after}",
    ),
    "lint.safety-quiet": (
        "quiet never holds back a rule of class safety",
        "quiet 对 safety 类规则不起作用",
    ),
    "lint.parent-not-live": (
        "inhibited by {parent}, which is {mode}: nothing is ever merged into it",
        "由 {parent} 抑制，但其状态为 {mode}：不会有任何合并",
    ),
    # tests and remarks
    "lint.no-test": ("the rule has no test", "规则没有用例"),
    "lint.silent-tests": (
        "none of {count} tests expects a transition: a rule that never raises would pass",
        "{count} 个用例都不期望任何变化：从不触发的规则也能通过",
    ),
    "lint.accept-unknown": ("{name} is not the code of a finding", "{name} 不是检查结果的代码"),
    "lint.accept-reason": ("{name} is accepted without a reason", "认可 {name} 却没有写原因"),
    "lint.accept-unused": (
        "{name} is accepted but not found: remove the remark",
        "已认可的 {name} 并不存在：应删去此注释",
    ),
}
