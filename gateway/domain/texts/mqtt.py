"""Texts of the MQTT source: mistakes in its part of the configuration, and their corrections."""

TEXTS: dict[str, tuple[str, str]] = {
    "mqtt.url": (
        "{got!r} is not a broker address; write mqtt://host, mqtt://host:1883, mqtts://host:8883, ws://host/path or wss://host/path (user name, password and tokens have their own keys)",
        "{got!r} 不是 MQTT 服务器的地址；请写 `mqtt://主机`、`mqtt://主机:1883`、`mqtts://主机:8883`、`ws://主机/路径` 或 `wss://主机/路径`（用户名、密码和令牌另有配置项）",
    ),
    "mqtt.tls_only": (
        "{got} needs an encrypted connection; write url: mqtts://… or wss://…, or remove it",
        "{got} 只用于加密连接；请写 url: mqtts://… 或 wss://…，或删去它",
    ),
    "mqtt.header": (
        "headers: {got} cannot be set; write names of letters, digits and -, values on one line, and none that belong to the WebSocket itself",
        "headers：无法设置 {got}；名称只含字母、数字和 -，值须为单行，且不能是 WebSocket 自身的请求头",
    ),
    "mqtt.headers_only": (
        "headers are for WebSocket connections; write url: ws://… or wss://…, or remove them",
        "headers 只用于 WebSocket 连接；请写 url: ws://… 或 wss://…，或删去它",
    ),
    "mqtt.presence_nothing": (
        "presence has neither topics nor timeout, so no device could ever be offline; write at least one of them",
        "presence 既没有 topics 也没有 timeout，设备永远不会离线；请至少写一项",
    ),
    "mqtt.presence_shared": (
        "{got!r}: births and wills must reach this gateway, and a shared subscription gives them to any member; write the topic without $share/group/",
        "{got!r}：上线与遗嘱消息必须到达本网关，而共享订阅会交给任一成员；请去掉 $share/组名/",
    ),
    "mqtt.presence_words": (
        "online and offline need at least one word each, and none in common",
        "online 与 offline 各需至少一个词，且不能相同",
    ),
    "mqtt.presence_point": (
        "no profile has a state point {point} of the device itself; write it into the profiles whose devices are to have a presence: {point}: {{kind: state, values: [online, offline]}}",
        "没有任何型号含有属于设备本身的状态测点 {point}；请在需要在线状态的型号中写 {point}: {{kind: state, values: [online, offline]}}",
    ),
    "mqtt.publish_topic": (
        "{got!r} is no topic to publish to: no +, no #, no $ at the start, in braces only device, site or the name of a column of the device list",
        "{got!r} 不能作为发布的主题：不能含 + 或 #，不能以 $ 开头，花括号内只能写 device、site 或设备清单的列名",
    ),
    "mqtt.publish_profiles": (
        "{got!r} names no device, so profiles would mean nothing; write {{device}} into topic or payload, or remove profiles",
        "{got!r} 没有指明设备，profiles 不起作用；请在 topic 或 payload 中写 {{device}}，或删去 profiles",
    ),
    "mqtt.publish_no_profile": (
        "no profile is called {got}; known: {known}",
        "没有名为 {got} 的型号；已有：{known}",
    ),
    "mqtt.publish_nobody": (
        "{got!r} is published for no device: none in the list is of its profiles and has all of: {names}",
        "{got!r} 不会为任何设备发布：清单中没有属于这些型号且具备以下各项的设备：{names}",
    ),
    "mqtt.publish_some": (
        "{got!r} is not published for {devices}: not all of {names} stand in the device list",
        "{got!r} 不会为 {devices} 发布：设备清单中未写全：{names}",
    ),
    "mqtt.status_words": (
        "online and offline are both {got!r}; write two different texts",
        "online 与 offline 都是 {got!r}；请写两个不同的文本",
    ),
    "mqtt.presence_state": (
        "{got!r}: with state every message of the topic means the same, so path, online and offline would mean nothing; remove them or state",
        "{got!r}：写了 state，该主题的每条消息含义相同，path、online、offline 不起作用；请删去它们或 state",
    ),
    "mqtt.presence_zone": (
        "{got!r}: its times have no zone; write time.zone",
        "{got!r}：其时间没有时区；请写 time.zone",
    ),
    "mqtt.presence_profile_nothing": (
        "nothing differs for this profile; write timeout or debounce, or remove it",
        "该型号没有任何不同之处；请写 timeout 或 debounce，或删去它",
    ),
    "mqtt.presence_no_profile": (
        "no profile is called {got}; known: {known}",
        "没有名为 {got} 的型号；已有：{known}",
    ),
    "mqtt.presence_of_nothing": (
        "presence_timeout of a route means something only with presence; write presence: {{}} for the source, or remove it",
        "路由的 presence_timeout 只在配置了 presence 时起作用；请在数据源中写 presence: {{}}，或删去它",
    ),
    "mqtt.two_wills": (
        "a connection has one will, and both status and sparkplug.host_id need it; remove one of them",
        "一个连接只有一个遗嘱，而 status 与 sparkplug.host_id 都要用它；请删去其中之一",
    ),
    "mqtt.sparkplug_id": (
        "{got!r} is no identifier of Sparkplug: one level of a topic, without /, + and #, and not STATE",
        "{got!r} 不是 Sparkplug 标识：它是主题的一级，不含 /、+ 和 #，也不能是 STATE",
    ),
    "mqtt.sparkplug_code": (
        "{got}: without {{{name}}} all of them would have one code; write {{{name}}} into it",
        "{got}：没有 {{{name}}} 时所有设备的编号都相同；请写入 {{{name}}}",
    ),
    "mqtt.sparkplug_point": (
        "{got}: a metric has its value and its time already; remove {keys}",
        "{got}：metric 自带数值和时间；请删去 {keys}",
    ),
    "mqtt.sparkplug_unfilled": (
        "{got}: no profile has a point {point}; known: {known}",
        "{got}：没有任何型号含有测点 {point}；已有：{known}",
    ),
    "mqtt.sparkplug_nobody": (
        "{got!r} can give no code of the device list (as {example}); correct it or the list",
        "{got!r} 无法得出设备清单中的任何编号（如 {example}）；请改正它或清单",
    ),
    "mqtt.cert_pair": (
        "a client certificate needs both cert_file and key_file; write both or none",
        "客户端证书需要同时给出 cert_file 和 key_file；请两者都写或都不写",
    ),
    "mqtt.password_twice": (
        "password and password_file are both given; write one of them",
        "password 与 password_file 同时给出；请只写其中之一",
    ),
    "mqtt.password_alone": (
        "a password without username is not sent by most brokers' rules; write username too",
        "只有密码没有用户名；请同时写 username",
    ),
    "mqtt.range": ("{got} is out of range; write {low} to {high}", "{got} 超出范围；请写 {low} 到 {high}"),
    "mqtt.backoff": ("min {low} is longer than max {high}; swap them", "min {low} 大于 max {high}；请对调"),
    "mqtt.share_overlap": (
        "{got} and {other} share topics and one of them is shared: copies of a message could reach several gateways; write filters that do not overlap, or one that covers the other in the same group",
        "{got} 与 {other} 有共同的主题，且其中有共享订阅：同一消息的副本可能到达多个网关；请写互不重叠的过滤器，或在同一组内使用能覆盖另一个的过滤器",
    ),
}  # fmt: skip
