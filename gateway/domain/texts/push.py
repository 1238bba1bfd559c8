"""Texts of the HTTP source: mistakes in its part of the configuration, and answers to those who push."""

TEXTS: dict[str, tuple[str, str]] = {
    "http.secret": ("write secret or secret_file, exactly one of them", "secret 与 secret_file 必须且只能写一个"),
    "http.auth": (
        "{got!r} is not a kind of proof; write one of {known}",
        "{got!r} 不是鉴权方式；请写其中之一：{known}",
    ),
    "http.tcec_secret": (
        "write {got} or {got}_file, exactly one of them",
        "{got} 与 {got}_file 必须且只能写一个",
    ),
    "http.query": (
        "auth {got} proves the body of a request, and a message in the query has none; leave query out",
        "auth {got} 校验的是请求正文，而写在 URL 参数里的消息没有正文；请删去 query",
    ),
    "http.no_aes": (
        "encrypted messages need the library cryptography; run: pip install '{package}'",
        "加密消息需要 cryptography 库；请运行：pip install '{package}'",
    ),
    "http.aes_key": (
        "a secret is no key of AES: DataSecret has 16, 24 or 32 characters, DataSecretIV 16, EncodingAESKey of OneNET 43, the key of OneNET Studio 16",
        "有密钥不能用于 AES：DataSecret 应为 16、24 或 32 个字符，DataSecretIV 为 16 个，OneNET 的 EncodingAESKey 为 43 个，OneNET Studio 的密钥为 16 个",
    ),
    "http.empty_secret": ("the secret is empty, so everybody would know it; write one", "密钥为空，等于没有鉴权；请填写密钥"),
    "http.max_payload": (
        "max_payload is {got} bytes; write at most {most}: max_unjournaled, and 64MiB",
        "max_payload 为 {got} 字节；最多可写 {most}：不超过 max_unjournaled 和 64MiB",
    ),
    "http.tls_files": ("the files of tls cannot be used: {error}", "tls 的文件无法使用：{error}"),
    "push.charset": ("charset {got} is not read here; send UTF-8", "不支持 charset {got}；请用 UTF-8 发送"),
    "push.tcec.ok": ("success", "请求成功"),
    "push.tcec.parameters": (
        "OperatorID, Data, TimeStamp (yyyyMMddHHmmss), Seq and Sig are needed",
        "POST 参数不合法：需要 OperatorID、Data、TimeStamp（yyyyMMddHHmmss）、Seq、Sig",
    ),
    "push.tcec.signature": ("wrong Sig", "签名错误"),
    "push.tcec.operator": ("unknown OperatorID", "OperatorID 未知"),
    "push.tcec.time": ("TimeStamp is too far from now", "TimeStamp 与当前时间相差过大"),
    "push.tcec.token": ("no valid token; call query_token", "令牌无效，请重新获取"),
    "push.tcec.interface": ("this platform does not offer the interface", "本平台不提供该接口"),
    "push.tcec.content": (
        "Data cannot be decrypted, or is no JSON object",
        "请求的业务参数不合法：Data 无法解密，或不是 JSON 对象",
    ),
    "push.tcec.busy": ("busy; send it again later", "系统繁忙，请稍后重试"),
    "push.tcec.not_taken": ("the journal did not take it; send it again later", "日志未能写入，请稍后重试"),
    "http.listen": (
        "{got!r} is not an address to listen on; write an IP address and a port: 127.0.0.1:8422, 0.0.0.0:8422 or [::]:8422",
        "{got!r} 不是监听地址；请写 IP 地址和端口：127.0.0.1:8422、0.0.0.0:8422 或 [::]:8422",
    ),
    "http.open": (
        "{got} can be reached from other machines, and auth: none lets everybody push; write auth (token, hmac, onenet, mtls) or listen on 127.0.0.1",
        "其他机器可以访问 {got}，而 auth: none 允许任何人推送；请写 auth（token、hmac、onenet、mtls），或只监听 127.0.0.1",
    ),
    "http.client_ca": (
        "mtls needs the authority that signs the senders' certificates; write tls.client_ca",
        "mtls 需要签发推送方证书的机构；请写 tls.client_ca",
    ),
    "http.plain": (
        "{listen} can be reached from other machines without TLS: secrets and readings can be read on the way; write tls, or put a proxy with TLS in front",
        "其他机器可不经 TLS 访问 {listen}：密钥和读数可能在途中被看到；请写 tls，或由前置的程序负责 TLS",
    ),
    "http.tls_differs": (
        "source {first} listens on the same address with another tls; write the same in both, or another port",
        "数据源 {first} 以不同的 tls 监听同一地址；请两处写成一样，或换一个端口",
    ),
    "http.cannot_listen": (
        "cannot listen on {address}: {error}; is another program using the port?",
        "无法监听 {address}：{error}；该端口是否已被其他程序占用？",
    ),
    "http.silent": ("listening, but nothing is pushed", "正在监听，但没有收到推送"),
    "doctor.http": ("{source}: {listen} is free to listen on", "{source}：{listen} 可以监听"),
    "doctor.http_listens": ("{source}: the gateway listens on {listen}", "{source}：网关正在监听 {listen}"),
    "doctor.http_taken": ("{source}: {listen} cannot be listened on: {error}", "{source}：无法监听 {listen}：{error}"),
    "doctor.http_taken.do": (
        "end the other program, or take another port",
        "请结束占用端口的程序，或改用其他端口",
    ),
    "doctor.http_silent": (
        "{source}: a gateway runs, but nothing listens on {listen}",
        "{source}：网关正在运行，但没有程序监听 {listen}",
    ),
    "doctor.http_silent.do": ("look into the log for this source", "请在日志中查看该数据源"),
    "doctor.http_tls": ("{source}: the files of tls cannot be used: {error}", "{source}：无法使用 tls 的文件：{error}"),
    "doctor.http_tls.do": (
        "cert and key must be PEM files that belong together and that the gateway's user may read",
        "cert 与 key 必须是一对 PEM 文件，且网关用户可以读取",
    ),
    "push.unproven": (
        "the request brings no valid proof of its sender; see auth of this source",
        "请求没有有效的身份证明；请查看该数据源的 auth",
    ),
    "push.no_path": ("messages are pushed to {path}", "消息应推送到 {path}"),
    "push.no_source": ("no source of that name listens here", "此处没有该名称的数据源"),
    "push.method": ("messages are pushed by POST", "消息应以 POST 推送"),
    "push.busy": (
        "too much waits for the journal; send the message again after the time in Retry-After",
        "等待写入日志的数据过多；请在 Retry-After 所给的时间后重发",
    ),
    "push.not_taken": (
        "the journal did not take the message; send it again after the time in Retry-After",
        "日志未能写入该消息；请在 Retry-After 所给的时间后重发",
    ),
    "push.stopping": ("the gateway stops; send the message again", "网关正在停止；请重发该消息"),
    "push.encoding": ("the body is not {got}, as content-encoding says", "正文并非 content-encoding 所说的 {got}"),
    "push.cut_short": ("the body ends before the end of its {got} data", "正文的 {got} 数据不完整"),
    "push.content_encoding": (
        "content-encoding may be gzip, deflate or identity",
        "content-encoding 只能是 gzip、deflate 或 identity",
    ),
    "push.too_large": ("a body has at most {most} bytes", "正文不能超过 {most} 字节"),
    "push.headers": (
        "a request has at most {count} headers and {most} bytes of them",
        "请求最多 {count} 个请求头，共 {most} 字节",
    ),
    "push.upgrade": ("this listener speaks HTTP/1.1 only", "此监听端口只支持 HTTP/1.1"),
    "push.no_http": ("this is not an HTTP/1.1 request", "这不是 HTTP/1.1 请求"),
}
