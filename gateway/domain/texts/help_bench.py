"""`--help` of the benchmarks, as in `help.py`."""

_PARAGRAPHS = (
    (
        "Measure this machine: ingest (against the raw limit of the same run), the rule engine, a restart, callers of the API, an idle gateway.",
        "测量本机性能：接入（与同次运行的极限对比）、规则引擎、重启、API 调用、空载网关。",
    ),
    (
        "Backtest ten rules (holds, levels, windows, a streak, silence) on the history of 1,000 devices, from DuckDB to episodes.",
        "用十条规则（持续、分级、窗口、连续、无数据）回放 1000 台设备的历史，从 DuckDB 到告警过程。",
    ),
    (
        ("Webhooks from a queue on disk: events a second to one endpoint while another never answers, and how soon a "
        "critical event is received that is queued behind minor ones. `ratio` is to plain posts by the same client."),
        ("从磁盘队列推送 webhook：一个端点从不应答时，另一个端点每秒收到的事件数，以及排在一般事件之后的紧急事件多久送达。"
        "`ratio` 是与同一客户端直接 POST 的比值。"),
    ),
    (
        "Raw ceiling (socket, MQTT 5, JSON, acks) and full pipeline in turn, on one mosquitto; needs mosquitto.",
        "在同一个 mosquitto 上轮流测极限（套接字、MQTT 5、JSON、确认）与完整流程；需要安装 mosquitto。",
    ),
    (
        "Registers a second by a whole gateway beside simulated devices: polls in time, CPU per tag, overruns, wrong values; and what one dead unit of thirty costs the others on a slow bus.",
        "完整网关每秒读取的寄存器数，旁边是模拟设备：按时的轮询、每个测点的 CPU、跳过的轮询、错误的值；以及慢速总线上三十台设备中有一台失联时其余设备的损失。",
    ),
    ("Of each slave.", "每台从站的寄存器数。"),
    ("Connections.", "连接数。"),
    ("Period of each slave.", "每台从站的周期。"),
    (
        "Pushes a second that are on disk when they are answered, by a whole gateway beside one load process.",
        "完整网关与一个压测进程同时运行：每秒多少次推送在应答时已写入磁盘。",
    ),
    ("Seconds without the store.", "读数库中断的秒数。"),
    ("Messages/s.", "每秒消息数。"),
    (
        "A store that is away while messages come: readings lost, growth of memory, speed of catching up by the live rate. Needs PostgreSQL and mosquitto.",
        "读数库中断期间消息照常到达：丢失的读数、内存增长，以及恢复后相对实时速率的追赶速度。需要 PostgreSQL 和 mosquitto。",
    ),
    (
        "Kill a gateway with 50 rules over so many devices and start it again: seconds until it is live; needs mosquitto.",
        "强制终止带 50 条规则和指定数量设备的网关再启动：多少秒后就绪；需要安装 mosquitto。",
    ),
    (
        ("50 threshold/hold rules, 10 of them cross-point, over 10,000 devices at 1 % hits; then windows, statistics, "
        "streaks, a month that ends for 100,000 meters, rules that change with time alone, up to 2,000 rules over 30,000 "
        "devices (time per batch, memory, loading, reloading)."),
        ("50 条阈值与持续规则（其中 10 条跨测点），10000 台设备，命中率 1%；然后是窗口、统计、连续判断、10 万块表同时月结、"
        "只随时间变化的规则，直到 30000 台设备上的 2000 条规则（每批用时、内存、加载、重新加载）。"),
    ),
    (
        "`ratio` is to one vectorised comparison per rule over the same batches: compare builds by it.",
        "`ratio` 是与同样批次上每条规则一次向量比较的比值，可用于比较不同版本。",
    ),
    (
        "Orders a second from alarms over 30,000 devices, each with clocks, audit, event and delivery, in transactions that are on disk; then 5,000 alarms at once, and commands of people one by one. PostgreSQL needs its programs here.",
        "由 30000 台设备的告警每秒建单数，每张工单含时限、审计、事件和推送，事务均已落盘；然后是 5000 条告警突发，以及逐条执行的人工命令。PostgreSQL 需要本机装有其程序。",
    ),
    (
        "Instead: 100,000 orders, and the time of each list and count.",
        "改为测量：10 万张工单时，各列表和计数的用时。",
    ),
    ("Time of the desk.", "工单台的运行时间。"),
)  # fmt: skip

TEXTS: dict[str, tuple[str, str]] = {f"help.{pair[0]}": pair for pair in _PARAGRAPHS}
