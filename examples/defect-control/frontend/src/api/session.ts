import { ApiError } from "./errors";
import { send } from "./client";
import type { Session, User } from "./types";

/**
 * Who is signed in. The access token lives in this module's memory only; the refresh token is a cookie
 * that no script can read, so a page that was loaded anew begins by asking for the next pair.
 */
export type SessionState =
  | { phase: "starting" }
  | { phase: "signed-out"; reason: "none" | "ended" }
  | { phase: "unreachable" }
  | { phase: "signed-in"; user: User };

const RENEW_BEFORE_MS = 20_000;
const RACED_WAIT_MS = 400;
const LOCK = "defect-control.refresh";

let state: SessionState = { phase: "starting" };
let token: { value: string; goodUntil: number } | null = null;
let refreshing: Promise<Session> | null = null;
const listeners = new Set<() => void>();
const tabs = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("defect-control.session");

tabs?.addEventListener("message", (event) => {
  if (event.data === "signed-out" && state.phase === "signed-in") forget("ended");
  if (event.data === "signed-in" && state.phase === "signed-out") void startSession();
});

export function sessionState(): SessionState {
  return state;
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A token that is good for the next seconds, or null. */
export function accessToken(): string | null {
  return token && Date.now() < token.goodUntil ? token.value : null;
}

export async function startSession(): Promise<void> {
  try {
    await refreshSession();
  } catch (error) {
    if (!(error instanceof ApiError) || error.status >= 500) change({ phase: "unreachable" });
  }
}

export async function signIn(email: string, password: string): Promise<void> {
  await open("/api/auth/login", { email, password });
}

export async function register(fullName: string, email: string, password: string): Promise<void> {
  await open("/api/auth/register", { full_name: fullName, email, password });
}

export async function signOut(everywhere = false): Promise<void> {
  try {
    await send("/api/auth/logout", { method: "POST", json: { everywhere } }, accessToken());
  } finally {
    forget("none");
    tabs?.postMessage("signed-out");
  }
}

export function endSession(): void {
  if (state.phase !== "signed-out") forget("ended");
}

export function updateUser(user: User): void {
  change({ phase: "signed-in", user });
}

/** One at a time: in this tab by the shared promise, among tabs by the browser's lock. */
export function refreshSession(): Promise<Session> {
  refreshing ??= locked(renew).finally(() => {
    refreshing = null;
  });
  return refreshing;
}

async function renew(): Promise<Session> {
  try {
    return accept(await exchange());
  } catch (error) {
    if (error instanceof ApiError && error.status < 500 && error.status !== 429) {
      forget(state.phase === "signed-in" ? "ended" : "none");
    }
    throw error;
  }
}

async function exchange(): Promise<Session> {
  // A reload in the middle would lose the next cookie with the answer, and with it the session.
  const once = async () =>
    (await (await send("/api/auth/refresh", { method: "POST", outlivesPage: true }, null)).json()) as Session;
  try {
    return await once();
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "refresh_raced") throw error;
    await new Promise((resolve) => setTimeout(resolve, RACED_WAIT_MS));
    return once();
  }
}

async function open(path: string, credentials: Record<string, string>): Promise<void> {
  const response = await send(path, { method: "POST", json: credentials }, null);
  accept((await response.json()) as Session);
  tabs?.postMessage("signed-in");
}

function accept(session: Session): Session {
  token = { value: session.access_token, goodUntil: Date.now() + session.expires_in * 1000 - RENEW_BEFORE_MS };
  change({ phase: "signed-in", user: session.user });
  return session;
}

function forget(reason: "none" | "ended"): void {
  token = null;
  change({ phase: "signed-out", reason });
}

function change(next: SessionState): void {
  state = next;
  for (const listener of listeners) listener();
}

async function locked<T>(work: () => Promise<T>): Promise<T> {
  // Absent on pages served without TLS from another machine; the server's 5 s of grace covers those.
  const locks = (navigator as { locks?: LockManager }).locks;
  return locks ? await locks.request(LOCK, work) : work();
}
