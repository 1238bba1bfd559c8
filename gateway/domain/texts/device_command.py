"""Commands to devices: their states, refusals, and mistakes in the files that allow them."""

_STATES = {
    "awaiting_approval": ("awaiting approval", "待批准"), "approved": ("approved", "已批准"),
    "refused": ("refused", "已驳回"), "expired": ("expired", "已过期"), "not_sent": ("not sent", "未下发"),
    "sent": ("sent", "已下发"), "handed_over": ("sent, no answer expected", "已下发（设备不应答）"),
    "answered_ok": ("answered: ok", "设备应答成功"), "answered_error": ("answered: error", "设备应答失败"),
    "timed_out": ("no answer in time", "应答超时"), "uncertain": ("uncertain", "结果不明"),
    "settled": ("settled by a person", "已人工确认"),
}  # fmt: skip
_VERIFICATIONS = {
    "none": ("not asked for", "无需核对"), "pending": ("under way", "核对中"), "verified": ("verified", "核对一致"),
    "not_verified": ("not verified", "核对不一致"),
}  # fmt: skip
_ACTS = {
    "approve": ("approve", "批准"), "refuse": ("refuse", "驳回"), "settle": ("settle", "人工确认"),
}  # fmt: skip
_EVENTS = {
    "request": ("requested", "提交"), "approve": ("approved", "批准"), "refuse": ("refused", "驳回"),
    "expire": ("expired", "过期"), "send": ("sent", "下发"), "fail_to_send": ("not sent", "未下发"),
    "hand_over": ("handed over", "已交付"), "answer_ok": ("answered: ok", "应答成功"),
    "answer_error": ("answered: error", "应答失败"), "time_out": ("no answer in time", "应答超时"),
    "lose": ("cut off", "中断"), "verify": ("verified", "核对一致"), "fail_to_verify": ("not verified", "核对不一致"),
    "settle": ("settled", "人工确认"),
}  # fmt: skip
_HELP = (
    ("Commands to devices, by the running gateway: what is allowed, send, approve, follow.", "通过运行中的网关下发设备指令：查看允许的指令，下发、批准和跟踪。"),
    (
        "Show what the configuration allows for a device, with the limits of each parameter.",
        "显示配置允许对设备下发的指令及各参数的限值。",
    ),
    (
        "Request a command. It is sent at once, or after a second person has approved it. Parameters are written NAME=VALUE.",
        "提交一条设备指令：立即下发，或经第二人批准后下发。参数写作 NAME=VALUE。",
    ),
    ("List commands, newest first.", "列出设备指令，新的在前。"),
    ("Show a command with its audit.", "显示一条设备指令及其审计记录。"),
    ("Approve a command of another person; it is sent at once.", "批准他人提交的设备指令；随即下发。"),
    ("Refuse a command, or take back your own: it is never sent.", "驳回设备指令，或撤回自己提交的：不会下发。"),
    (
        "Record what a person found at the device, where the gateway does not know whether it carried a command out.",
        "网关不知道设备是否执行了指令时，记录人在现场看到的结果。",
    ),
    ("File with the API key of the person who acts. [default: the admin key in data_dir]", "操作人的 API 密钥文件。[默认：data_dir 中的管理员密钥]"),
    ("Number of the component; 0 = the device itself.", "部件号；0 为设备本身。"),
    ("Words for the audit.", "写入审计的说明。"),
    ("Why; it goes into the audit.", "原因，写入审计。"),
    ("Idempotency key: the same key again sends nothing. [default: a new one]", "幂等键：同一个键再次提交不会重复下发。[默认：新生成]"),
    ("Only commands to this device.", "只列出该设备的指令。"),
    ("Only those that wait for a person, the device or the read-back.", "只列出等待人、设备或回读的指令。"),
)  # fmt: skip
TEXTS: dict[str, tuple[str, str]] = {
    **{f"help.{pair[0]}": pair for pair in _HELP},
    **{f"command.state.{name}": pair for name, pair in _STATES.items()},
    **{f"command.verification.{name}": pair for name, pair in _VERIFICATIONS.items()},
    **{f"command.act.{name}": pair for name, pair in _ACTS.items()},
    **{f"command.event.{name}": pair for name, pair in _EVENTS.items()},
    "command.outcome.done": ("done", "已执行"),
    "command.outcome.not_done": ("not done", "未执行"),
    "possible.approve": ("approve", "批准"),
    "possible.refuse": ("refuse", "驳回"),
    "possible.settle": ("settle", "人工确认"),
    "possible.read_command": ("read the device command", "查看设备指令"),
    "command.type.number": ("a number", "数字"),
    "command.type.integer": ("a whole number", "整数"),
    "command.type.text": ("a text", "文字"),
    "command.type.flag": ("true or false", "true 或 false"),
    "command.unknown_command": ("there is no device command {id}", "没有设备指令 {id}"),
    "command.not_allowed_here": (
        "the configuration allows no command {name!r} for device {device}; allowed: {known}",
        "配置不允许对设备 {device} 下发指令 {name!r}；允许的有：{known}",
    ),
    "command.component": (
        "command {name!r} goes to a component from {low} to {high}", "指令 {name!r} 的部件号须在 {low} 到 {high} 之间",
    ),
    "command.parameter_unknown": ("there is no parameter {name!r}; known: {known}", "没有参数 {name!r}；可用：{known}"),
    "command.parameter_missing": ("parameter {name!r} is missing", "缺少参数 {name!r}"),
    "command.parameter_type": ("parameter {name!r} must be {type}", "参数 {name!r} 必须是{type}"),
    "command.parameter_value": (
        "{value!r} is no value of parameter {name!r}; write one of {known}",
        "参数 {name!r} 不能取 {value!r}；请写其中之一：{known}",
    ),
    "command.parameter_text": (
        "parameter {name!r} is one line of at most {most} characters", "参数 {name!r} 只能是一行，最多 {most} 个字符",
    ),
    "command.parameter_range": (
        "parameter {name!r} is {value}; it must lie between {low} and {high} {unit}",
        "参数 {name!r} 为 {value}，须在 {low} 到 {high} {unit} 之间",
    ),
    "command.too_many": (
        "this device was sent {most} commands within a minute, which is the most; wait a minute",
        "该设备一分钟内已有 {most} 条指令，达到上限；请等一分钟",
    ),
    "command.not_now": ("command {id} is {state}: {act} is not possible now", "指令 {id} 当前为“{state}”，不能{act}"),
    "command.too_late": (
        "command {id} was not approved in time; request it again", "指令 {id} 已超过批准时限；请重新提交",
    ),
    "command.not_allowed": ("role {role} may not {act} command {id}", "角色 {role} 无权对指令 {id} 执行“{act}”"),
    "command.second_person": (
        "command {id} must be approved by another person than the one who requested it", "指令 {id} 须由提交人以外的人批准",
    ),
    "command.needs_reason": ("this needs a reason", "请填写原因"),
    "command.cut_off": (
        "the gateway stopped between the sending and the answer: look at the device, then settle the command",
        "网关在下发后、应答前停止：请查看设备，再人工确认该指令",
    ),
    "command.no_source": ("the source that sends it does not run", "负责下发的数据源未运行"),
    "command.device_gone": ("the device is no longer in service", "设备已不在用"),
    "command.no_longer_allowed": ("the configuration no longer allows it", "配置已不允许该指令"),
    "command.no_longer_fits": ("its parameters no longer fit the limits", "参数已超出现行限值"),
    "command.not_read_back": (
        "no reading after the sending showed the expected value in time", "下发后，时限内没有读数达到期望值",
    ),
    "command.none": ("no commands", "没有指令"),
    "command.none_allowed": ("the configuration allows no commands for {device}", "配置不允许对 {device} 下发任何指令"),
    "command.approved_by": ("approval: {role}", "须经 {role} 批准"),
    "command.approved_by_nobody": ("no approval", "无需批准"),
    "command.line.reason": ("reason: {text}", "原因：{text}"),
    "command.line.answer": ("answer: {text}", "应答：{text}"),
    "command.line.acts": ("possible now: {acts}", "现在可以：{acts}"),
    "command.line.verified": ("{state}, read-back {verified}", "{state}，回读{verified}"),
    "command.key_file": ("{path} cannot be read: {error}", "无法读取 {path}：{error}"),
    "doctor.commands": (
        "commands to devices by {source}: {names} allowed, {devices} devices", "{source} 可下发的设备指令：{names}，设备 {devices} 台",
    ),
    "doctor.no_commands": ("commands to devices: none allowed", "设备指令：均未允许"),
    "command.no_connection": ("there is no connection", "没有连接"),
    "command.needs_mqtt5": (
        "its answer can be recognised in MQTT 5 only: write correlation, a field of the answer",
        "只有 MQTT 5 才能识别其应答：请写 correlation（应答中的字段）",
    ),
    "command.broadcast": ("unit 0 would be all units of the bus at once", "单元号 0 会对总线上全部设备生效"),
    "command.line_busy": ("the line was not free in time", "时限内线路一直被占用"),
    "modbus.command_value_or_parameter": (
        "write value or parameter, exactly one of them", "value 与 parameter 必须且只能写一个",
    ),
    "modbus.command_single": (
        "{count} registers cannot be written by function 6; write function: multiple",
        "功能码 6 不能写 {count} 个寄存器；请写 function: multiple",
    ),
    "modbus.command_value": ("this cannot be written: {reason}", "无法写入：{reason}"),
    "modbus.command_unused": ("parameter {name!r} is not written anywhere", "参数 {name!r} 没有写入任何位置"),
    "command.no_topic": (
        "a name in braces has no value for this device, or its value cannot stand in a topic",
        "花括号中的某个名称对该设备没有取值，或其取值不能用于主题",
    ),
    "command.broker_refused": ("the broker refused the message", "MQTT 服务器拒绝了该消息"),
    "command.no_answer": ("no answer in time", "时限内没有应答"),
    "command.unreadable": ("the answer cannot be read", "应答无法解读"),
    "mqtt.command_topic": (
        "{got!r} is no topic for a command: no wildcards, no $ at the start, names in braces",
        "{got!r} 不能用作指令主题：不能有通配符，不能以 $ 开头，名称写在花括号中",
    ),
    "mqtt.command_correlation": (
        "an answer must name its command: write correlation (a field that repeats {{command_id}}) or correlation_data: true",
        "应答必须指明所属指令：请写 correlation（重复 {{command_id}} 的字段）或 correlation_data: true",
    ),
    "mqtt.command_bare": (
        "success without path reads the whole payload as one word: then there is no field for correlation or message",
        "success 不写 path 时，整个负载就是一个词：这时不能有 correlation 或 message 字段",
    ),
    "mqtt.command_payload": ("a payload is a text, an object or a list", "负载须为文字、对象或列表"),
    "mqtt.command_open_text": (
        "parameter {name!r} is a free text: write the payload as an object, or give the parameter values",
        "参数 {name!r} 是任意文字：请把负载写成对象，或给参数写 values",
    ),
    "mqtt.command_unused": ("parameter {name!r} does not occur in the payload", "负载中没有用到参数 {name!r}"),
    "mqtt.command_no_id": (
        "the answer repeats {{command_id}}, so the payload must hold it", "应答要重复 {{command_id}}，负载中必须带上它",
    ),
    "config.command.limits": (
        "a number needs limits: write min and max, or values", "数字参数须有限值：请写 min 和 max，或写 values",
    ),
    "config.command.min_max": ("min {min} is above max {max}", "min {min} 大于 max {max}"),
    "config.command.text_limits": (
        "a text needs values or max_length", "文字参数须写 values 或 max_length",
    ),
    "config.command.only_number": ("only numbers have {name}", "只有数字参数才有 {name}"),
    "config.command.only_text": ("only texts have max_length", "只有文字参数才有 max_length"),
    "config.command.expected": ("write equals or parameter, exactly one of them", "equals 与 parameter 必须且只能写一个"),
    "config.command.no_sending": (
        "nothing describes how it is sent; write one of: {known}", "没有写明如何下发；请写其中之一：{known}",
    ),
    "config.command.title": ("write a title in English or Chinese", "请写中文或英文名称"),
    "config.command.point": ("the profile has no point {value!r}; points: {known}", "型号没有测点 {value!r}；测点有：{known}"),
    "config.command.point_each": (
        "{value!r} is a point of each component: write each: true for the command",
        "{value!r} 是部件的测点：请给指令写 each: true",
    ),
    "config.command.parameter": ("there is no parameter {value!r}; known: {known}", "没有参数 {value!r}；可用：{known}"),
    "config.command.kind": (
        "{value!r} and what is expected are not of one kind: a state point is compared with texts, the others with numbers",
        "{value!r} 与期望值类型不符：状态测点与文字比较，其余与数字比较",
    ),
    "config.command.state": (
        "{value!r} is no declared value of state point {point!r}; values: {known}",
        "{value!r} 不是状态测点 {point!r} 声明的取值；取值有：{known}",
    ),
    "config.command.unit": (
        "{unit} and the unit of the point, {point}, are not of one kind", "{unit} 与测点单位 {point} 不是同类单位",
    ),
    "config.command.no_device": ("no device has a code like {value!r}", "没有编号符合 {value!r} 的设备"),
    "config.command.twice": (
        "source {first} allows {value!r} for device {device}, too: only one source may; name devices in one of them",
        "数据源 {first} 也允许对设备 {device} 下发 {value!r}：只能由一个数据源下发；请在其中之一写 devices",
    ),
    "config.command.unknown": ("no profile has a command {value!r}; known: {known}", "没有型号定义指令 {value!r}；可用：{known}"),
    "config.command.no_form": (
        "no profile describes how {value!r} is sent by {adapter}", "没有型号写明 {value!r} 如何通过 {adapter} 下发",
    ),
    "config.command.cannot": ("this source cannot send {value!r}: {why}", "该数据源不能下发 {value!r}：{why}"),
}
