"""Texts of routes: mistakes in how messages are mapped to readings, and their corrections."""

TEXTS: dict[str, tuple[str, str]] = {
    "route.no_routes": (
        "no route: nothing would be read; write at least one entry under routes",
        "没有路由，什么都读不到；请在 routes 下至少写一条",
    ),
    "route.out_of_reach": (
        "no topic of this source fits {filter!r}: they begin with its name, {write!r}",
        "该数据源的主题都以其名称 {write!r} 开头，没有与 {filter!r} 相符的",
    ),
    "route.filter_share": (
        "{got!r} is not a shared filter; write $share/group/filter, the group without {{}}, + and #",
        "{got!r} 不是合法的共享过滤器；请写 $share/组名/过滤器，组名中不要有 {{}}、+ 和 #",
    ),
    "route.filter_wildcard": (
        "{got!r}: write {{name}} for one level and {{name*}} for the rest instead of + and #",
        "{got!r}：一层请写 {{name}}，其余各层请写 {{name*}}，不要写 + 和 #",
    ),
    "route.filter_level": (
        "{got!r}: {level!r} is not a level; write a text, {{name}}, or both with text between two names (gun_{{n}}), and {{name*}} alone and only at the end",
        "{got!r}：{level!r} 不是合法的一层；请写文字、{{name}}，或两者组合（如 gun_{{n}}，两个名称之间须有文字）；{{name*}} 须单独成层且只能在最后",
    ),
    "route.filter_twice": (
        "{got!r}: the name {{{level}}} stands twice; give each level its own name",
        "{got!r}：名称 {{{level}}} 出现两次；请为每层取不同的名称",
    ),
    "route.capture": (
        "{got!r} uses {{{level}}}, which the filter does not capture; it captures: {known}",
        "{got!r} 用到 {{{level}}}，但过滤器没有捕获它；已捕获：{known}",
    ),
    "route.template": (
        "{got!r} has an open or empty brace; write {{name}}",
        "{got!r} 中的花括号不成对或为空；请写 {{name}}",
    ),
    "route.path": (
        '{got!r} is not a path at position {at}; write a.b, a[0].b, ["odd:key"], list[Type=Vehicle].x, $.x (from the top of the message) or . (the whole payload)',
        '{got!r} 在第 {at} 个字符处不是合法路径；请写 a.b、a[0].b、["odd:key"]、list[Type=Vehicle].x、$.x（从消息顶层）或 .（整个负载）',
    ),
    "route.path_star": (
        '{got!r}: [*] belongs into each only; write each: "data[*]" and paths relative to one element',
        '{got!r}：[*] 只能用于 each；请写 each: "data[*]"，路径则相对于单个元素',
    ),
    "route.each": (
        '{got!r} has no star; write each: "data[*]" or "[*]" for a list, "*" or "sites.*" for an object whose keys are data, "*[*]" for both',
        '{got!r} 中没有星号；列表请写 each: "data[*]" 或 "[*]"，以键名为数据的对象请写 "*" 或 "sites.*"，两者兼有请写 "*[*]"',
    ),
    "route.each_key": (
        "the filter captures {got}, and so does each from the keys of the message; choose another name in the filter",
        "过滤器已捕获 {got}，而 each 也用它表示消息中的键名；请在过滤器中换一个名称",
    ),
    "route.text_mix": (
        'path: "." means the payload is one bare value; then every point of the route needs path: "." and {got} cannot be used',
        'path: "." 表示负载就是一个值；此时该路由的每个测点都要写 path: "."，且不能使用 {got}',
    ),
    "route.device": (
        '{got!r} is not a device; write "{{name}}", a fixed code, or {{path: dev.id}}',
        '{got!r} 不是设备；请写 "{{name}}"、固定编号，或 {{path: dev.id}}',
    ),
    "route.component": (
        '{got!r} is not a component; write 1, "{{name}}", {{path: gun, add: 1}} or {{capture: gun, add: 1}}',
        '{got!r} 不是部件（枪号）；请写 1、"{{name}}"、{{path: gun, add: 1}} 或 {{capture: gun, add: 1}}',
    ),
    "route.component_of": (
        "give path (in the message) or capture (in the topic), exactly one of them",
        "path（消息内）与 capture（主题内）必须且只能写一个",
    ),
    "route.time_unit": (
        "{got!r} is not a time unit; write s, ms, us, ns, iso, parts or a pattern such as %Y%m%d%H%M%S",
        "{got!r} 不是时间单位；请写 s、ms、us、ns、iso、parts，或 %Y%m%d%H%M%S 这样的格式",
    ),
    "route.zone": (
        "unknown time zone {got!r}; write an IANA name such as Asia/Shanghai",
        "未知时区 {got!r}；请写 IANA 名称，例如 Asia/Shanghai",
    ),
    "route.zone_unused": (
        "zone does nothing for epoch times ({got}); remove it",
        "纪元时间（{got}）与时区无关；请删去 zone",
    ),
    "route.scale": ("scale {got} would make every value the same; write a finite number other than 0",
                   "scale {got} 会使所有值相同；请写非 0 的有限数"),
    "route.when": (
        "write equals: value, equals: [a, b], or exists: true/false, exactly one of them",
        "请写 `equals: 值`、`equals: [a, b]` 或 `exists: true/false`，且只写一个",
    ),
    "route.points": ("a route without points reads nothing; write at least one point",
                    "没有测点的路由读不到任何东西；请至少写一个测点"),
    "route.unreachable": (
        "route {first} takes every message of route {got}, which would never be used; write when on route {first}, or move it to the end",
        "第 {first} 条路由会接走第 {got} 条的全部消息，后者永远用不到；请给第 {first} 条写 when，或把它移到最后",
    ),
    "route.no_path": (
        "{got} without path: that sets something for one name of a templated point, and no point of this route is named by a template; write path: …",
        "{got} 没有 path：这种写法只用于按模板命名的测点，而该路由没有这样的测点；请写 path: …",
    ),
    "route.bind_point": (
        "no device this route can reach has a point {got}; the points of {profiles} are: {known}",
        "该路由能到达的设备都没有测点 {got}；{profiles} 的测点有：{known}",
    ),
    "route.bind_template": (
        "{got} can name no point of {profiles}, whose points are: {known}",
        "{got} 得不出 {profiles} 的任何测点名；其测点有：{known}",
    ),
    "route.beside_unused": (
        "no template of this route gives the name {got}, so this is never used; templates: {known}",
        "该路由的模板得不出名称 {got}，此项永远用不到；模板有：{known}",
    ),
    "route.bind_each": (
        "point {point} of profile {profile} is one per connector; write component: 1, \"{{gun}}\" or {{path: …}}",
        "型号 {profile} 的测点 {point} 每把枪各有一个；请写 component: 1、\"{{gun}}\" 或 {{path: …}}",
    ),
    "route.bind_alone": (
        "point {point} of profile {profile} is that of the device itself, not of a connector; remove component, or write each: true in the profile",
        "型号 {profile} 的测点 {point} 属于设备本身，不属于枪；请删去 component，或在型号中写 each: true",
    ),
    "route.bind_component": (
        "there is no connector {got}: devices of profile {profile} have at most {most}",
        "没有第 {got} 枪：型号 {profile} 的设备最多 {most} 枪",
    ),
    "route.suits_others": (
        "{points} do not suit these points of {profiles}, whose readings would be bad or lost; if the route is not for them, write profiles: [{fits}]",
        "{points} 与 {profiles} 的同名测点不符，其读数会无效或丢失；若该路由不用于这些型号，请写 profiles: [{fits}]",
    ),
    "route.no_profile": ("there is no profile {got}; known: {known}", "型号 {got} 不存在；已有：{known}"),
    "route.no_device_fits": (
        "no device in the list has a code that {got} can give (there is, for example, {example}); correct it, or add the devices",
        "设备清单中没有编号符合 {got} 的设备（清单中例如有 {example}）；请改正，或添加设备",
    ),
    "route.covers_all": (
        "{place} {filter}: fills all {all} points of {profile}: {fills}",
        "{place} {filter}：可填充 {profile} 的全部 {all} 个测点：{fills}",
    ),
    "route.covers_some": (
        "{place} {filter}: fills {count} of {all} points of {profile}: {fills}; not: {rest}",
        "{place} {filter}：可填充 {profile} 的 {count}/{all} 个测点：{fills}；未涉及：{rest}",
    ),
    "route.bind_unit": (
        "{got} does not fit point {point} of profile {profile}, which is stored in {unit}; write a unit of the same kind",
        "{got} 与型号 {profile} 的测点 {point}（以 {unit} 存储）量纲不符；请写同类单位",
    ),
    "route.bind_map": (
        "point {point} of profile {profile} is a number, but map gives the text {got!r}; write numbers in map",
        "型号 {profile} 的测点 {point} 是数值，而 map 给出文字 {got!r}；请在 map 中写数字",
    ),
    "route.time_joined": (
        "several paths are joined to one text, which {got} cannot read; write iso or a pattern such as %Y-%m-%d %H:%M:%S",
        "多个路径会拼成一段文字，{got} 无法读取；请写 iso，或 %Y-%m-%d %H:%M:%S 这样的格式",
    ),
    "route.time_paths": (
        "{got!r} is no place of a time; write one path, or a list of two to four that are joined by a blank: [date, time]",
        "{got!r} 不是时间的位置；请写一个路径，或写两到四个路径的列表（以空格拼接）：[date, time]",
    ),
    "route.regex": (
        "{got!r} is not a regular expression at position {at}; correct it there",
        "{got!r} 在第 {at} 个字符处不是合法的正则表达式；请改正",
    ),
    "route.regex_groups": (
        "{got!r} has {count} groups; put exactly one pair of parentheses around the value, and write others as (?:…)",
        "{got!r} 有 {count} 个分组；请只用一对圆括号括住取值部分，其余写成 `(?:…)`",
    ),
    "route.value_and_path": (
        "value is a constant, path a place in the message; write one of them",
        "value 是常量，path 是消息中的位置；请只写其中之一",
    ),
    "route.value_alone": (
        "a constant is the same with every message; remove {got}",
        "常量对每条消息都相同；请删去 {got}",
    ),
    "route.default_alone": (
        "default is for what map does not list; write map too, or remove default",
        "default 用于 map 中没有的取值；请同时写 map，或删去 default",
    ),
    "route.unpack_fields": (
        "base64 and hex need fields ({{name: {{at: 0, type: u16}}}}) or holds: json, JSON has no fields; correct encoding {got}, holds or fields",
        "base64 和 hex 需要 fields（{{名称: {{at: 0, type: u16}}}}）或 holds: json，JSON 不能有 fields；请改正 encoding {got}、holds 或 fields",
    ),
    "route.unpack_json": (
        "length and order are of bytes; JSON has neither: remove them",
        "length 与 order 只用于字节，JSON 没有这两项；请删去",
    ),
    "route.unpack_path": (
        "{got!r} is the whole message; write the place of a text in it, or for the payload itself payload: {{format: binary, …}}",
        "{got!r} 是整条消息；请写其中一段文字的位置；若负载本身是二进制，请写 payload: {{format: binary, …}}",
    ),
    "route.csv_columns": ("columns {got} stand twice; give each its own name", "列 {got} 重复；请为每列取不同的名称"),
    "route.payload": (
        "{got!r} is not a format of a payload; write one of {known}",
        "{got!r} 不是负载格式；请写其中之一：{known}",
    ),
    "route.payload_none": (
        "payload: none is not looked at, so {got} cannot be read; write value: … there, or another format",
        "payload: none 的负载不被读取，{got} 无从取值；请在该处写 value: …，或换一种格式",
    ),
    "route.samples": (
        "samples need time (the moment of the first or the last one) without absent, and no each; correct the route",
        "samples 需要 time（第一个或最后一个采样的时刻），不能写 absent，也不能写 each；请改正该路由",
    ),
    "route.samples_time": (
        "samples have their moments by the step; remove time of {got}",
        "采样的时刻由步长决定；请删去 {got} 的 time",
    ),
    "route.samples_step": ("a time step of 0 puts all samples at one moment; write a step such as 15m",
                           "步长为 0 会使所有采样落在同一时刻；请写 15m 这样的步长"),
    "route.field_type": (
        "{got!r} is not a type of a field; write u8 to u64, i8 to i64, f32, f64, bcd(4), str(8), hex(6), u8.3 (one bit) or u16.4-7 (bits)",
        "{got!r} 不是字段类型；请写 u8 至 u64、i8 至 i64、f32、f64、bcd(4)、str(8)、hex(6)、u8.3（一位）或 u16.4-7（多位）",
    ),
    "route.field_bits": (
        "{got!r}: bits count from 0 to {most}, the lower one first; correct them",
        "{got!r}：位从 0 数到 {most}，低位在前；请改正",
    ),
}
