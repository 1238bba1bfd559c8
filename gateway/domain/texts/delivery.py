"""Texts of deliveries: reasons of failed attempts, and mistakes in an endpoint's configuration."""

TEXTS: dict[str, tuple[str, str]] = {
    # Reasons of failed attempts: the label before the colon.
    "delivery.reason.timeout": ("No complete answer within the time limit", "在时限内没有收到完整应答"),
    "delivery.reason.resolve": ("The name of the receiver does not resolve", "接收方域名无法解析"),
    "delivery.reason.connect": ("The receiver does not accept connections", "无法连接接收方"),
    "delivery.reason.tls": (
        "The receiver's certificate or TLS version is not acceptable",
        "接收方的证书或 TLS 版本不可接受",
    ),
    "delivery.reason.address": (
        "The receiver's address is not public and not on the endpoint's allow list; nothing was sent",
        "接收方地址既非公网地址，也不在该端点的 allow 列表中；未发送任何内容",
    ),
    "delivery.reason.broken": ("The connection broke before an answer came", "连接在应答之前中断"),
    "delivery.reason.gone": (
        "The receiver says the endpoint is gone; it is disabled until a person enables it",
        "接收方声明该端点已不存在；端点已停用，需人工启用",
    ),
    "delivery.reason.busy": ("The receiver asks to wait", "接收方要求稍后再试"),
    "delivery.reason.failing": ("The receiver has an error of its own", "接收方内部出错"),
    "delivery.reason.redirect": (
        "The receiver redirects; write the final URL into the endpoint",
        "接收方返回重定向；请把最终地址写入端点配置",
    ),
    "delivery.reason.rejected": ("The receiver rejected it", "接收方拒绝"),
    "delivery.reason.bad_id": ("The id cannot be signed", "标识无法签名"),
    "delivery.reason.bad_body": ("The content does not fit this channel", "内容不符合该通道的要求"),
    "delivery.reason.template": (
        "This template has no code in the channel's `templates`",
        "该模板在通道的 templates 中没有对应编码",
    ),
    "delivery.reason.limit": ("The channel's limit for this recipient is reached", "已达到该通道对此接收人的限额"),
    "delivery.reason.account": ("The channel's account is out of credit or suspended", "通道账户欠费或被停用"),
    "delivery.reason.not_ok": ("The channel did not accept it", "通道未受理"),
    "delivery.reason.not_understood": ("The answer could not be understood", "应答无法识别"),
    "delivery.reason.secret": ("The secret cannot be read", "密钥无法读取"),
    "delivery.reason.secret_short": (
        "The secret is shorter than 24 bytes; generate 32 random bytes",
        "密钥短于 24 字节；请生成 32 个随机字节",
    ),
    "delivery.reason.secret_long": (
        "The secret is longer than 64 bytes; generate 32 random bytes",
        "密钥长于 64 字节；请生成 32 个随机字节",
    ),
    "delivery.reason.secret_plain": (
        "The secret repeats a few characters; generate 32 random bytes",
        "密钥只由少数字符重复构成；请生成 32 个随机字节",
    ),
    "delivery.reason.authority": ("The file of the certificate authority cannot be used", "CA 证书文件无法使用"),
    "delivery.reason.fault": ("An error in this program; it is in the log", "本程序内部错误，详见日志"),
    "delivery.reason.paused": ("Not tried: the endpoint is paused after failures", "未尝试：端点因连续失败而暂停"),
    "delivery.reason.stopped": ("The program stopped before the answer came", "程序在应答之前停止"),
    "delivery.reason.exhausted": ("All attempts failed; the last time: {last}", "所有尝试均失败；最后一次：{last}"),
    # Where the user finds a test event.
    "delivery.hint.ok": ("The receiver took the event.", "接收方已收下该事件。"),
    "delivery.hint.secret": (
        "The receiver knows us, but not the signature: is the secret the same on both sides, does it verify the raw bytes, is its clock right?",
        "接收方不认可签名：请核对双方密钥是否一致、是否对原始字节验签、接收方时钟是否准确。",
    ),
    "delivery.hint.url": ("Nothing is at this path: look at the URL of the endpoint.", "该路径下没有接收程序：请检查端点的 URL。"),
    "delivery.hint.method": ("The path takes no POST: look at the URL of the endpoint.", "该路径不接受 POST：请检查端点的 URL。"),
    "delivery.hint.body": (
        "The receiver does not understand the body: compare it with the schemas (fieldgate schemas).",
        "接收方无法理解内容：请对照 JSON Schema（fieldgate schemas）。",
    ),
    "delivery.hint.size": ("The receiver takes no body of this size; events have up to 20 kB.", "接收方不接受该大小的内容，事件最大 20 kB。"),
    "delivery.hint.gone": (
        "The receiver says it is gone; a delivery with this answer switches the endpoint off.",
        "接收方声明已停止服务；正式投递收到此应答时端点会被停用。",
    ),
    "delivery.hint.busy": ("The receiver asks to wait; try again later.", "接收方要求稍后再试。"),
    "delivery.hint.redirect": ("Write the final URL into the endpoint: redirects are not followed.", "请把最终地址写入端点配置：不跟随重定向。"),
    "delivery.hint.receiver": ("The receiver has an error of its own: look into its log.", "接收方内部出错：请查看其日志。"),
    "delivery.hint.refused": ("The receiver refuses it; its answer may say why.", "接收方拒绝，其应答可能说明了原因。"),
    "delivery.hint.timeout": (
        "No answer in time: does a firewall drop the packets, does the receiver answer only after its work?",
        "未在时限内应答：请检查防火墙是否丢弃消息，接收方是否处理完才应答。",
    ),
    "delivery.hint.resolve": ("The host name is unknown here: look at the URL and at the DNS server.", "主机名无法解析：请检查 URL 和 DNS 服务器。"),
    "delivery.hint.connect": (
        "Nothing listens at this address and port: does the receiver run, is the port right, does a firewall refuse?",
        "该地址和端口无人监听：请检查接收方是否运行、端口是否正确、防火墙是否拒绝。",
    ),
    "delivery.hint.tls": (
        "TLS failed: has the certificate expired, does it name this host, is its authority known (ca_file)?",
        "TLS 失败：请检查证书是否过期、主机名是否匹配、签发机构是否可信（ca_file）。",
    ),
    "delivery.hint.address": (
        "The address is not public: write its network under `allow` of the endpoint.", "该地址不是公网地址：请在端点的 allow 中写明其网段。",
    ),
    "delivery.hint.broken": (
        "The connection broke: is it https on one side and http on the other, does a proxy cut in?",
        "连接中断：请检查两端 http 与 https 是否一致，是否有 MQTT 服务器介入。",
    ),
    "delivery.hint.authority": ("Look at the file `ca_file` of the endpoint.", "请检查端点的 ca_file 文件。"),
    "delivery.hint.own_secret": ("Look at `secret` or `secret_file` of the endpoint.", "请检查端点的 secret 或 secret_file。"),
    "delivery.hint.log": ("Look into the log of the gateway.", "请查看网关日志。"),
    # Configuration.
    "delivery.url.characters": (
        "this URL cannot be used: write it in ASCII without blanks (a Chinese host name as xn--…)",
        "该 URL 不可用：只能用 ASCII 字符且不含空格（中文域名请写成 xn--…）",
    ),
    "delivery.url.shape": (
        "this URL cannot be used: write https://host/path",
        "该 URL 不可用：请写成 `https://主机/路径`",
    ),
    "delivery.url.scheme": (
        "this URL cannot be used: write https://, or http:// for an address on the allow list",
        "该 URL 不可用：请写 https://；仅 allow 列表中的地址可用 http://",
    ),
    "delivery.url.userinfo": (
        "this URL cannot be used: leave out user:password@; the signature proves who sends",
        "该 URL 不可用：去掉 user:password@；签名已证明发送方身份",
    ),
    "delivery.url.fragment": (
        "this URL cannot be used: leave out the part from # on",
        "该 URL 不可用：去掉 # 及其后的部分",
    ),
    "delivery.url.host": (
        "this URL cannot be used: the host is not a name or address",
        "该 URL 不可用：主机部分不是合法的域名或地址",
    ),
    "delivery.url.address": (
        "this URL cannot be used: write the address as 192.168.1.20 or [fd00::20]",
        "该 URL 不可用：地址请写成 192.168.1.20 或 [fd00::20]",
    ),
    "delivery.allow": (
        "{value!r} is not a network; write 192.168.10.0/24 or fd00:1::/64",
        "{value!r} 不是网段；请写 192.168.10.0/24 或 fd00:1::/64",
    ),
    "delivery.allow_wide": (
        "{value!r} would allow nearly everything; write the network of the receiver",
        "{value!r} 几乎放行一切；请写接收方所在网段",
    ),
    "delivery.timeout": ("{value} is out of range; write 1s to 30s", "{value} 超出范围；请写 1s 到 30s"),
    "delivery.secret_once": (
        "give secret (as ${{ENV_NAME}}) or secret_file, exactly one of them",
        "请给出 secret（写成 ${{ENV_NAME}}）或 secret_file，二者恰取其一",
    ),
    "delivery.old_secret_once": (
        "give old_secret or old_secret_file, not both",
        "old_secret 与 old_secret_file 只能给出一个",
    ),
    "delivery.http_needs_allow": (
        "http:// needs `allow` with the receiver's network; write https:// otherwise",
        "http:// 需要在 allow 中写明接收方网段；否则请写 https://",
    ),
    "delivery.events": (
        "{value!r} is not an event pattern; write workorder.* or workorder.created",
        "{value!r} 不是事件模式；请写 workorder.* 或 workorder.created",
    ),
    "delivery.lease": (
        "lease must exceed deadline by at least 5s, or an event may be sent twice at once",
        "lease 至少要比 deadline 长 5s，否则同一事件可能同时发送两次",
    ),
}
