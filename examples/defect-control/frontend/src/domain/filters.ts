import type { FilterQuery, Priority, Status } from "../api/types";
import { PRIORITIES, STATUSES } from "../api/types";

/** What the board and the table are narrowed by; it lives in the address, so that it can be sent to a colleague. */
export interface Filters {
  q: string;
  project_id: string[];
  status: Status[];
  priority: Priority[];
  assignee_id: string[];
  stage_id: string[];
  unassigned: boolean;
  overdue: boolean;
  due_from: string | null;
  due_to: string | null;
}

export const NO_FILTERS: Filters = {
  q: "",
  project_id: [],
  status: [],
  priority: [],
  assignee_id: [],
  stage_id: [],
  unassigned: false,
  overdue: false,
  due_from: null,
  due_to: null,
};

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function readFilters(parameters: URLSearchParams): Filters {
  const ids = (name: string) => parameters.getAll(name).filter((value) => UUID.test(value));
  const day = (name: string) => {
    const value = parameters.get(name);
    return value && DAY.test(value) ? value : null;
  };
  return {
    q: (parameters.get("q") ?? "").slice(0, 100),
    project_id: ids("project_id"),
    status: parameters.getAll("status").filter(isOneOf(STATUSES)),
    priority: parameters.getAll("priority").filter(isOneOf(PRIORITIES)),
    assignee_id: ids("assignee_id"),
    stage_id: ids("stage_id"),
    unassigned: parameters.get("unassigned") === "true",
    overdue: parameters.get("overdue") === "true",
    due_from: day("due_from"),
    due_to: day("due_to"),
  };
}

function isOneOf<T extends string>(known: readonly T[]): (value: string) => value is T {
  return (value): value is T => (known as readonly string[]).includes(value);
}

/** The filters that are set, under the API's names: for the address, a saved filter and the request alike. */
export function toQuery(filters: Filters): FilterQuery {
  const query: FilterQuery = {};
  for (const [name, value] of Object.entries(filters) as [string, string | string[] | boolean | null][]) {
    if (value === true) query[name] = "true";
    else if (Array.isArray(value) ? value.length > 0 : value) query[name] = value as string | string[];
  }
  return query;
}

export function fromQuery(query: Record<string, unknown>): Filters {
  return readFilters(toParameters(query));
}

export function toParameters(query: Record<string, unknown>): URLSearchParams {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === false) continue; // what a saved filter left open
    for (const one of Array.isArray(value) ? value : [value]) parameters.append(name, String(one));
  }
  return parameters;
}

/** How many are set besides the search text, for the number on the button. */
export function countFilters(filters: Filters): number {
  return Object.keys(toQuery({ ...filters, q: "" })).length;
}

export const SORTS = ["number", "title", "status", "priority", "due_date", "created_at", "updated_at"] as const;
export type SortField = (typeof SORTS)[number];

export interface Sort {
  field: SortField;
  descending: boolean;
}

export function readSort(text: string | null): Sort {
  const field = text?.replace(/^-/, "") ?? "";
  return isOneOf(SORTS)(field)
    ? { field, descending: text?.startsWith("-") ?? false }
    : { field: "updated_at", descending: true };
}

export function writeSort({ field, descending }: Sort): string {
  return descending ? `-${field}` : field;
}
