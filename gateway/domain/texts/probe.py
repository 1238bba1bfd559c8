"""`fieldgate probe` and `fieldgate plan`."""

_HELP = (
    (
        "Look at what is there and propose files for it. Reads only: nothing is published or written to a device.",
        "查看现场情况并生成配置文件。只读：不发布消息，也不写设备。",
    ),
    (
        "Listen at a broker and propose routes, profiles and a list of devices from the messages seen.",
        "监听消息服务器，根据收到的消息生成路由、型号和设备清单。",
    ),
    (
        ("Reads JSON, bare values, CSV and line protocol, and the birth messages of Home Assistant discovery, Zigbee2MQTT, "
        "Tasmota, Shelly and Homie. It connects under a name of its own and publishes nothing; a gateway may run beside it. "
        "Where a profile of the library fits, that one is proposed. Without --write the files are printed."),
        ("可识别 JSON、单个值、CSV 和行协议，以及 Home Assistant、Zigbee2MQTT、Tasmota、Shelly、Homie 的自描述消息。"
        "使用独立的客户端名连接，不发布任何消息，可与网关同时运行。有内置型号适用时直接采用。不加 --write 时只显示文件内容。"),
    ),
    (
        "Exit status 0 proposed, 1 nothing was seen or could be proposed, 2 not possible.",
        "退出码：0 已生成，1 没有收到消息或无法生成，2 无法执行。",
    ),
    ("The main file that has the SOURCE.", "含有该数据源（SOURCE）的主文件。"),
    ("How long to listen.", "监听时长。"),
    ("An MQTT filter; may be repeated. [default: #]", "MQTT 主题过滤器，可重复。[默认：#]"),
    (
        "User name at the broker; its password is taken from MQTT_PASSWORD.",
        "消息服务器的用户名；密码取自 MQTT_PASSWORD。",
    ),
    ("Authority of the broker's certificate.", "签发服务器证书的 CA。"),
    ("Client certificate.", "客户端证书。"),
    ("Key of the client certificate.", "客户端证书的私钥。"),
    ("Version of MQTT: `auto`, `5` or `3.1.1`.", "MQTT 版本：`auto`、`5` 或 `3.1.1`。"),
    ("Of local times in messages. [default: that of this machine]", "消息中本地时间的时区。[默认：本机时区]"),
    ("Write the files here.", "将文件写入此目录。"),
)  # fmt: skip

TEXTS: dict[str, tuple[str, str]] = {
    "probe.note.main": ("Proposed by fieldgate probe from the messages seen; check units and names before use", "由 fieldgate probe 根据收到的消息生成；使用前请核对单位和名称"),
    "probe.note.profile": ("Proposed from messages: check kinds and units, then set every, plausible and missing", "根据消息生成：请核对测点类型与单位，并补充 every、plausible、missing"),
    "probe.note.source": ("proposed by fieldgate probe", "由 fieldgate probe 生成"),
    "probe.note.unit": ("unit?", "单位？"),
    "probe.note.guess": ("the usual unit; the message names none", "常用单位，消息中未注明"),
    "probe.note.retained": ("every message has a time of its own", "每条消息自带时间"),
    "probe.listens": ("listening at {url} for {seconds} s: {filters}", "正在监听 {url}，{seconds} 秒：{filters}"),
    "probe.away": ("{where}: {why}", "{where}：{why}"),
    "probe.duration": ("{value} is no time to listen; write 10s to 1h", "{value} 不是有效的监听时长；请写 10s 至 1h"),
    "probe.source": ("there is no MQTT source {value}; known: {known}; an address begins with mqtt://", "没有名为 {value} 的 MQTT 数据源；已有：{known}；地址以 mqtt:// 开头"),
    "probe.seen": ("{messages} messages on {topics} topics", "收到 {messages} 条消息，{topics} 个主题"),
    "probe.dropped": ("{count} messages were not looked at: too long, or too many topics", "{count} 条消息未分析：过长或主题过多"),
    "probe.announced": ("{ecosystem} describes {count} entities or devices: their names and units are used", "{ecosystem} 声明了 {count} 个实体或设备，已采用其名称和单位"),
    "probe.model": ("profile {profile}: {points} points, {devices} devices, {routes} routes", "型号 {profile}：{points} 个测点，{devices} 台设备，{routes} 条路由"),
    "probe.library": ("profile {profile} of the library fits: {points} points, {devices} devices, {routes} routes", "内置型号 {profile} 适用：{points} 个测点，{devices} 台设备，{routes} 条路由"),
    "probe.nothing": ("there is nothing to propose; listen longer, or look at --topic", "没有可生成的内容；请延长监听时间，或检查 --topic"),
    "probe.left.bytes": ("{count} topics carry bytes; write payload: {{format: binary}} with the fields of the manual (such as {example})", "{count} 个主题的负载是二进制；请按说明书写 payload: {{format: binary}} 和各字段（例如 {example}）"),
    "probe.left.sparkplug": ("{count} topics are Sparkplug B, which is no matter of routes (such as {example})", "{count} 个主题属于 Sparkplug B，不用路由处理（例如 {example}）"),
    "probe.left.topic": ("{count} topics have characters that no filter can have (such as {example})", "{count} 个主题含有过滤器不允许的字符（例如 {example}）"),
    "probe.left.empty": ("{count} topics had empty messages alone (such as {example})", "{count} 个主题只有空消息（例如 {example}）"),
    "probe.left.no_points": ("{count} topics have nothing that can be a point (such as {example})", "{count} 个主题没有可作为测点的内容（例如 {example}）"),
    "probe.left.shapes": ("{count} kinds of message share a filter with others and cannot be told apart by a key (such as {example})", "{count} 种消息与其他消息共用过滤器，且无法按键区分（例如 {example}）"),
} | {f"help.{pair[0]}": pair for pair in _HELP}  # fmt: skip
