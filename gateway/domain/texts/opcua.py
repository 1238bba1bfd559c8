"""Texts of the OPC UA source: its configuration, the nodes of profiles, its health, the doctor."""

TEXTS: dict[str, tuple[str, str]] = {
    "opcua.endpoint": (
        "{got!r} is not the address of an OPC UA server; write opc.tcp://host:4840",
        "{got!r} 不是 OPC UA 服务器地址；请写 `opc.tcp://主机:4840`",
    ),
    "opcua.endpoint_secret": (
        "write user and password as keys of their own, an address is shown to people",
        "用户名与密码请写成单独的键；地址会显示给用户",
    ),
    "opcua.no_devices": (
        "no devices; list them under devices, or write devices_from: registry",
        "没有设备；请在 devices 下列出，或写 devices_from: registry",
    ),
    "opcua.twice_device": ("device {device} is listed twice; keep one entry", "设备 {device} 列出了两次；请保留一条"),
    "opcua.password_alone": ("a password needs a user; write user", "有密码但没有用户名；请写 user"),
    "opcua.password": (
        "write password: ${{NAME}} or password_file, exactly one of them",
        "请写 password: ${{NAME}} 或 password_file，且只写其中一个",
    ),
    "opcua.range": ("{got} is out of range; write {low} to {high}", "{got} 超出范围；请写 {low} 到 {high}"),
    "opcua.plain": (
        "the connection is neither signed nor encrypted; write secure with certificates",
        "连接既未签名也未加密；请写 secure 并配置证书",
    ),
    "opcua.plain_password": (
        "the password may cross the network in plain text; write secure with certificates",
        "密码可能以明文在网络上传输；请写 secure 并配置证书",
    ),
    "opcua.no_certificate": (
        "{value} is not a certificate; write a PEM or DER file of one",
        "{value} 不是证书；请写 PEM 或 DER 格式的证书文件",
    ),
    "opcua.no_key": (
        "{value} is not a private key without a password; write a PEM or DER file of one",
        "{value} 不是无密码的私钥；请写 PEM 或 DER 格式的私钥文件",
    ),
    "opcua.other_key": (
        "{value} is not the key of the certificate {cert}; write the two that were made together",
        "{value} 不是证书 {cert} 的私钥；请写同时生成的证书与私钥",
    ),
    "opcua.library": (
        "the library for OPC UA is missing; pip install 'fieldgate[opcua]'",
        "缺少 OPC UA 库；请执行 pip install 'fieldgate[opcua]'",
    ),
    "opcua.source": (
        "{value!r} is not an OPC UA source with devices_from: registry; there is {known}",
        "{value!r} 不是带 devices_from: registry 的 OPC UA 数据源；现有：{known}",
    ),
    "opcua.scale": (
        "a scale of 0 makes every value the same; write the real one, or leave it out",
        "比例 0 会使所有值相同；请写实际比例或省略",
    ),
    "opcua.placeholder": ("there is no {{{got}}}; write one of {known}", "没有 {{{got}}}；请写 {known} 之一"),
    "opcua.node": (
        "{got!r} is not a NodeId; write ns=2;s=Plant.Meter1.Power, nsu=urn:plant;i=1001 or {{root}}.Power",
        "{got!r} 不是 NodeId；请写 ns=2;s=Plant.Meter1.Power、nsu=urn:plant;i=1001 或 {{root}}.Power",
    ),
    "opcua.path": (
        "{got!r} is not a browse path; write /2:Meter/2:Power, with & before a / or . that belongs to a name",
        "{got!r} 不是浏览路径；请写 /2:Meter/2:Power，名称中的 / 或 . 前加 &",
    ),
    "opcua.unknown_point": (
        "the profile has no point {name}; write one of {known}",
        "型号中没有测点 {name}；请写 {known} 之一",
    ),
    "opcua.state_scale": (
        "{name} is a state: unit, scale, offset and deadband do not go with it",
        "{name} 是状态测点：不能写 unit、scale、offset、deadband",
    ),
    "opcua.not_state": ("{name} is a number: {what} is for states", "{name} 是数值测点：{what} 只用于状态测点"),
    "opcua.unit_other": (
        "{unit} cannot become {point}; write a unit of the same kind",
        "{unit} 无法换算为 {point}；请写同类单位",
    ),
    "opcua.component": (
        "{name} is repeated for each component; write {{component}} into its node",
        "{name} 按部件重复；请在 node 中写 {{component}}",
    ),
    "opcua.no_root": (
        "device {device} has no root, and its profile asks for {{root}}; write the node of the device",
        "设备 {device} 没有 root，而型号用到 {{root}}；请写该设备的节点",
    ),
    "config.source.no_nodes": (
        "device {value} has profile {profile}, which has no `opcua` section; add one to {file}",
        "设备 {value} 的型号 {profile} 没有 `opcua` 段；请在 {file} 中添加",
    ),
    "opcua.no_device": ("not in the registry, or retired", "不在设备台账中，或已停用"),
    "opcua.no_map": ("profile {profile} has no opcua section", "型号 {profile} 没有 `opcua` 段"),
    "opcua.namespace": ("the server has no namespace {uri}", "服务器没有命名空间 {uri}"),
    "opcua.status": ("{name} ({what})", "{name}（{what}）"),
    "opcua.server": ("the server answered {why}", "服务器返回 {why}"),
    "opcua.subscription_lost": ("the server ended the subscription: {why}", "服务器结束了订阅：{why}"),
    "opcua.no_answer": ("the server did not answer in time", "服务器未及时应答"),
    "opcua.refused_port": (
        "nothing listens at its address (connection refused)",
        "该地址没有程序监听（连接被拒绝）",
    ),
    "opcua.lost": ("the connection was lost: {why}", "连接中断：{why}"),
    "opcua.protocol": ("the connection cannot be used: {why}", "连接无法使用：{why}"),
    "opcua.away": ("no connection to the server: {why}", "未连接到服务器：{why}"),
    "opcua.unwatched": ("{count} devices cannot be watched: {names}", "{count} 台设备无法订阅：{names}"),
    "opcua.refused": (
        "{count} of {all} nodes are refused by the server: {names}",
        "{all} 个节点中有 {count} 个被服务器拒绝：{names}",
    ),
    "opcua.nothing": ("there is no node to watch", "没有可订阅的节点"),
    "doctor.opcua": (
        "source {source}: {where} lets us in ({product}; {namespaces} namespaces)",
        "数据源 {source}：{where} 可连接（{product}；{namespaces} 个命名空间）",
    ),
    "doctor.opcua_away": ("source {source}: {where}: {why}", "数据源 {source}：{where}：{why}"),
    "doctor.opcua_away.do": (
        "is the server running, is the address right, does it trust our certificate, do user and password fit?",
        "请检查服务器是否运行、地址是否正确、是否信任我方证书，以及用户名和密码",
    ),
    "doctor.opcua_plain": (
        "source {source}: the connection is neither signed nor encrypted",
        "数据源 {source}：连接既未签名也未加密",
    ),
    "doctor.opcua_plain.do": ("write secure with certificates", "请写 secure 并配置证书"),
    "doctor.opcua_library": ("source {source}: the library for OPC UA is missing", "数据源 {source}：缺少 OPC UA 库"),
    "doctor.opcua_library.do": ("pip install 'fieldgate[opcua]'", "请执行 pip install 'fieldgate[opcua]'"),
}
