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
    "mqtt.no_routes": (
        "no route: nothing would be read; write at least one entry under routes",
        "没有路由，什么都读不到；请在 routes 下至少写一条",
    ),
    "mqtt.filter_share": (
        "{got!r} is not a shared filter; write $share/group/filter, the group without {{}}, + and #",
        "{got!r} 不是合法的共享过滤器；请写 $share/组名/过滤器，组名中不要有 {{}}、+ 和 #",
    ),
    "mqtt.share_overlap": (
        "{got} and {other} share topics and one of them is shared: copies of a message could reach several gateways; write filters that do not overlap, or one that covers the other in the same group",
        "{got} 与 {other} 有共同的主题，且其中有共享订阅：同一消息的副本可能到达多个网关；请写互不重叠的过滤器，或在同一组内使用能覆盖另一个的过滤器",
    ),
    "mqtt.filter_wildcard": (
        "{got!r}: write {{name}} for one level and {{name*}} for the rest instead of + and #",
        "{got!r}：一层请写 {{name}}，其余各层请写 {{name*}}，不要写 + 和 #",
    ),
    "mqtt.filter_level": (
        "{got!r}: {level!r} is not a level; write a text, {{name}}, or both with text between two names (gun_{{n}}), and {{name*}} alone and only at the end",
        "{got!r}：{level!r} 不是合法的一层；请写文字、{{name}}，或两者组合（如 gun_{{n}}，两个名称之间须有文字）；{{name*}} 须单独成层且只能在最后",
    ),
    "mqtt.filter_twice": (
        "{got!r}: the name {{{level}}} stands twice; give each level its own name",
        "{got!r}：名称 {{{level}}} 出现两次；请为每层取不同的名称",
    ),
    "mqtt.capture": (
        "{got!r} uses {{{level}}}, which the filter does not capture; it captures: {known}",
        "{got!r} 用到 {{{level}}}，但过滤器没有捕获它；已捕获：{known}",
    ),
    "mqtt.template": (
        "{got!r} has an open or empty brace; write {{name}}",
        "{got!r} 中的花括号不成对或为空；请写 {{name}}",
    ),
    "mqtt.path": (
        '{got!r} is not a path at position {at}; write a.b, a[0].b, ["odd:key"], list[Type=Vehicle].x, $.x (from the top of the message) or . (the whole payload)',
        '{got!r} 在第 {at} 个字符处不是合法路径；请写 a.b、a[0].b、["odd:key"]、list[Type=Vehicle].x、$.x（从消息顶层）或 .（整个负载）',
    ),
    "mqtt.path_star": (
        '{got!r}: [*] belongs into each only; write each: "data[*]" and paths relative to one element',
        '{got!r}：[*] 只能用于 each；请写 each: "data[*]"，路径则相对于单个元素',
    ),
    "mqtt.each": (
        '{got!r} has no star; write each: "data[*]" or "[*]" for a list, "*" or "sites.*" for an object whose keys are data, "*[*]" for both',
        '{got!r} 中没有星号；列表请写 each: "data[*]" 或 "[*]"，以键名为数据的对象请写 "*" 或 "sites.*"，两者兼有请写 "*[*]"',
    ),
    "mqtt.each_key": (
        "the filter captures {got}, and so does each from the keys of the message; choose another name in the filter",
        "过滤器已捕获 {got}，而 each 也用它表示消息中的键名；请在过滤器中换一个名称",
    ),
    "mqtt.text_mix": (
        'path: "." means the payload is one bare value; then every point of the route needs path: "." and {got} cannot be used',
        'path: "." 表示负载就是一个值；此时该路由的每个测点都要写 path: "."，且不能使用 {got}',
    ),
    "mqtt.device": (
        '{got!r} is not a device; write "{{name}}", a fixed code, or {{path: dev.id}}',
        '{got!r} 不是设备；请写 "{{name}}"、固定编号，或 {{path: dev.id}}',
    ),
    "mqtt.component": (
        '{got!r} is not a component; write 1, "{{name}}", {{path: gun, add: 1}} or {{capture: gun, add: 1}}',
        '{got!r} 不是部件（枪号）；请写 1、"{{name}}"、{{path: gun, add: 1}} 或 {{capture: gun, add: 1}}',
    ),
    "mqtt.component_of": (
        "give path (in the message) or capture (in the topic), exactly one of them",
        "path（消息内）与 capture（主题内）必须且只能写一个",
    ),
    "mqtt.time_unit": (
        "{got!r} is not a time unit; write s, ms, us, ns, iso, parts or a pattern such as %Y%m%d%H%M%S",
        "{got!r} 不是时间单位；请写 s、ms、us、ns、iso、parts，或 %Y%m%d%H%M%S 这样的格式",
    ),
    "mqtt.zone": (
        "unknown time zone {got!r}; write an IANA name such as Asia/Shanghai",
        "未知时区 {got!r}；请写 IANA 名称，例如 Asia/Shanghai",
    ),
    "mqtt.zone_unused": (
        "zone does nothing for epoch times ({got}); remove it",
        "纪元时间（{got}）与时区无关；请删去 zone",
    ),
    "mqtt.scale": ("scale {got} would make every value the same; write a finite number other than 0",
                   "scale {got} 会使所有值相同；请写非 0 的有限数"),
    "mqtt.when": (
        "write equals: value, equals: [a, b], or exists: true/false, exactly one of them",
        "请写 `equals: 值`、`equals: [a, b]` 或 `exists: true/false`，且只写一个",
    ),
    "mqtt.points": ("a route without points reads nothing; write at least one point",
                    "没有测点的路由读不到任何东西；请至少写一个测点"),
    "mqtt.unreachable": (
        "route {first} takes every message of route {got}, which would never be used; write when on route {first}, or move it to the end",
        "第 {first} 条路由会接走第 {got} 条的全部消息，后者永远用不到；请给第 {first} 条写 when，或把它移到最后",
    ),
    "mqtt.no_path": (
        "{got} without path: that sets something for one name of a templated point, and no point of this route is named by a template; write path: …",
        "{got} 没有 path：这种写法只用于按模板命名的测点，而该路由没有这样的测点；请写 path: …",
    ),
    "mqtt.bind_point": (
        "no device this route can reach has a point {got}; the points of {profiles} are: {known}",
        "该路由能到达的设备都没有测点 {got}；{profiles} 的测点有：{known}",
    ),
    "mqtt.bind_template": (
        "{got} can name no point of {profiles}, whose points are: {known}",
        "{got} 得不出 {profiles} 的任何测点名；其测点有：{known}",
    ),
    "mqtt.beside_unused": (
        "no template of this route gives the name {got}, so this is never used; templates: {known}",
        "该路由的模板得不出名称 {got}，此项永远用不到；模板有：{known}",
    ),
    "mqtt.bind_each": (
        "point {point} of profile {profile} is one per connector; write component: 1, \"{{gun}}\" or {{path: …}}",
        "型号 {profile} 的测点 {point} 每把枪各有一个；请写 component: 1、\"{{gun}}\" 或 {{path: …}}",
    ),
    "mqtt.bind_alone": (
        "point {point} of profile {profile} is that of the device itself, not of a connector; remove component, or write each: true in the profile",
        "型号 {profile} 的测点 {point} 属于设备本身，不属于枪；请删去 component，或在型号中写 each: true",
    ),
    "mqtt.bind_component": (
        "there is no connector {got}: devices of profile {profile} have at most {most}",
        "没有第 {got} 枪：型号 {profile} 的设备最多 {most} 枪",
    ),
    "mqtt.suits_others": (
        "{points} do not suit these points of {profiles}, whose readings would be bad or lost; if the route is not for them, write profiles: [{fits}]",
        "{points} 与 {profiles} 的同名测点不符，其读数会无效或丢失；若该路由不用于这些型号，请写 profiles: [{fits}]",
    ),
    "mqtt.no_profile": ("there is no profile {got}; known: {known}", "型号 {got} 不存在；已有：{known}"),
    "mqtt.no_device_fits": (
        "no device in the list has a code that {got} can give (there is, for example, {example}); correct it, or add the devices",
        "设备清单中没有编号符合 {got} 的设备（清单中例如有 {example}）；请改正，或添加设备",
    ),
    "mqtt.covers_all": (
        "{place} {filter}: fills all {all} points of {profile}: {fills}",
        "{place} {filter}：可填充 {profile} 的全部 {all} 个测点：{fills}",
    ),
    "mqtt.covers_some": (
        "{place} {filter}: fills {count} of {all} points of {profile}: {fills}; not: {rest}",
        "{place} {filter}：可填充 {profile} 的 {count}/{all} 个测点：{fills}；未涉及：{rest}",
    ),
    "mqtt.bind_unit": (
        "{got} does not fit point {point} of profile {profile}, which is stored in {unit}; write a unit of the same kind",
        "{got} 与型号 {profile} 的测点 {point}（以 {unit} 存储）量纲不符；请写同类单位",
    ),
    "mqtt.bind_map": (
        "point {point} of profile {profile} is a number, but map gives the text {got!r}; write numbers in map",
        "型号 {profile} 的测点 {point} 是数值，而 map 给出文字 {got!r}；请在 map 中写数字",
    ),
}  # fmt: skip
