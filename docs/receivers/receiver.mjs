// A receiver of Fieldgate's webhooks in Node (18 or newer), no dependency.
//
//     FIELDGATE_SECRET=whsec_... node receiver.mjs [PORT] [FOLDER]
//
// It checks signature and time over the raw bytes, keeps each event once by its id, on disk before it answers, and
// answers at once; the work comes afterwards, from events.jsonl. A vector to try other code with: secret = 32 times the
// byte 0x30, webhook-id msg_1, webhook-timestamp 1700000000, body {"a":1} gives
// webhook-signature v1,z0gF+AgSqUCmK9E5+VdblaSkKJjio2qcazBsuPr0wWA=
import { createHmac, timingSafeEqual } from "node:crypto";
import { existsSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const TOLERANCE = 300; // s
const MOST = 64 * 1024; // bytes; events have at most 20 kB
const key = Buffer.from(process.env.FIELDGATE_SECRET.replace(/^whsec_/, ""), "base64");
const path = join(process.argv[3] ?? ".", "events.jsonl");
const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : [];
const known = new Set(lines.map((line) => JSON.parse(line).id));
const file = openSync(path, "a");

function trusted(headers, body) {
  const id = headers["webhook-id"] ?? "", stamp = headers["webhook-timestamp"] ?? "";
  if (!id || !/^\d{1,12}$/.test(stamp) || Math.abs(Date.now() / 1000 - Number(stamp)) > TOLERANCE) return false;
  const mac = createHmac("sha256", key).update(`${id}.${stamp}.`).update(body).digest("base64");
  const wanted = Buffer.from(`v1,${mac}`);
  // two signatures stand there while a secret is being changed: one that fits is enough
  return (headers["webhook-signature"] ?? "").split(" ").some((one) => {
    const given = Buffer.from(one);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  });
}

function take(event) {
  if (known.has(event.id)) return false;
  writeSync(file, JSON.stringify(event) + "\n");
  fsyncSync(file);
  known.add(event.id);
  return true;
}

function answer(response, status, body) {
  const content = JSON.stringify(body);
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(content) };
  if (status === 413) headers.connection = "close";
  response.writeHead(status, headers).end(content);
}

const server = createServer((request, response) => {
  const parts = [];
  let size = 0;
  request.on("data", (part) => {
    size += part.length;
    if (size <= MOST) parts.push(part);
  });
  request.on("end", () => {
    if (request.method !== "POST") return answer(response, 405, { error: "POST only" });
    if (size > MOST) return answer(response, 413, { error: "too large" });
    const body = Buffer.concat(parts);
    if (!trusted(request.headers, body)) return answer(response, 401, { error: "signature" });
    let event;
    try {
      event = JSON.parse(body.toString("utf8"));
      if (event === null || typeof event !== "object") throw new Error("no object");
    } catch {
      return answer(response, 400, { error: "no event" });
    }
    answer(response, 200, { duplicate: !take({ ...event, id: request.headers["webhook-id"] }) });
  });
});
server.listen(Number(process.argv[2] ?? 8090), "127.0.0.1", () => {
  console.log(`listening on ${server.address().port}`);
});
