"""Texts of the API and its configuration."""

TEXTS: dict[str, tuple[str, str]] = {
    "api.host": (
        "{got!r} is not an IP address; write 127.0.0.1, or 0.0.0.0 with `tls` or behind a TLS proxy",
        "{got!r} 不是 IP 地址；请写 127.0.0.1；配置了 tls 或位于 TLS 反向代理之后时可写 0.0.0.0",
    ),
    "api.plain": (
        "on {host} keys and personal data would cross the network in clear text; write tls: {{cert: FILE, key: FILE}}, or behind_tls_proxy: true when a proxy terminates TLS and cannot be bypassed",
        "在 {host} 上，密钥和个人数据会以明文经过网络；请配置 `tls: {{cert: 文件, key: 文件}}`；若前面有 TLS 反向代理且无人能绕过它，请写 `behind_tls_proxy: true`",
    ),
    "api.tls": (
        "the API cannot use {cert} with {key}: {reason}; both are PEM files, the certificate with its chain, the key without a password",
        "API 无法使用证书 {cert} 和私钥 {key}：{reason}；两者均为 PEM 文件，证书须含证书链，私钥不得有密码",
    ),
    "api.host_unknown": (
        "the request names another host; add it under api.hosts",
        "该网关不使用此主机名；如需增加主机名，请写入 api.hosts",
    ),
    "api.listen": (
        "cannot listen on {host}:{port}: {error}; write another port, or 0 for any free one",
        "无法监听 {host}:{port}：{error}；请换一个端口，或写 0 使用任意空闲端口",
    ),
    "api.admin_key": (
        "the admin key cannot be written to {path}: {error}",
        "无法写入管理员密钥 {path}：{error}",
    ),
    "api.unauthorized": (
        "a valid key is needed: Authorization: Bearer fg_…",
        "需要有效密钥：Authorization: Bearer fg_…",
    ),
    "api.forbidden": ("this is not allowed", "无权执行此操作"),
    "api.role": ("role {role} lacks the permission {permission}", "角色 {role} 没有 {permission} 权限"),
    "api.scope": (
        "a key that is bound to sites cannot be used for this",
        "限定场站的密钥不能用于此操作",
    ),
    "api.not_found": ("there is nothing at this address", "该地址下没有内容"),
    "api.method_not_allowed": ("this address does not take that method", "该地址不支持此方法"),
    "api.bad_request": ("the request cannot be understood", "无法理解该请求"),
    "api.json": ("the body is not JSON", "请求体不是 JSON"),
    "api.invalid": ("{count} thing(s) wrong with the request, see errors", "请求有 {count} 处错误，见 `errors`"),
    "api.too_large": ("the body is larger than {most} bytes", "请求体超过 {most} 字节"),
    "api.too_slow": ("the body did not arrive in time", "请求体未及时到达"),
    "api.slow_down": (
        "too many refused requests from this address; try again in {seconds} s",
        "该地址被拒绝的请求过多；请在 {seconds} 秒后重试",
    ),
    "api.callback_reused": (
        "this webhook-id was used before with another body: a repeat has the same bytes, another message another id",
        "该 webhook-id 曾用于不同的内容：重发应保持原始字节，新消息应使用新的 id",
    ),
    "api.internal": ("an internal error; it has been logged", "内部错误，已记录日志"),
    "api.store": ("a store is not available now; try again", "存储暂时不可用，请重试"),
    "api.busy": ("busy: send it again, it is carried out once only", "系统繁忙：请重发，只会执行一次"),
    "api.time": (
        "write an RFC 3339 time with its offset: 2026-11-22T06:00:00.123Z",
        "请写带时区的 RFC 3339 时间：2026-11-22T06:00:00.123Z",
    ),
    "api.duration": ("write a duration from 1ms to 10000d: 15m, 1h, 1d", "请写 1ms 到 10000d 的时长：15m、1h、1d"),
    "api.control_characters": ("the text holds control characters", "文本含有控制字符"),
    "api.cursor": ("this page cursor was not issued by this API", "该分页游标无效"),
    "api.range": ("`start` must lie before `end`", "`start` 必须早于 `end`"),
    "api.history": ("more than {most} readings; ask for a shorter time", "读数超过 {most} 条；请缩短时间范围"),
    "api.buckets": (
        "that makes more than {most} buckets: choose a longer `every` or a shorter range",
        "超过 {most} 个区间：请加大 every 或缩短时间范围",
    ),
    "api.unknown_device": ("there is no device {code}", "没有设备 {code}"),
    "api.unknown_point": ("device {code} has no such point", "设备 {code} 没有该测点"),
    "api.unknown_component": (
        "device {code} has components 0 to {most} (0 = the device itself)",
        "设备 {code} 的部件为 0 到 {most}（0 表示设备本身）",
    ),
    "api.unknown_state": (
        "profile {profile} has no state point {point}",
        "型号 {profile} 没有状态测点 {point}",
    ),
    "api.unknown_reading": ("there is no reading of {point} at this time", "{point} 在该时间没有读数"),
    "api.unknown_correction": ("there is no correction {id}", "没有更正 {id}"),
    "api.unknown_exchange": ("there is no meter exchange {id}", "没有换表记录 {id}"),
    "api.one_correction": (
        "give one of `value`, `bad: true`, or `factor` and `offset`", "请给出 value、bad: true、factor/offset 三者之一",
    ),
    "api.one_time": (
        "give `at` for one reading, or `start` and `end` for several; `value` goes with `at`",
        "单条读数请给出 at，多条读数请给出 start 和 end；value 只能与 at 一起使用",
    ),
    "api.number": ("write a finite number", "请填写有限的数值"),
    "api.unit": ("the unit {unit} does not measure what this point does ({own})", "单位 {unit} 与该测点的单位（{own}）量纲不同"),
    "api.state_scaled": ("{point} is a state: give its text as `value`", "{point} 是状态测点：请在 value 中填写状态"),
    "api.state_value": ("write one of the values of {point}: {known}", "请填写 {point} 的取值之一：{known}"),
    "api.no_counter": ("{point} is no counter: only a counter has a meter that is exchanged", "{point} 不是累计量：只有累计量才有换表"),
    "api.exchange_future": ("`at` lies in the future: tell of the exchange when it is done", "at 在未来：请在换表完成后再登记"),
    "api.final_below_last": (
        "the old meter's last value {final} {unit} is below its last reading {last} {unit}: correct that reading first, or the value",
        "旧表止码 {final} {unit} 低于其最后读数 {last} {unit}：请先更正该读数，或核对止码",
    ),
    "api.exchanged_then": (
        "exchange {id} of the same counter at the same time is in force", "同一累计量在同一时间已登记换表 {id}",
    ),
    "api.corrected_again": (
        "correction {id} stands on the same readings", "更正 {id} 又改过其中的读数",
    ),
    "api.exchanged_again": (
        "meter exchange {id}, recorded later, has changed the same counter", "之后登记的换表 {id} 又改过同一累计量的读数",
    ),
    "api.of_exchange": ("it belongs to meter exchange {id}", "该更正属于换表 {id}"),
    "possible.undo_exchange": ("take back meter exchange {id}", "撤销换表 {id}"),
    "possible.undo_later": ("take back correction {id} first", "先撤销更正 {id}"),
    "api.unknown_order": ("there is no such order", "没有该工单"),
    "api.unknown_alarm": ("there is no such alarm", "没有该告警"),
    "api.unknown_endpoint": ("there is no such endpoint", "没有该端点"),
    "api.no_test": (
        "endpoint {name} sends messages to customers: a test would reach a phone", "端点 {name} 向客户发送短信，测试会发到真实手机",
    ),
    "api.unknown_customer": ("there is no such customer", "没有该客户的任何记录"),
    "api.unknown_key": ("there is no such live key", "没有该有效密钥"),
    "api.unknown_type": ("write one of these types: {types}", "请填写以下类型之一：{types}"),
    "api.command_id": (
        "give `command_id` or the header Idempotency-Key, so that a repeat changes nothing",
        "请给出 command_id 或 Idempotency-Key 请求头，重复提交才不会重复生效",
    ),
    "api.if_match": ("If-Match takes the ETag of the order", "If-Match 应为工单的 ETag"),
    "api.clock.behind": (
        "the clock is {behind} behind the journal: timers wait until it has caught up or is set",
        "时钟比日志库落后 {behind}：计时器等待时钟追上或校准",
    ),
    "api.future": ("`occurred_at` lies in the future", "occurred_at 在未来"),
    "api.not_settled": (
        "delivery {id} is still under way: it is tried again by itself",
        "投递 {id} 仍在进行，会自动重试",
    ),
    "api.unknown_delivery": ("there is no delivery {id}", "没有投递 {id}"),
    "api.forgotten": (
        "the bytes of delivery {id} are no longer kept: it cannot be sent again", "投递 {id} 的内容已不再保存，无法重新发送",
    ),
    "api.import_over": ("import {id} ended after {chunks} chunks", "导入 {id} 已结束，共 {chunks} 块"),
    "api.chunk_out_of_order": (
        "chunk {expected} of import {id} is expected, not {got}", "导入 {id} 应收到第 {expected} 块，而不是 {got}",
    ),
    "possible.wait": ("wait: it is tried again by itself", "等待：系统会自动重试"),
    "possible.enable_endpoint": ("enable its endpoint, if it is disabled", "若端点已停用，先启用端点"),
    "possible.read_subject": ("read its alarm or order by the API", "通过 API 查看其对象的当前内容"),
    "possible.other_name": ("choose another name", "换一个名称"),
    "possible.create_admin_key": ("create another key of role admin first", "先创建另一个 admin 角色的密钥"),
    "possible.same_bytes": ("repeat it with the same bytes", "按原始字节重发"),
    "possible.new_webhook_id": ("send another message under a new webhook-id", "新消息使用新的 webhook-id"),
    "possible.begin_import": ("begin a new import", "新建一次导入"),
    "possible.send_chunk": ("send chunk {expected}", "发送第 {expected} 块"),
    "api.key_name": ("there is, or was, a key of this name: choose another", "该名称的密钥已存在或曾存在：请换一个"),
    "api.key_expired": ("`expires_at` lies in the past", "expires_at 已过去"),
    "api.last_admin": (
        "this is the last key of an admin: create another first",
        "这是最后一个管理员密钥：请先创建另一个",
    ),
    "api.signature": (
        "the callback is not signed with this endpoint's secret, or its time is wrong",
        "回调签名与该端点密钥不符，或时间戳偏差过大",
    ),
    "api.callback": ("the body of the callback is not valid, see errors", "回调内容有误，见 `errors`"),
}
