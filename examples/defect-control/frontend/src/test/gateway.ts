import { vi } from "vitest";

import type { Session, User } from "../api/types";

export interface Call {
  method: string;
  path: string;
  headers: Headers;
  body: unknown;
}

type Answer = { status?: number; json?: unknown };

/** A gateway in the place of `fetch`: answers by "METHOD /path" in turn, the last answer for good; keeps the calls. */
export function gateway(answers: Record<string, Answer | Answer[]>): Call[] {
  const calls: Call[] = [];
  const left = new Map(Object.entries(answers).map(([name, answer]) => [name, [answer].flat()]));
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    const path = url.split("?")[0] ?? url;
    const name = `${init.method ?? "GET"} ${path}`;
    const body: unknown = typeof init.body === "string" ? JSON.parse(init.body) : init.body;
    calls.push({ method: init.method ?? "GET", path: url, headers: new Headers(init.headers), body });
    const queue = left.get(name) ?? [{ status: 404, json: problem("not_found") }];
    const answer = (queue.length > 1 ? queue.shift() : queue[0]) ?? {};
    const status = answer.status ?? 200;
    return Promise.resolve(new Response(status === 204 ? null : JSON.stringify(answer.json ?? {}), { status }));
  });
  return calls;
}

export function problem(code: string, details: Record<string, unknown> = {}) {
  return { error: { code, message: `сообщение ${code}`, request_id: "r1", fields: [], details } };
}

export const ENGINEER: User = {
  id: "11111111-1111-4111-8111-111111111111",
  email: "petrov@example.com",
  full_name: "Дмитрий Петров",
  role: "engineer",
  is_active: true,
  created_at: "2026-11-01T00:00:00Z",
  last_login_at: null,
};

export function session(user: User = ENGINEER, token = "token-1", expires_in = 600): Session {
  return { access_token: token, token_type: "Bearer", expires_in, refresh_token: null, user };
}
