// A receiver of Fieldgate's webhooks in Java (17 or newer), the JDK alone.
//
//     FIELDGATE_SECRET=whsec_... java Receiver.java [PORT] [FOLDER]
//
// It checks signature and time over the raw bytes, keeps each event once by its id, on disk before it answers, and
// answers at once; the work comes afterwards, from events.jsonl: the id, a tab, and the event as it came. A vector to
// try other code with: secret = 32 times the byte 0x30, webhook-id msg_1, webhook-timestamp 1700000000, body {"a":1}
// gives webhook-signature v1,z0gF+AgSqUCmK9E5+VdblaSkKJjio2qcazBsuPr0wWA=
import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.Executors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Receiver {
    static final long TOLERANCE = 300; // s
    static final int MOST = 64 * 1024; // bytes; events have at most 20 kB

    final byte[] key;
    final FileChannel file;
    final Set<String> known = new HashSet<>();

    Receiver(byte[] key, Path folder) throws IOException {
        this.key = key;
        Path path = folder.resolve("events.jsonl");
        if (Files.exists(path)) {
            for (String line : Files.readAllLines(path, StandardCharsets.UTF_8)) {
                known.add(line.split("\t", 2)[0]);
            }
        }
        file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    boolean trusted(Headers headers, byte[] body) throws GeneralSecurityException {
        String id = first(headers, "webhook-id"), stamp = first(headers, "webhook-timestamp");
        long now = System.currentTimeMillis() / 1000;
        if (id.isEmpty() || !stamp.matches("[0-9]{1,12}") || Math.abs(now - Long.parseLong(stamp)) > TOLERANCE) {
            return false;
        }
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        mac.update((id + "." + stamp + ".").getBytes(StandardCharsets.UTF_8));
        byte[] wanted = ("v1," + Base64.getEncoder().encodeToString(mac.doFinal(body))).getBytes(StandardCharsets.UTF_8);
        // two signatures stand there while a secret is being changed: one that fits is enough
        for (String one : first(headers, "webhook-signature").split(" ")) {
            if (MessageDigest.isEqual(wanted, one.getBytes(StandardCharsets.UTF_8))) {
                return true;
            }
        }
        return false;
    }

    synchronized boolean take(String id, byte[] body) throws IOException {
        if (known.contains(id)) {
            return false;
        }
        String line = id + "\t" + new String(body, StandardCharsets.UTF_8).replace("\n", " ") + "\n";
        ByteBuffer bytes = ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
            file.write(bytes);
        }
        file.force(true);
        known.add(id);
        return true;
    }

    void handle(HttpExchange exchange) throws IOException {
        byte[] body = exchange.getRequestBody().readNBytes(MOST + 1);
        try {
            if (!exchange.getRequestMethod().equals("POST")) {
                answer(exchange, 405, "{\"error\": \"POST only\"}");
            } else if (body.length > MOST) {
                answer(exchange, 413, "{\"error\": \"too large\"}");
            } else if (!trusted(exchange.getRequestHeaders(), body)) {
                answer(exchange, 401, "{\"error\": \"signature\"}");
            } else if (body.length == 0 || body[0] != '{') {
                answer(exchange, 400, "{\"error\": \"no event\"}");
            } else {
                boolean fresh = take(first(exchange.getRequestHeaders(), "webhook-id"), body);
                answer(exchange, 200, "{\"duplicate\": " + !fresh + "}");
            }
        } catch (GeneralSecurityException error) {
            answer(exchange, 500, "{\"error\": \"internal\"}");
        } finally {
            exchange.close();
        }
    }

    static String first(Headers headers, String name) {
        String found = headers.getFirst(name);
        return found == null ? "" : found;
    }

    static void answer(HttpExchange exchange, int status, String body) throws IOException {
        byte[] content = body.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("content-type", "application/json");
        exchange.sendResponseHeaders(status, content.length);
        exchange.getResponseBody().write(content);
    }

    public static void main(String[] arguments) throws IOException {
        int port = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 8090;
        Path folder = Path.of(arguments.length > 1 ? arguments[1] : ".");
        String secret = System.getenv("FIELDGATE_SECRET").replaceFirst("^whsec_", "");
        Receiver receiver = new Receiver(Base64.getDecoder().decode(secret), folder);
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        server.createContext("/", receiver::handle);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.start();
        System.out.println("listening on " + server.getAddress().getPort());
    }
}
