export interface FieldProblem {
  field: string;
  code: string;
  message: string;
}

export interface ErrorFacts {
  code: string;
  message: string;
  request_id?: string;
  fields?: FieldProblem[];
  details?: Record<string, unknown>;
}

/** What the gateway said no with. `message` is meant for people and is in their language. */
export class ApiError extends Error {
  readonly code: string;
  readonly requestId: string | undefined;
  readonly fields: FieldProblem[];
  readonly details: Record<string, unknown>;

  constructor(
    readonly status: number,
    facts: ErrorFacts,
    readonly retryAfter: number | null = null,
  ) {
    super(facts.message);
    this.name = "ApiError";
    this.code = facts.code;
    this.requestId = facts.request_id;
    this.fields = facts.fields ?? [];
    this.details = facts.details ?? {};
  }
}

/** The gateway could not be reached at all. */
export class NetworkError extends Error {
  constructor() {
    super("network");
    this.name = "NetworkError";
  }
}

export interface Conflict<T> {
  current: T;
  yours: { version: number; changes: Record<string, unknown> };
}

/** The two versions of an edit that came too late, or null when the error is something else. */
export function conflictOf<T>(error: unknown): Conflict<T> | null {
  if (error instanceof ApiError && error.code === "version_conflict" && error.details.current) {
    return error.details as unknown as Conflict<T>;
  }
  return null;
}

/** Messages by field for a form; what belongs to no field is under "". */
export function fieldMessages(error: unknown): Record<string, string> {
  if (!(error instanceof ApiError)) return {};
  return Object.fromEntries(error.fields.map((problem) => [problem.field.split(".").at(-1) ?? "", problem.message]));
}
