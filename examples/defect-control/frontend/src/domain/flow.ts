import type { DefectSummary, Role, Status, User } from "../api/types";

/** Where a defect may go. The server decides; this says it beforehand, so that nobody is offered a refusal. */
const FLOW: Record<Status, readonly Status[]> = {
  new: ["in_progress", "cancelled"],
  in_progress: ["in_review", "cancelled"],
  in_review: ["closed", "in_progress", "cancelled"],
  closed: [],
  cancelled: [],
};

type Movable = Pick<DefectSummary, "status" | "assignee_id">;

export function allowedTransitions(user: Pick<User, "id" | "role">, defect: Movable): readonly Status[] {
  const next = FLOW[defect.status];
  if (leads(user.role)) return next;
  if (user.role === "observer") return [];
  return next.filter((status) => engineerMay(user.id, defect, status));
}

function engineerMay(userId: string, defect: Movable, status: Status): boolean {
  const isAssignee = defect.assignee_id === userId;
  if (defect.status === "new" && status === "in_progress") return isAssignee || defect.assignee_id === null;
  return defect.status === "in_progress" && status === "in_review" && isAssignee;
}

export function needsComment(from: Status, to: Status): boolean {
  return to === "cancelled" || (from === "in_review" && to === "in_progress");
}

export function isFinal(status: Status): boolean {
  return FLOW[status].length === 0;
}

export function leads(role: Role): boolean {
  return role === "administrator" || role === "manager";
}

/** What somebody who sees no site is told: what to do first, or whom to ask. */
export function withoutSites(role: Role): "empty.projectsHint" | "empty.projectsNotMember" | "empty.projectsObserver" {
  if (leads(role)) return "empty.projectsHint";
  return records(role) ? "empty.projectsNotMember" : "empty.projectsObserver";
}

export function records(role: Role): boolean {
  return role !== "observer";
}
