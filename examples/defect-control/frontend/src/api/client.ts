import { currentLanguage } from "../i18n/language";
import { ApiError, NetworkError, type ErrorFacts } from "./errors";
import { accessToken, endSession, refreshSession } from "./session";

export type Query = Record<string, string | number | boolean | string[] | null | undefined>;

export interface RequestOptions {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  query?: Query;
  json?: unknown;
  form?: FormData;
  /** The version that the person saw; sent as If-Match. */
  version?: number;
  signal?: AbortSignal;
  /** Finishes, cookies and all, even when the page is left meanwhile. */
  outlivesPage?: boolean;
}

/** Calls the gateway as the signed-in person; a token that ran out is renewed and the call repeated once. */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await authorized(path, options);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

export async function requestBlob(path: string, options: RequestOptions = {}): Promise<Blob> {
  return (await authorized(path, options)).blob();
}

async function authorized(path: string, options: RequestOptions): Promise<Response> {
  const token = accessToken() ?? (await refreshSession()).access_token;
  try {
    return await send(path, options, token);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    if (error.code !== "token_expired") {
      endSession();
      throw error;
    }
  }
  return send(path, options, (await refreshSession()).access_token);
}

/** One exchange, without any renewal: what signing in itself uses. */
export async function send(path: string, options: RequestOptions, token: string | null): Promise<Response> {
  const headers = new Headers({
    "Accept-Language": currentLanguage(),
    "X-Requested-With": "defect-control",
  });
  if (token) headers.set("Authorization", `Bearer ${token}`);
  if (options.version !== undefined) headers.set("If-Match", `"${options.version}"`);
  if (options.json !== undefined) headers.set("Content-Type", "application/json");

  const init: RequestInit = { method: options.method ?? "GET", headers, credentials: "same-origin" };
  if (options.outlivesPage) init.keepalive = true;
  if (options.signal) init.signal = options.signal;
  if (options.json !== undefined) init.body = JSON.stringify(options.json);
  else if (options.form) init.body = options.form;

  let response: Response;
  try {
    response = await fetch(`${path}${queryString(options.query)}`, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new NetworkError();
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

export function queryString(query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "" || value === false) continue;
    for (const one of Array.isArray(value) ? value : [value]) parameters.append(name, String(one));
  }
  const text = parameters.toString();
  return text && `?${text}`;
}

async function refusal(response: Response): Promise<ApiError> {
  const retryAfter = Number(response.headers.get("Retry-After")) || null;
  let facts: ErrorFacts = { code: `http_${response.status}`, message: `HTTP ${response.status}` };
  try {
    const body = (await response.json()) as { error?: ErrorFacts };
    if (body.error) facts = body.error;
  } catch {
    // Not the gateway's JSON (a proxy's page, an empty body): the status is all there is to say.
  }
  return new ApiError(response.status, facts, retryAfter);
}
