"""Notes of the desk in orders."""

_ACTS = {
    "assign": ("assign", "派单"), "accept": ("accept", "接单"), "reject": ("reject", "退单"),
    "arrive": ("arrive", "到场签到"), "start": ("start", "开始处理"), "hold": ("hold", "挂起"),
    "resume": ("resume", "继续处理"), "resolve": ("resolve", "完成处理"), "close": ("close", "关闭"), "cancel": ("cancel", "取消"),
    "merge": ("merge", "合并"), "reopen": ("reopen", "重开"), "comment": ("comment", "备注"),
    "set_urgency": ("set the urgency", "调整紧急程度"),
}  # fmt: skip
TEXTS: dict[str, tuple[str, str]] = {
    **{f"desk.act.{act}": pair for act, pair in _ACTS.items()},
    **{f"possible.{act}": pair for act, pair in _ACTS.items()},
    "possible.read_order": ("read the order", "查看工单"),
    "possible.read_alarm": ("read the alarm: it has ended", "查看告警：它已结束"),
    "possible.new_command_id": ("send it with a new command id", "换用新的指令号提交"),
    "possible.same_command": (
        "send exactly what was sent with this id: it is answered again, and done once", "按原内容重发：会再次应答，只执行一次",
    ),
    "desk.unknown_order": ("there is no order {no}", "没有工单 {no}"),
    "desk.unknown_alarm": ("there is no alarm {alarm}", "没有告警 {alarm}"),
    "desk.unknown_device": ("there is no device {device}", "没有设备 {device}"),
    "desk.illegal_move": (
        "order {no} is {state}: {act} is not possible now; possible: {possible}",
        "工单 {no} 处于“{state}”状态，现在不能{act}；可以：{possible}",
    ),
    "desk.not_allowed": ("role {role} may not {act} order {no}", "角色 {role} 无权对工单 {no} 执行“{act}”"),
    "desk.not_assignee": ("order {no} is not assigned to {actor}", "工单 {no} 未派给 {actor}"),
    "desk.missing": ("{act} needs: {missing}", "“{act}”缺少：{missing}"),
    "desk.close_needs_reason": (
        "{raised} alarm(s) of order {no} are still raised: closing it now needs a reason",
        "工单 {no} 仍有 {raised} 个告警未恢复，关闭须填写原因",
    ),
    "desk.cancel_reason": (
        "{reason!r} is no reason to cancel; write one of: {allowed}",
        "{reason!r} 不是取消原因，请填写其一：{allowed}",
    ),
    "desk.stale": (
        "order {no} is at version {version}, you changed version {expected}: read it again; possible now: {possible}",
        "工单 {no} 已是版本 {version}，您修改的是版本 {expected}，请重新读取；现在可以：{possible}",
    ),
    "desk.command_reused": (
        "command {command} was already used for something else; a new command needs a new id",
        "指令号 {command} 已用于其他操作，新指令须使用新编号",
    ),
    "desk.command_id": (
        "a command needs an id, so that a repeat changes nothing",
        "指令须带编号，重复提交才不会重复生效",
    ),
    "desk.other_open": (
        "order {no} cannot be reopened: order {other} is already open for the same fault; possible: {possible}",
        "工单 {no} 不能重开：同一故障已有未结工单 {other}；可以：{possible}",
    ),
    "desk.arrived": (
        "the arrival for order {no} is recorded already; possible: {possible}",
        "工单 {no} 已签到；可以：{possible}",
    ),
    "desk.open_children": (
        "order {no} waits for {count} order(s) that it handed off: end these first; possible: {possible}",
        "工单 {no} 转出的 {count} 张子工单尚未结束，请先处理子工单；可以：{possible}",
    ),
    "desk.not_raised": ("alarm {alarm} is not raised any more", "告警 {alarm} 已不在触发状态"),
    "desk.reading": (
        "a counter reading belongs to resolve or close, not to {act}",
        "计数器读数只能随“完成处理”或“关闭”提交，不能随“{act}”提交",
    ),
    "desk.storm_rule": ("storm: {count} alarms of rule {rule}", "告警风暴：规则 {rule} 共 {count} 个告警"),
    "desk.storm_site": ("storm: {count} alarms at site {site}", "告警风暴：场站 {site} 共 {count} 个告警"),
    "desk.storm_alarms_per_rule": (
        "more alarms of one rule than its limit allows orders for",
        "同一规则的告警超过上限，合并为一张工单",
    ),
    "desk.storm_orders_per_site": (
        "more orders at one site than its limit allows",
        "同一场站的工单超过上限，合并为一张工单",
    ),
    "desk.batch": ("batch of {count} in {of}: {title}", "批量 {count} 项（{of}）：{title}"),
    "desk.unstable": ("{title} (unstable, {count} raises)", "{title}（不稳定，已触发 {count} 次）"),
    "desk.late": ("raised late: a reading came after its time", "迟到的读数触发，事后补报"),
    "desk.rule_off": ("rule {rule} was switched off; the order stays", "规则 {rule} 已停用，工单保留"),
    "desk.rule_shadow": (
        "rule {rule} runs in shadow mode now; the order stays",
        "规则 {rule} 已转为影子模式，工单保留",
    ),
    "desk.rule_gone": ("rule {rule} was deleted; the order stays", "规则 {rule} 已删除，工单保留"),
    "desk.why_create": ("the fault has no open order", "该故障没有未结工单"),
    "desk.why_reopen": ("the fault is back within reopen_within", "故障在 reopen_within 期限内复发"),
    "desk.why_storm": ("above the limit {limit}", "超过限额 {limit}"),
    "desk.why_batch": ("the batch period is over", "批量周期已结束"),
    "desk.endpoint_test": ("a test: nothing has to be done", "测试消息，无需处理"),
    "desk.still_raised": ("still raised", "告警仍未恢复"),
    "desk.template_error": ("template {template} ({language}): {error}", "模板 {template}（{language}）：{error}"),
}
