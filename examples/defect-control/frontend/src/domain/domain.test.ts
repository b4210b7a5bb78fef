import { describe, expect, it } from "vitest";

import { moved } from "../api/queries";
import type { Board, DefectSummary, Role, Status } from "../api/types";
import { countFilters, fromQuery, NO_FILTERS, readFilters, readSort, toParameters, toQuery, writeSort } from "./filters";
import { allowedTransitions, needsComment } from "./flow";
import { asked } from "./period";
import { fitted, problemOf } from "./photos";

const ME = "11111111-1111-4111-8111-111111111111";
const OTHER = "22222222-2222-4222-8222-222222222222";

describe("who may move what", () => {
  const cases: [Role, Status, string | null, Status[]][] = [
    ["observer", "new", null, []],
    ["engineer", "new", null, ["in_progress"]],
    ["engineer", "new", ME, ["in_progress"]],
    ["engineer", "new", OTHER, []],
    ["engineer", "in_progress", ME, ["in_review"]],
    ["engineer", "in_progress", OTHER, []],
    ["engineer", "in_review", ME, []],
    ["manager", "in_review", OTHER, ["closed", "in_progress", "cancelled"]],
    ["administrator", "new", null, ["in_progress", "cancelled"]],
    ["administrator", "closed", null, []],
    ["manager", "cancelled", null, []],
  ];
  it.each(cases)("%s, %s, assigned to %s", (role, status, assignee_id, expected) => {
    expect(allowedTransitions({ id: ME, role }, { status, assignee_id })).toEqual(expected);
  });

  it("asks for a reason when work is sent back or given up", () => {
    expect(needsComment("in_review", "in_progress")).toBe(true);
    expect(needsComment("new", "cancelled")).toBe(true);
    expect(needsComment("new", "in_progress")).toBe(false);
    expect(needsComment("in_review", "closed")).toBe(false);
  });
});

describe("filters", () => {
  const filters = { ...NO_FILTERS, q: "трещина", status: ["new", "in_review"] as Status[], project_id: [ME], overdue: true, due_from: "2026-11-01" };

  it("come back from the address as they were put there", () => {
    expect(readFilters(toParameters(toQuery(filters)))).toEqual(filters);
  });

  it("come back from a saved filter with its unset parameters", () => {
    expect(fromQuery({ ...toQuery(filters), overdue: true, unassigned: false, due_to: null, stage_id: [] })).toEqual(filters);
  });

  it("ignore what an address cannot mean", () => {
    expect(readFilters(new URLSearchParams("status=exploded&project_id=1%20or%201&due_from=soon&overdue=yes"))).toEqual(NO_FILTERS);
  });

  it("are counted without the search text", () => {
    expect(countFilters(filters)).toBe(4);
    expect(countFilters({ ...NO_FILTERS, q: "x" })).toBe(0);
  });

  it("sort by a known field only", () => {
    expect(readSort("-due_date")).toEqual({ field: "due_date", descending: true });
    expect(writeSort(readSort("drop table"))).toBe("-updated_at");
  });
});

describe("photos", () => {
  it("are made to fit and never made larger", () => {
    expect(fitted(4800, 3600)).toEqual({ width: 2400, height: 1800 });
    expect(fitted(800, 600)).toEqual({ width: 800, height: 600 });
  });

  it("are refused by type before they are sent", () => {
    expect(problemOf(new File(["x"], "a.svg", { type: "image/svg+xml" }))).toBe("type");
    expect(problemOf(new File(["x"], "a.jpg", { type: "image/jpeg" }))).toBeNull();
  });
});

it("moves a card between columns without waiting for the server", () => {
  const card = { id: "a", status: "new" } as DefectSummary;
  const board: Board = {
    columns: [
      { status: "new", total: 1, items: [card] },
      { status: "in_progress", total: 60, items: [] },
    ],
  };
  const after = moved(board, { id: "a", status: "in_progress" });
  expect(after.columns.map(({ total, items }) => [total, items.length])).toEqual([[0, 0], [61, 1]]);
  expect(after.columns[1]?.items[0]?.status).toBe("in_progress");
});

describe("what a report is asked for", () => {
  const choice = { project_id: [], from: "2026-10-26", to: "2026-11-24" };

  it("ends with the installation's today where it goes on to this day", () => {
    expect(asked(choice, "2026-11-24").to).toBeUndefined();
  });

  it("ends where it was told to, otherwise", () => {
    expect(asked(choice, "2026-11-25").to).toBe("2026-11-24");
    expect(asked({ ...choice, from: "2026-11-24" }, "2026-11-24").to).toBe("2026-11-24");
  });
});
