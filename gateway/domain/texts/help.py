"""`--help` of every command, paragraph by paragraph, by the English of the code. Examples are the same in both."""

_COMMANDS = (
    ("Fieldgate: from field telemetry to exactly one work order per fault.", "Fieldgate：接入现场遥测数据，每个故障派一张工单。"),
    ("Check the whole configuration and list all problems at once.", "检查整套配置，一次列出全部问题。"),
    (
        ("Reads the main file, profiles, the lists of sites, customers and devices, templates and rules, and sums up what `fieldgate rules check` finds. Starts nothing and makes no connections. Exit status 0 no problems (there may be warnings), 2 problems."),
        ("读取主文件、型号、场站、客户和设备清单、模板与规则，并汇总 `fieldgate rules check` 的结果。不启动任何程序，不连接任何设备。"
        "退出码：0 通过（可能有警告），2 有问题。"),
    ),
    (
        "A minute of Fieldgate on this machine: a real broker, simulated devices, faults, kill -9, an import, an account.",
        "在本机演示一分钟：真实的 MQTT 服务器、模拟设备、故障、`kill -9`、导入历史，最后逐条对账。",
    ),
    ("Erase personal data.", "清除个人信息。"),
    (
        ("Remove a customer: name, phone number and attributes, the notices to them, and their messages with every attempt to send them, whether the gateway runs or not. Take them off the list of customers first."),
        "清除一位客户：姓名、电话和属性、发给该客户的内容，以及这些消息的全部发送记录；网关运行与否均可。请先从客户清单中删除该客户。",
    ),
    (
        ("The code stays where devices and notices name it. Exit status 0 removed, 1 no such customer, 2 nothing was done."),
        "设备和通知中引用的客户编号会保留。退出码：0 已清除，1 没有该客户的任何记录，2 未做任何改动。",
    ),
    (
        "Import history from a CSV file into the gateway, running or not, through the same journal and the same rules.",
        "从 CSV 文件导入历史数据，网关运行与否均可，经过同样的日志库和同样的规则。",
    ),
    (
        ("A row is imported as a whole, or written to FILE.rejected.csv with the reason. Importing a file twice changes nothing. Orders are made at the end, for alarms that are still raised then. Exit status 0 all rows are imported, 1 some rows were rejected, 2 nothing was done."),
        ("每行要么全部导入，要么连同原因写入 FILE.rejected.csv。同一文件导入两次不会有变化。全部导入后，仍未恢复的告警才派单。"
        "退出码：0 全部导入，1 有行被拒绝，2 未做任何改动。"),
    ),
    (
        ("API keys of this installation, on its own machine: no key is needed, only permission to write its data folder. Works while the gateway runs, too. Created and revoked keys are in the audit."),
        "在本机管理 API 密钥：不需要密钥，只需对数据目录有写权限。网关运行时也可使用。创建和吊销都记入审计。",
    ),
    (
        "Create a key for a person or a system. Only the key is written to standard output; it cannot be shown again.",
        "为人员或系统创建密钥。标准输出只有密钥本身，且仅显示这一次。",
    ),
    (
        "List all keys, newest first: name, role, sites, state, last use. The keys themselves are never shown.",
        "列出全部密钥，最新的在前：名称、角色、场站、状态、最近使用时间。不显示密钥本身。",
    ),
    (
        "Revoke a key at once, also in a running gateway.",
        "此密钥立即失效，对正在运行的网关同样生效。",
    ),
    (
        ("Migrate the database to this release, as the next start would: first a copy, then the changes. Needs a stopped gateway; `--check` changes nothing and may run beside one."),
        "将数据库升级到本版本，与下次启动时所做的相同：先备份，再升级。须先停止网关；`--check` 不做改动，可在网关运行时使用。",
    ),
    (
        "Exit status 0 done, or nothing to do; 1 with `--check`: there is something to do; 2 not possible.",
        "退出码：0 已完成或无需升级；1 使用 `--check` 时表示需要升级；2 无法升级。",
    ),
    ("Repair damaged or missing files of the data folder. Needs a stopped gateway.", "修复数据目录中损坏或缺失的文件。须先停止网关。"),
    (
        ("A damaged file is moved aside (<name>.damaged-<time>), never deleted; its readable parts are kept; what the journal holds is restored: the registry's rows, readings of a lost segment, alarms. Losses are listed, by number and time. `fieldgate check --data` only checks."),
        ("损坏的文件会被移到一旁（<name>.damaged-<time>），绝不删除；能读取的部分会保留；日志库中有的会重建：清单记录、丢失的读数、告警。"
        "无法找回的按数量和时间列出。`fieldgate check --data` 只检查不修复。"),
    ),
    (
        "Exit status 0 nothing is lost, 1 something is lost (it is listed), 2 not possible.",
        "退出码：0 没有丢失，1 有丢失（已列出），2 未能执行。",
    ),
    (
        "`machine` is a fixed Python loop and a fixed NumPy pass of the same run, `to_machine` the figures against that loop.",
        "`machine` 为同次运行中固定的 Python 循环和 NumPy 运算，`to_machine` 为各项结果与该循环的比值。",
    ),
    (
        "From PUBLISH to PUBACK, and answers about health, under 600 idle connections, four bodies in chunks of one byte and 100 requests a second; `quiet_…`: with the requests alone.",
        "在 600 个空闲连接、四个逐字节发送的请求体和每秒 100 个请求下，测量从 PUBLISH 到 PUBACK 的时间和健康检查应答；`quiet_…` 为仅有请求时的结果。",
    ),
    (
        "A gateway at which nothing arrives: memory, share of a core, syncs a minute (by strace); needs mosquitto.",
        "没有任何数据到达的网关：内存、单核占用率、每分钟同步写盘次数（用 `strace` 统计）；需要安装 mosquitto。",
    ),
    ("Devices that this installation receives messages from.", "本系统收到数据的设备。"),
    (
        "List devices that send messages and are not in the list, as lines ready for it: code, and the profile that reads most points of their messages. Details of each (messages, last one, topic) go to standard error.",
        "列出有数据但不在清单中的设备，可直接加入清单：编号，以及能对应其消息中最多测点的型号。每台设备的已知信息（消息数、最近一条、主题）输出到标准错误。",
    ),
    (
        "Reads the dead letters, whether the gateway runs or not, and changes nothing. The lines have the columns of your list, so they can be appended to it; a running gateway applies it at once. Fill in the profile where it is empty.",
        "读取死信，网关运行与否均可，不做任何改动。各行与现有清单的列一致，可直接追加；运行中的网关会立即采用。没有型号的行须补上型号。",
    ),
    (
        "Show what the running gateway receives and decides, as it happens: messages, readings, alarms, orders.",
        "实时显示运行中的网关收到和判断的内容：消息、读数、告警、工单。",
    ),
    (
        "Ends with Ctrl-C. Lines that come too fast are counted, not queued. Exit status 0, 1 when no gateway runs.",
        "按 Ctrl-C 结束。来不及显示的只计数，不排队。退出码：0 正常，1 没有网关在运行。",
    ),
    ("Work with rule files.", "规则文件工具。"),
    (
        "Show which alarms rules would have raised on stored history, whatever their `mode`. Reads only; nothing is sent or stored.",
        "用已存的历史数据试算规则会触发哪些告警，不论其 `mode`。只读，不发送也不保存任何内容。",
    ),
    (
        ("The same engine as live, on readings sorted by time, without down-time, with the devices and attributes of today. Works beside a running gateway (its open files are read through its API) and without one; while it reads the files of a stopped gateway, that gateway cannot be started. Latched alarms and those that end by an act of the desk stay on."),
        ("与实时运行使用同一引擎，读数按时间排序，不计停机时间，设备和属性以当前为准。网关运行时（通过其 API 读取）或停止时均可使用；"
        "读取已停止网关的文件期间，该网关不能启动。须人工复位的告警和由工单操作结束的告警会一直保持。"),
    ),
    (
        "Find rules that load but are probably not what was meant, and estimate what each of them costs.",
        "查找能加载但很可能不符合本意的规则，并给出每条规则的开销。",
    ),
    (
        ("Without PATHS: the rules in force of --config. Rules in force that are not among PATHS are compared with those that are: two rules for one fault are reported. With --config also the retention of stored readings is checked, and, if the installation has run, its registry and the points it ever received (read only, also while it runs)."),
        ("不写 PATHS 时检查 --config 的现行规则。未列入 PATHS 的现行规则会与列入的对照：两条规则针对同一故障时会指出。"
        "给出 --config 时还会对照读数保存期；若该安装运行过，还会对照其设备清单和收到过的测点（只读，运行中也可使用）。"),
    ),
    (
        ("Exit status: 0 nothing, or only infos (without --strict also warnings), 1 warnings with --strict, 2 a file did not "
        "load, or the state exceeds limits.state."),
        "退出码：0 没有问题或只有提示（未加 --strict 时也可有警告），1 使用 --strict 且有警告，2 有文件无法加载，或状态超过 limits.state。",
    ),
    (
        "Print a page about rule files: what each rule watches, when it raises, what it does. A folder means its files.",
        "输出规则说明页：每条规则监测什么、何时触发、触发后做什么。给出目录即为其中的文件。",
    ),
    ("Exit status: 0 all well, 2 a file did not load.", "退出码：0 正常，2 有文件无法加载。"),
    (
        "Explain why an alarm was raised: readings, signals, thresholds and their sources, its timeline, what was done.",
        "说明告警为何触发：读数、计算量、阈值及其来自何处、时间线、处理过程。",
    ),
    (
        ("With the number of an order: every alarm in it. Includes alarms in shadow. Works beside a running gateway and without one. Pictures are SVG, for any browser. Exit status 2: there is no such alarm, or it cannot be read."),
        ("给出工单号则说明其中的每个告警。影子模式的告警也可查看。网关运行或停止时均可使用。图为 SVG，可用任何浏览器打开。"
        "退出码 2：没有该告警，或无法读取。"),
    ),
    ("Run the tests inside rule files; a folder means all its .yaml files.", "运行规则文件中的用例；给出目录即为其中所有 .yaml 文件。"),
    (
        "Exit status: 0 all passed, 1 a case failed, 2 a file did not load.",
        "退出码：0 全部通过，1 有用例失败，2 有文件无法加载。",
    ),
    (
        ("Run the gateway until SIGTERM or Ctrl-C; it then drains and ends within 10 s. Changed files take effect while it runs, with SIGHUP at once."),
        "运行网关，直到 SIGTERM 或 Ctrl-C；10 秒内处理完手头工作并退出。修改的文件会自动生效，发送 SIGHUP 则立即生效。",
    ),
    (
        ("Show how a message, or one poll of a Modbus device, is read: route, device, points, values with units, quality, unused values with the reason, and the rules that read these points."),
        "查看一条消息或一次 Modbus 轮询的处理结果：路由、设备、测点、带单位的值、质量、哪些内容未使用及原因，以及读取这些测点的规则。",
    ),
    (
        ("The message is a file or, with -, standard input. `try modbus DEVICE` really polls the device, once, and shows the registers. Nothing is written, nothing is published; a gateway may run beside it."),
        "消息取自文件，写 `-` 则取自标准输入。`try modbus DEVICE` 会真正向设备查询一次并显示寄存器。不写入、不发布任何内容；可与网关同时运行。",
    ),
    (
        "Exit status 0 there are readings, 1 there are none, 2 not possible.",
        "退出码：0 有读数，1 没有读数，2 未能执行。",
    ),
    (
        "Write a small project of your own: a broker or Modbus device, one device, one rule with its test, one endpoint.",
        "生成一个自己的小项目：一个 MQTT 服务器或 Modbus 设备、一台设备、一条带用例的规则、一个端点。",
    ),
    (
        "Prompts for what is not given if it runs on a terminal. Nothing is overwritten; secrets are generated, and readable for you alone. Needs no broker; a Modbus device is polled once, if it answers, to propose a limit. Exit status 0 written and without problems, 2 nothing was written.",
        "未给出的会逐项询问（非交互运行时除外）。不覆盖任何文件；自动生成密钥，仅本用户可读。不需要 MQTT 服务器；Modbus 设备在线时读取一次，以便给出合适的限值。退出码：0 已写入且检查通过，2 未写入任何文件。",
    ),
    (
        "Check the machine, the data folder, the brokers and, if one runs, the gateway: versions, disk, clock, file permissions, queues, settings of the broker, balance of messages. Each line is ok, warn or bad, with what to do. Changes nothing; while no gateway runs, it connects to the brokers and Modbus links only.",
        "检查本机、数据目录、MQTT 服务器以及运行中的网关：版本、磁盘、时钟、文件权限、积压、MQTT 服务器设置、消息收支。每行给出结论和处理办法。不做任何改动；没有网关运行时，只访问 MQTT 服务器和 Modbus 链路。",
    ),
    (
        "Exit status 0 nothing is bad, 1 something is bad, 2 the configuration does not load.",
        "退出码：0 没有异常，1 有异常，2 配置无法加载。",
    ),
    (
        "List the units that rules, profiles and routes may use, by what they measure. With UNIT only that one; exit status 2 when it is unknown, with the one that was probably meant.",
        "按物理量列出规则、型号和路由中可以使用的单位。给出 UNIT 则只说明该单位；没有该单位时退出码为 2，并提示可能想写的单位。",
    ),
    (
        "Copy the data folder and the folder of the configuration to TARGET: a new folder, or a file .tar or .tar.gz. The gateway may run; everything acknowledged before is in the copy. The copy is opened and checked.",
        "将数据目录和配置目录备份到 TARGET：新目录，或 .tar、.tar.gz 文件。网关可以继续运行；此前已确认的数据都在备份中。备份完成后会打开并检查。",
    ),
    (
        "It holds keys, names and phone numbers: keep it as safe as the data folder. `fieldgate restore` restores it.",
        "备份中含有密钥、姓名和电话，应与数据目录同样妥善保管。用 `fieldgate restore` 恢复。",
    ),
    ("Exit status 0 done, 2 not done.", "退出码：0 已完成，2 未完成。"),
    (
        "Restore BACKUP to DATA_DIR, which is new or empty: an installation is never overwritten. Every file is compared with its checksum first. Then start the gateway with a configuration whose `data_dir` it is.",
        "将 BACKUP 还原到新的或空的 DATA_DIR，绝不覆盖已有的数据。还原前逐个文件核对校验和。之后用 `data_dir` 指向该目录的配置启动网关。",
    ),
    ("Work with stored readings.", "处理已保存的读数。"),
    (
        "Write stored readings to a Parquet file, in order of time: codes, names, units, texts of states, quality.",
        "将已保存的读数按时间顺序写入 Parquet 文件：设备编号、测点名、单位、状态文本、质量。",
    ),
    (
        "Works beside a running gateway and without one, with every store that can be read; memory stays bounded. Columns: `time` (UTC), `device`, `site`, `point`, `component`, `value`, `unit`, `text` (of a state), `quality`, `flags`, `received`; of corrected readings `original`, `original_quality`, `correction`.",
        "网关运行与否均可，适用于所有可读取的读数库；内存占用有上限。各列：`time`（UTC）、`device`、`site`、`point`、`component`、`value`、`unit`、`text`（状态文本）、`quality`、`flags`、`received`；更正过的读数另有 `original`、`original_quality`、`correction`。",
    ),
    (
        "Rows/s into each store of readings, through its adapter, in the batches of a gateway that catches up. A store that has no server or simulator on this machine has no figure.",
        "以网关追赶积压时的批次，经适配器写入每种读数库，测量每秒行数。本机没有服务器或模拟器的读数库没有结果。",
    ),
    ("The systems that events and notices go to.", "接收事件和通知的系统。"),
    (
        "List the endpoints of the configuration, with counts and state while the gateway runs.",
        "列出配置中的全部端点；网关运行时还显示计数和状态。",
    ),
    (
        "Send a signed test event to an endpoint and show its answer. It changes no order and no queue, and works whether the gateway runs or not; a running gateway records it in its audit.",
        "向端点发送一个签名的测试事件并显示其应答。不涉及任何工单和队列，网关运行与否均可；网关运行时会记入审计。",
    ),
    (
        "Exit status 0 the receiver accepted it, 1 it did not, 2 there is no such endpoint.",
        "退出码：0 接收方已接受，1 未接受，2 没有该端点。",
    ),
    (
        "List the events that are sent to OA systems, or print the JSON Schema (draft 2020-12) of one.",
        "发往 OA 系统的事件：列出全部，或给出其中一个的 JSON Schema（draft 2020-12）。",
    ),
    ("List the units that rules, profiles and routes may use, by what they measure.", "按物理量列出规则、型号和路由中可以使用的单位。"),
    ("Print the versions of Fieldgate and of the libraries it uses.", "显示 Fieldgate 及其所用组成软件的版本。"),
)  # fmt: skip
_OPTIONS = (
    ("Show this message and exit.", "显示本帮助并退出。"),
    ("The main file, or the folder it is in.", "主文件，或其所在目录。"),
    ("The main file, or the folder it is in; every other file is named in it.", "主文件（或其所在目录），其他文件都在其中指定。"),
    ("The main file, or the folder it is in. [default: gateway.yaml]", "主文件，或其所在目录。[默认：gateway.yaml]"),
    (
        "The main file, or the folder it is in; by default the lists and profiles beside the folder of the rules.",
        "主文件，或其所在目录；默认使用规则目录旁边的清单和型号。",
    ),
    (
        "Language of the output. [default: that of the main file, else of the locale]",
        "输出语言。[默认：主文件中的语言，否则取系统区域设置]",
    ),
    ("Also write the figures to this file.", "同时将结果写入此文件。"),
    ("All slices together.", "各段合计时长。"),
    ("For each store.", "每种读数库的时长。"),
    ("The file to write.", "要写入的文件。"),
    ("Where it begins: 2026-05-01, or a time. [default: the oldest]", "起始时间：2026-05-01 或具体时刻。[默认：最早]"),
    ("Where it ends (not included). [default: now]", "结束时间（不含）。[默认：现在]"),
    ("Codes of devices, with commas between. [default: all]", "设备编号，以逗号分隔。[默认：全部]"),
    ("Names of points, with commas between. [default: all]", "测点名，以逗号分隔。[默认：全部]"),
    ("Also windows, streaks, 2,000 rules.", "同时测量窗口、连续判断和 2000 条规则。"),
    ("Read all files of the data folder, too. Changes nothing; takes a while.", "同时读取数据目录中的全部文件。不做改动，需要一些时间。"),
    ("Duration; the scenario takes 60 s.", "演示时长；全部情节需要 60 秒。"),
    ("The same seed gives the same values.", "种子相同，数值相同。"),
    ("Write the account as JSON.", "将对账结果写为 JSON。"),
    ("Keep all files in this folder.", "将全部文件保留在此目录。"),
    ("Map of the columns.", "说明各列含义的映射文件。"),
    ("The data folder, when not that of the main file.", "数据目录（与主文件不同时填写）。"),
    ("URL of the running gateway, when not that of the main file.", "运行中网关的 URL（与主文件不同时填写）。"),
    ("Import nothing if any row is wrong.", "只要有一行有误就全部不导入。"),
    ("Check every row, send nothing.", "只检查各行，不发送。"),
    ("No progress bar, no summary; rejected rows are still reported.", "不显示进度和汇总；仍会报告被拒绝的行。"),
    ("Name of the importing person, for the audit. [default: the user of this machine]", "导入人，用于记录。[默认：本机用户]"),
    ("Role: what the key may do.", "权限角色。"),
    ("Only this site; may be given several times. [default: all]", "仅限此场站，可多次给出。[默认：全部]"),
    ("The key expires after this time: 90d. [default: never]", "有效期，如 90d。[默认：长期有效]"),
    ("Only list what would be done.", "只说明将要做什么。"),
    ("Start: 2026-05-01, or a time; without zone: local.", "起始时间：2026-05-01 或具体时刻；不写时区则为当地时间。"),
    ("End (not included).", "结束时间（不含）。"),
    ("Codes of the devices to judge, with commas between. [default: all]", "要判断的设备编号，以逗号分隔。[默认：全部]"),
    (
        "Compare with this file or folder; without a value: with the rules in force that have the same ids.",
        "与此文件或目录比较有何变化；不写值则与同 id 的现行规则比较。",
    ),
    ("Output format.", "输出格式。"),
    ("Output format.", "报告格式。"),
    ("Output.", "输出格式。"),
    ("Rows of a list; 0 = all.", "列表行数；0 表示全部。"),
    ("Folder for an SVG of each episode shown.", "为每个列出的告警过程绘制 SVG，存入此目录。"),
    ("Warnings make the exit status 1.", "有警告时退出码为 1。"),
    ("Draw it to this .svg file.", "绘制到此 .svg 文件。"),
    (
        "Folder of device profiles; by default the `profiles` next to the folder of the rules.",
        "型号目录；默认为规则目录旁边的 `profiles`。",
    ),
    ("As a retained message that the broker replays.", "按 MQTT 服务器重放的保留消息处理。"),
    ("Also restore the saved configuration to this new or empty folder.", "同时将备份的配置还原到此目录（新的或空的）。"),
    ("Name of this installation. [default: that of the folder]", "本套系统的名称。[默认：目录名]"),
    ("User name at the broker; its password is prompted for, or taken from MQTT_PASSWORD.", "MQTT 服务器用户名；密码会询问，或取自 MQTT_PASSWORD。"),
    ("Code of the first device. [default: DEV-1]", "第一台设备的编号。[默认：DEV-1]"),
    ("Display name of the device.", "设备名称。"),
    ("Topic on which it publishes. [default: devices/CODE/telemetry]", "设备发布消息的主题。[默认：devices/CODE/telemetry]"),
    ("One of its messages: proposes profile and route.", "设备的一条消息：据此生成型号和路由。"),
    ("A profile of the library, instead of one made from sample or registers.", "使用自带型号，不根据样例或寄存器生成。"),
    ("A Modbus TCP device instead of a broker. [port: 502]", "Modbus TCP 设备，代替 MQTT 服务器。[端口：502]"),
    ("Its unit id. [default: 1]", "设备的单元号。[默认：1]"),
    (
        "A register, such as `temp:15:i16:0.1:degC`; may be repeated.",
        "寄存器的位置和含义，例如 `temp:15:i16:0.1:degC`；每个寄存器写一次。",
    ),
    ("Register table of --register.", "--register 所在的寄存器表。"),
    ("Kind of the device, as rules name it.", "规则中使用的设备类型。"),
    ("Address for work-order events. [default: http://127.0.0.1:8090/hooks/oa]", "工单事件的接收地址。[默认：http://127.0.0.1:8090/hooks/oa]"),
    ("No prompts: use the defaults for what is not given.", "不询问，未给出的取默认值。"),
    ("[default: mqtt://127.0.0.1:1883]", "[默认：mqtt://127.0.0.1:1883]"),
    ("[default: that of this machine]", "[默认：本机时区]"),
    ("Language of prompts and files.", "提问和文件的语言。"),
    ("Duration without load, and again under load.", "空闲与加压各测一段。"),
    ("Duration, measured twice: memory and CPU, then syncs.", "测两次，同步写盘次数单独统计。"),
    ("Only this device.", "仅此设备。"),
    ("Only devices of this site.", "仅此场站的设备。"),
    ("Only this kind; may be repeated.", "仅此类内容，可多次给出。"),
    ("End after this time: 10s, 5m.", "多久后结束，如 10s、5m。"),
    ("End after this number of lines.", "显示若干行后结束。"),
    ("Only this MQTT source.", "仅使用此 MQTT 数据源。"),
)  # fmt: skip
_CLICK = (
    ("Usage:", "用法："),
    ("Options", "选项"),
    ("Commands", "命令"),
    ("Positional arguments", "参数说明"),
    ("default: {default}", "默认：{default}"),
    ("required", "必填"),
    ("(dynamic)", "（动态）"),
    ("Aborted!", "已中止！"),
    ("Error: {message}", "错误：{message}"),
    ("Try '{command} {option}' for help.", "可用 `{command} {option}` 查看帮助。"),
    ("Invalid value: {message}", "值无效：{message}"),
    ("Invalid value for {param_hint}: {message}", "{param_hint} 的值无效：{message}"),
    ("Missing argument", "缺少参数"),
    ("Missing option", "缺少选项"),
    ("Missing parameter", "缺少参数"),
    ("Missing command.", "缺少命令。"),
    ("No such option {name!r}.", "没有选项 {name!r}。"),
    ("No such command {name!r}.", "没有命令 {name!r}。"),
    ("Did you mean {possibility}?", "是否想写 {possibility}？"),
    ("(Did you mean one of: {possibilities}?)", "（是否想写其中之一：{possibilities}？）"),
    ("Option {name!r} does not take a value.", "选项 {name!r} 不带值。"),
    ("Option {name!r} requires an argument.", "选项 {name!r} 需要一个值。"),
    ("Option {name!r} requires {nargs} arguments.", "选项 {name!r} 需要 {nargs} 个值。"),
    ("Got unexpected extra argument ({args})", "多余的参数（{args}）"),
    ("Got unexpected extra arguments ({args})", "多余的参数（{args}）"),
    ("{value!r} is not a valid {number_type}.", "{value!r} 不是有效的数。{number_type:.0}"),
    ("{value} is not in the range {range}.", "{value} 超出范围 {range}。"),
    ("{value!r} is not {choice}.", "{value!r} 不可用，请写 {choice}。"),
    ("{value!r} is not one of {choices}.", "{value!r} 不可用，可选：{choices}。"),
    ("Choose from:\n\t{choices}", "可选：\n\t{choices}"),
    ("{name} {filename!r} does not exist.", "{name:.0}{filename!r} 不存在。"),
    ("{name} {filename!r} is a file.", "{name:.0}{filename!r} 是文件，不是目录。"),
    ("{name} {filename!r} is a directory.", "{name:.0}{filename!r} 是目录，不是文件。"),
    ("{name} {filename!r} is not readable.", "{name:.0}{filename!r} 无法读取。"),
    ("{name} {filename!r} is not writable.", "{name:.0}{filename!r} 无法写入。"),
    ("Could not open file {filename!r}: {message}", "无法打开文件 {filename!r}：{message}"),
)  # fmt: skip

TEXTS: dict[str, tuple[str, str]] = {f"help.{pair[0]}": pair for pair in (*_COMMANDS, *_OPTIONS, *_CLICK)} | {
    "help.example": ("Example:", "示例："),
    "help.options": ("[OPTIONS]", "[选项]"),
    "help.rest": ("COMMAND [ARGS]...", "命令 [参数]……"),
}
