"""Texts of the Modbus source: its configuration, register maps, and messages at run time."""

TEXTS: dict[str, tuple[str, str]] = {
    "modbus.endpoint": (
        "{value!r} is not an address; write host:port, such as 10.0.3.7:502 or [fe80::1]:502",
        "{value!r} 不是地址；请写 `主机:端口`，例如 10.0.3.7:502 或 [fe80::1]:502",
    ),
    "modbus.range": ("{value} is out of range; write {low} to {high}", "{value} 超出范围；请写 {low} 到 {high}"),
    "modbus.no_devices": (
        "no devices; list them under devices, or write devices_from: registry",
        "没有设备；请在 devices 下列出，或写 devices_from: registry",
    ),
    "modbus.no_links": (
        "no links; write links: {{hall: {{tcp: 10.0.3.7:502}}}}",
        "没有链路；请写 links: {{hall: {{tcp: 10.0.3.7:502}}}}",
    ),
    "modbus.unknown_link": (
        "device {device}: there is no link {link!r}; write one of {known}",
        "设备 {device}：没有链路 {link!r}；请写 {known} 之一",
    ),
    "modbus.twice_device": ("device {device} is listed twice; keep one entry", "设备 {device} 列出了两次；请保留一条"),
    "modbus.twice_endpoint": (
        "links {first} and {second} both lead to {endpoint}; one request at a time needs one link, keep one of them",
        "链路 {first} 与 {second} 都通向 {endpoint}；同一时刻只能有一个请求，请只保留一个",
    ),
    "modbus.link_kind": (
        "a link has one of {known}; write tcp: 10.0.3.7:502, tls: 10.0.3.7:802, rtu_tcp: 10.0.3.7:4001 or rtu: /dev/ttyUSB0",
        "每条链路须有且只有 {known} 之一；请写 tcp: 10.0.3.7:502、tls: 10.0.3.7:802、rtu_tcp: 10.0.3.7:4001 或 rtu: /dev/ttyUSB0",
    ),
    "modbus.link_key": (
        "{name} means nothing for a link with {kind}; remove it (it goes with {owners})",
        "{name} 对 {kind} 链路没有意义；请删除（它用于 {owners}）",
    ),
    "modbus.unit_of_all": (
        "device {device}: unit 0 means all units of a serial bus, none of them answers; write 1 to 247",
        "设备 {device}：单元号 0 是串行总线的广播地址，不会有应答；请写 1 到 247",
    ),
    "modbus.backoff": (
        "min {min} is longer than max {max}; write min <= max",
        "min {min} 大于 max {max}；请写 min <= max",
    ),
    "modbus.forbid": (
        "{value} is not a range of addresses; write [first, last] with 0 <= first <= last",
        "{value} 不是地址范围；请写 `[起, 止]`，0 <= 起 <= 止",
    ),
    "modbus.style": ("{value!r} is not a style; write block or single", "{value!r} 不是读取方式；请写 block 或 single"),
    "modbus.time": ("{value!r} is no time of day; write 00:00 to 23:59", "{value!r} 不是时刻；请写 00:00 到 23:59"),
    "modbus.group_when": (
        "a poll group has either every: or at: (times of day)",
        "轮询组请在 `every:` 与 `at:`（每天的时刻）中任选其一",
    ),
    "modbus.aligned": (
        "{value} cannot follow the clock; write every: of 1m or more that divides a day, such as 15m or 8h",
        "{value} 不能与时钟对齐；every 请写 1m 以上、能整除一天的时长，例如 15m 或 8h",
    ),
    "modbus.group": (
        "{name} is in poll group {group!r}, which groups does not name; write one of: {known}",
        "{name} 属于轮询组 {group!r}，但 groups 中没有；请写以下之一：{known}",
    ),
    "modbus.unused_group": (
        "no profile has a poll group {group}: this changes nothing; write one of: {known}",
        "没有型号使用轮询组 {group}：此处的设置不起作用；请写以下之一：{known}",
    ),
    "modbus.overload": (
        "link {link}: its {requests} requests take {share} % of the time, as estimated with turnaround {turnaround}; polls will be left out: raise every, or use poll groups",
        "链路 {link}：按 turnaround {turnaround} 估计，{requests} 个请求占用 {share} % 的时间，部分轮询将被跳过：请加大 every，或使用轮询组",
    ),
    "modbus.doctor.overruns": (
        "source {source}: {late} of {due} polls were left out because their link was busy ({links})",
        "数据源 {source}：因链路繁忙，{due} 次轮询中有 {late} 次被跳过（{links}）",
    ),
    "modbus.doctor.overruns.do": (
        "raise every or use poll groups; see fieldgate_modbus_link_busy_seconds and fieldgate_modbus_link_planned",
        "请加大 every 或使用轮询组；参见 fieldgate_modbus_link_busy_seconds 与 fieldgate_modbus_link_planned",
    ),
    "modbus.doctor.learned": (
        "source {source}: devices refused requests; in force: {caps} smaller limits, {cuts} places where requests are cut, {holes} registers or ranges that are refused",
        "数据源 {source}：设备拒绝过请求；现有 {caps} 个更小的上限、{cuts} 处分割请求的位置、{holes} 个被拒绝的寄存器或区段",
    ),
    "modbus.doctor.learned.do": (
        "correct max_registers, forbid or the addresses in the profile; the log names them (device differs from its profile)",
        "请改正型号中的 max_registers、forbid 或地址；日志中有具体内容（device differs from its profile）",
    ),
    "modbus.missing": (
        "{value!r} is not a raw value; write a number, or a pattern such as '0xFFFF'",
        "{value!r} 不是原始值；请写数字，或 '0xFFFF' 这样的位模式",
    ),
    "modbus.map_key": (
        "{value!r} is not a number; the keys of map are raw numbers, such as {{0: idle, 1: charging}}",
        "{value!r} 不是数字；map 的键是原始数字，例如 {{0: idle, 1: charging}}",
    ),
    "modbus.place": (
        "write either at: or parts: (a register has one place, or several that are added)",
        "`at:` 与 `parts:` 请任选其一（一个寄存器有一个位置，或由几部分相加）",
    ),
    "modbus.parts": (
        "parts are added: {what} does not go with them; write it inside each part",
        "parts 相加：不能与 {what} 同用；请写在每个部分里",
    ),
    "modbus.bit_bits": ("write either bit: or bits:, not both", "`bit:` 与 `bits:` 只能写一个"),
    "modbus.flags": (
        "flags name the bits of one u16, u32 or u64: {what} does not go with them",
        "`flags` 是一个 u16、u32 或 u64 各位的名称：不能与 {what} 同用",
    ),
    "modbus.flag": ("{value} is no bit of this value; write 0 to {last}", "{value} 不是该值的位；请写 0 到 {last}"),
    "modbus.order_64": (
        "{value} is an order of 64 bits alone; write it at the points of 64 bits, and ABCD, CDAB, BADC or DCBA here",
        "{value} 只用于 64 位的值；请写在 64 位的测点上，此处写 ABCD、CDAB、BADC 或 DCBA",
    ),
    "modbus.scale": (
        "a scale of 0 makes every value the same; write the real one, or leave it out",
        "比例 0 会使所有值相同；请写实际比例或省略",
    ),
    "modbus.scale_type": (
        "a power of ten is one register, i16 or u16, not {value}",
        "十的幂次占一个寄存器，类型为 i16 或 u16，不能是 {value}",
    ),
    "modbus.format": ("{reason}", "寄存器格式无效：{reason}"),
    "modbus.unknown_point": (
        "the profile has no point {name!r}; write one of {known}",
        "型号中没有测点 {name!r}；请写 {known} 之一",
    ),
    "modbus.unit_other": (
        "{unit} cannot become {point}, the unit of the point; correct one of them",
        "{unit} 不能换算成测点的单位 {point}；请改正其中之一",
    ),
    "modbus.state_map": (
        "{name} is a state point: say what its numbers mean, map: {{0: idle, 1: charging}}",
        "{name} 是状态测点：请说明数字的含义，map: {{0: idle, 1: charging}}",
    ),
    "modbus.state_scale": (
        "{name} is a state point: unit, scale, scale_from, times and offset mean nothing; remove them",
        "{name} 是状态测点：unit、scale、scale_from、times、offset 没有意义；请删除",
    ),
    "modbus.not_state": (
        "{name} is a number, not a state: {what} does not go with it; make it kind: state in points",
        "{name} 是数值而不是状态：不能用 {what}；请在 points 中写 kind: state",
    ),
    "modbus.stride": (
        "{name} is repeated per component: write stride (registers from one component to the next), or unit_stride (unit ids)",
        "{name} 按部件重复：请写 stride（相邻部件之间的寄存器数）或 unit_stride（单元号之差）",
    ),
    "modbus.address": (
        "{name} comes to lie at register {address}; registers are 0 to 65535: correct at, base or stride",
        "{name} 落在寄存器 {address}；寄存器范围是 0 到 65535：请改正 at、base 或 stride",
    ),
    "modbus.forbidden": (
        "{name} at registers {first}-{last} lies in the forbidden range {low}-{high}",
        "{name} 位于寄存器 {first}-{last}，处于禁止区 {low}-{high}",
    ),
    "modbus.span": (
        "{name} spans {count} addresses, more than {limit} {max}: it could not be read in one request, so a torn value would be possible",
        "{name} 跨 {count} 个地址，超过 {limit} {max}：无法一次读出，值可能前后不一致",
    ),
    "modbus.of_bits": (
        "table {table} holds single bits: {what} means nothing there; remove it (parts join several bits)",
        "{table} 表的每个地址是一个位：{what} 在此没有意义，请删除（几个位可用 parts 组合）",
    ),
    "modbus.down.closed": ("closed at once by the other side", "对方接受连接后立即断开"),
    "modbus.down.waiting": ("waiting before the next attempt", "等待下一次尝试连接"),
    "modbus.down.away": ("no connection to {where}: {why}", "无法连接 {where}：{why}"),
    "modbus.down.port_lost": ("the serial port is gone; was the adapter unplugged?", "串口已消失；适配器是否被拔出？"),
    "modbus.down.port_missing": (
        "there is no serial port {where}; is the adapter plugged in? (/dev/serial/by-id has names that stay)",
        "没有串口 {where}；适配器是否已插好？（/dev/serial/by-id 下的名称不会改变）",
    ),
    "modbus.down.port_denied": (
        "the serial port {where} may not be opened; add the user of the gateway to the group of the port, usually dialout",
        "没有权限打开串口 {where}；请把网关的运行用户加入该串口所属的组（通常是 dialout）",
    ),
    "modbus.down.port_taken": (
        "the serial port {where} is in use by another program{holder}; a bus has one master, end the other one",
        "串口 {where} 正被其他程序占用{holder}；一条总线只能有一个主站，请先结束该程序",
    ),
    "modbus.down.holder": (" ({name}, process {pid})", "（{name}，进程 {pid}）"),
    "modbus.down.no_port": ("{where} is not a serial port", "{where} 不是串口"),
    "modbus.down.port_settings": (
        "the serial port {where} does not take these settings: baud {baud}, parity {parity}, stop bits {stop}",
        "串口 {where} 不支持这些参数：波特率 {baud}，校验 {parity}，停止位 {stop}",
    ),
    "modbus.silent.timeout": ("no answer in time", "未及时应答"),
    "modbus.silent.cancelled": ("given up", "已放弃"),
    "modbus.silent.garbled": ("the answer is garbled ({detail})", "应答报文有误（{detail}）"),
    "modbus.garbled.protocol_id": ("protocol id", "协议标识"),
    "modbus.garbled.length": ("length", "长度"),
    "modbus.garbled.function": ("function", "功能码"),
    "modbus.garbled.exception_length": ("exception length", "异常应答的长度"),
    "modbus.garbled.register_count": ("register count", "寄存器数量"),
    "modbus.garbled.checksum": ("no frame with a right checksum", "没有校验正确的帧"),
    "modbus.garbled.other_frame": ("a frame that answers another request", "收到的是其他请求的应答"),
    "modbus.garbled.noise": ("the line is never quiet", "线路上一直有数据"),
    "modbus.silent.gateway": ("the gateway in between does not reach the unit", "中间的 Modbus 网关无法到达该设备"),
    "modbus.exception.1": ("exception 1: this function is not supported", "异常码 1：不支持该功能"),
    "modbus.exception.2": ("exception 2: there are no such registers", "异常码 2：没有这些寄存器"),
    "modbus.exception.3": ("exception 3: the request is not accepted", "异常码 3：请求内容不被接受"),
    "modbus.exception.4": ("exception 4: the device fails", "异常码 4：设备故障"),
    "modbus.exception.5": ("exception 5: the device takes its time", "异常码 5：设备处理中"),
    "modbus.exception.6": ("exception 6: the device is busy", "异常码 6：设备忙"),
    "modbus.exception.other": ("exception {code}", "异常码 {code}"),
}
