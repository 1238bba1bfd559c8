"""Orders: reasons of a hold, codes, priorities, families of orders."""

TEXTS: dict[str, tuple[str, str]] = {
    "priority.level": ("level {level}", "级别{level}"),
    "priority.urgency.urgent": ("urgent", "紧急"),
    "priority.urgency.low": ("not urgent", "不紧急"),
    "priority.customer": ("customer of level {level}", "{level} 级客户"),
    "priority.row": ("line {row} of desk.priority", "desk.priority 第 {row} 行"),
    "priority.safety": ("safety: at least {least}", "安全类：不低于 {least}"),
    "desk.no_objection": ("nobody objected: closed by the desk", "无人提出异议，系统自动关闭"),
    "word.code.fault": ("fault", "故障"),
    "word.code.cause": ("cause", "原因"),
    "word.code.remedy": ("remedy", "处理措施"),
    "desk.unknown_code": (
        "{written!r} is no {kind} of the list; write for example: {write}",
        "{written!r} 不在{kind}代码表中，可填写：{write}",
    ),
    "desk.urgency": ("{written!r} is no urgency; write one of: {allowed}", "{written!r} 不是紧急程度，请填写其一：{allowed}"),
    "desk.hold_reason": (
        "{reason!r} is no reason of a hold; write one of: {allowed}; what else there is to say belongs in note",
        "{reason!r} 不是挂起原因，请填写其一：{allowed}；其他说明写入 note",
    ),
    "orders.pause_on": (
        "{value!r} is no reason of a hold ({known}); write {near}, or add it to desk.hold_reasons",
        "{value!r} 不是挂起原因（现有 {known}）；请写 {near}，或在 desk.hold_reasons 中添加",
    ),
    "orders.hold_mapping": (
        "{value!r} is no reason of a hold ({known}); write {near}",
        "{value!r} 不是挂起原因（现有 {known}）；请写 {near}",
    ),
    "desk.merge_self": ("order {no} cannot be merged into itself", "工单 {no} 不能与自身合并"),
    "desk.merge_target": (
        "order {no} cannot be merged into {into}: that order is done already; possible: {possible}",
        "工单 {no} 不能并入 {into}：该工单已处理完毕；可以：{possible}",
    ),
    "desk.merge_kind": (
        "order {no} is the work of a plan, a storm or a batch: it cannot be merged; possible: {possible}",
        "工单 {no} 属于维保计划、告警风暴或批量工单，不能合并；可以：{possible}",
    ),
    "desk.merge_safety": (
        "order {no} is one of safety, order {into} is not: merge them the other way round; possible: {possible}",
        "工单 {no} 为安全类，工单 {into} 不是；请反向合并；可以：{possible}",
    ),
}
