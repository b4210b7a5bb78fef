import { beforeEach, describe, expect, it, vi } from "vitest";

import { gateway, problem, session } from "../test/gateway";

async function fresh() {
  vi.resetModules();
  return { client: await import("./client"), session: await import("./session") };
}

describe("the session", () => {
  beforeEach(() => vi.useRealTimers());

  it("asks for a token once when many calls need one at the same time", async () => {
    const calls = gateway({ "POST /api/auth/refresh": { json: session() }, "GET /api/x": { json: { ok: true } } });
    const { client } = await fresh();
    await Promise.all([client.request("/api/x"), client.request("/api/x"), client.request("/api/x")]);
    expect(calls.filter((call) => call.path === "/api/auth/refresh")).toHaveLength(1);
    expect(calls.filter((call) => call.path === "/api/x").every((call) => call.headers.get("Authorization") === "Bearer token-1")).toBe(true);
  });

  it("sends the header that no other site's page can, with every call", async () => {
    const calls = gateway({ "POST /api/auth/refresh": { json: session() }, "GET /api/x": {} });
    const { client } = await fresh();
    await client.request("/api/x");
    expect(calls.map((call) => call.headers.get("X-Requested-With"))).toEqual(["defect-control", "defect-control"]);
  });

  it("renews an expired token and repeats the call", async () => {
    gateway({
      "POST /api/auth/refresh": [{ json: session() }, { json: session(undefined, "token-2") }],
      "GET /api/x": [{ status: 401, json: problem("token_expired") }, { json: { ok: true } }],
    });
    const { client } = await fresh();
    await expect(client.request("/api/x")).resolves.toEqual({ ok: true });
  });

  it("repeats a refresh that lost a race against another tab, once", async () => {
    const calls = gateway({
      "POST /api/auth/refresh": [{ status: 401, json: problem("refresh_raced") }, { json: session() }],
    });
    const { session: sessions } = await fresh();
    await sessions.startSession();
    expect(sessions.sessionState().phase).toBe("signed-in");
    expect(calls).toHaveLength(2);
  });

  it("ends when the server no longer knows it, and says so to who was signed in", async () => {
    gateway({
      "POST /api/auth/login": { json: session() },
      "GET /api/x": { status: 401, json: problem("token_invalid") },
    });
    const { client, session: sessions } = await fresh();
    await sessions.signIn("a@example.com", "long enough");
    await expect(client.request("/api/x")).rejects.toMatchObject({ code: "token_invalid" });
    expect(sessions.sessionState()).toEqual({ phase: "signed-out", reason: "ended" });
    expect(sessions.accessToken()).toBeNull();
  });

  it("keeps nothing in the browser's storage", async () => {
    gateway({ "POST /api/auth/login": { json: session() } });
    const { session: sessions } = await fresh();
    await sessions.signIn("a@example.com", "long enough");
    expect(JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)])).not.toContain("token-1");
  });

  it("is not ended by a server that is down", async () => {
    gateway({ "POST /api/auth/refresh": { status: 503, json: problem("service_unavailable") } });
    const { session: sessions } = await fresh();
    await sessions.startSession();
    expect(sessions.sessionState().phase).toBe("unreachable");
  });
});

it("quotes the version that was seen", async () => {
  const calls = gateway({ "POST /api/auth/refresh": { json: session() }, "PATCH /api/x": {} });
  const { client } = await fresh();
  await client.request("/api/x", { method: "PATCH", version: 3, json: {} });
  expect(calls.at(-1)?.headers.get("If-Match")).toBe('"3"');
});
