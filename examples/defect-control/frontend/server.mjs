// Serves the built page and hands /api on to the gateway, so that a browser knows one origin.
// Nothing but Node itself is needed. `node server.mjs check` asks a running one how it is (for HEALTHCHECK).

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const PORT = Number(process.env.PORT ?? 3000);
const GATEWAY = new URL(process.env.GATEWAY_URL ?? "http://api-gateway:8000");
const DIST = process.env.DIST_DIR ?? path.join(path.dirname(fileURLToPath(import.meta.url)), "dist");
const GATEWAY_TIMEOUT_MS = 60_000;
// Shorter than any server keeps a connection, so that no request is sent into one that is being closed.
const IDLE_SOCKET_MS = 4_000;

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json; charset=utf-8",
  ".woff2": "font/woff2",
};
const COMPRESSED = new Set([".css", ".html", ".js", ".json", ".svg", ".webmanifest"]);

const SECURITY_HEADERS = {
  "Content-Security-Policy": [
    "default-src 'none'",
    "script-src 'self'",
    // The component library sets sizes and positions by style attributes and elements.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' blob: data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; "),
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Permissions-Policy": "camera=(self), geolocation=(), microphone=(), payment=()",
  "Referrer-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

// RFC 9110, 7.6.1: these concern one connection and are not handed on.
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** The whole build by address. A request can name only what is in it: no path is ever made from a request. */
export function loadFiles(directory) {
  const files = new Map();
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    const address = `/${path.relative(directory, file).split(path.sep).join("/")}`;
    const extension = path.extname(file);
    const body = readFileSync(file);
    files.set(address, {
      body,
      gzip: COMPRESSED.has(extension) ? gzipSync(body) : null,
      etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
      type: TYPES[extension] ?? "application/octet-stream",
      // The names under /assets/ contain a digest of what they hold.
      cache: address.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
    });
  }
  return files;
}

export function makeServer(files, gateway) {
  const agent = new (gateway.protocol === "https:" ? https : http).Agent({ keepAlive: true, timeout: IDLE_SOCKET_MS });
  return http.createServer((request, response) => {
    const address = (request.url ?? "/").split("?", 1)[0];
    if (address === "/health") return answer(response, 200, { status: "ok" });
    if (address === "/openapi.json" || address.startsWith("/api/")) return proxy(request, response, gateway, agent);
    return serve(request, response, files, address);
  });
}

function serve(request, response, files, address) {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("Allow", "GET, HEAD");
    return answer(response, 405, { error: { code: "method_not_allowed", message: "GET, HEAD" } });
  }
  // Screens have addresses too; what looks like a file and is none is a 404, not the page.
  const file = files.get(address) ?? (path.extname(address) ? null : files.get("/index.html"));
  if (!file) return answer(response, 404, { error: { code: "not_found", message: "Not found" } });

  const headers = { ...SECURITY_HEADERS, "Cache-Control": file.cache, ETag: file.etag, Vary: "Accept-Encoding" };
  if (request.headers["if-none-match"] === file.etag) {
    response.writeHead(304, headers);
    return response.end();
  }
  const zipped = file.gzip && /\bgzip\b/.test(request.headers["accept-encoding"] ?? "");
  const body = zipped ? file.gzip : file.body;
  if (zipped) headers["Content-Encoding"] = "gzip";
  response.writeHead(200, { ...headers, "Content-Type": file.type, "Content-Length": body.length });
  return response.end(request.method === "HEAD" ? undefined : body);
}

function proxy(request, response, gateway, agent) {
  const headers = passedOn(request.headers);
  const before = request.headers["x-forwarded-for"];
  const client = (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  headers["x-forwarded-for"] = before ? `${before}, ${client}` : client;
  headers["x-forwarded-proto"] = request.headers["x-forwarded-proto"] ?? "http";

  const onward = (gateway.protocol === "https:" ? https : http).request({
    host: gateway.hostname,
    port: gateway.port || (gateway.protocol === "https:" ? 443 : 80),
    method: request.method,
    path: request.url,
    headers,
    agent,
    timeout: GATEWAY_TIMEOUT_MS,
  });
  onward.on("response", (incoming) => {
    response.writeHead(incoming.statusCode ?? 502, passedOn(incoming.headers));
    incoming.pipe(response);
    incoming.on("error", () => response.destroy());
  });
  onward.on("timeout", () => onward.destroy(new Error("timeout")));
  onward.on("error", (error) => {
    if (response.destroyed) return undefined;
    if (response.headersSent) return response.destroy();
    const late = error.message === "timeout";
    console.error(`${request.method} ${request.url?.split("?", 1)[0]}: gateway: ${error.message}`);
    return answer(response, late ? 504 : 502, {
      error: {
        code: late ? "service_timeout" : "service_unavailable",
        message: /^en\b/.test(request.headers["accept-language"] ?? "")
          ? "The service does not answer. Please try again in a minute."
          : "Сервис не отвечает. Повторите через минуту.",
      },
    });
  });
  // A browser that goes away takes its question with it; what changes something is carried through.
  const asksOnly = request.method === "GET" || request.method === "HEAD";
  response.on("close", () => asksOnly && !response.writableFinished && onward.destroy());
  request.pipe(onward);
}

function passedOn(headers) {
  const named = new Set(String(headers.connection ?? "").toLowerCase().split(/\s*,\s*/));
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name) && !named.has(name)));
}

function answer(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...SECURITY_HEADERS,
    "Cache-Control": "no-store",
    "Content-Type": "application/json; charset=utf-8",
    "Content-Length": Buffer.byteLength(text),
  });
  response.end(text);
}

function check() {
  const question = http.get({ host: "127.0.0.1", port: PORT, path: "/health", timeout: 3000 }, (response) => {
    response.resume();
    process.exitCode = response.statusCode === 200 ? 0 : 1;
  });
  question.on("timeout", () => question.destroy(new Error("timeout")));
  question.on("error", () => {
    process.exitCode = 1;
  });
}

function main() {
  const server = makeServer(loadFiles(DIST), GATEWAY);
  server.listen(PORT, () => console.log(`page on :${PORT}, gateway ${GATEWAY.origin}`));
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.on(signal, () => {
      server.close(() => process.exit(0));
      server.closeIdleConnections();
      setTimeout(() => process.exit(0), 5000).unref();
    });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === "check") check();
  else main();
}
