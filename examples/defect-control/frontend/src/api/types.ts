/** The gateway's shapes, as docs/api.md names them. */

export const ROLES = ["administrator", "manager", "engineer", "observer"] as const;
export type Role = (typeof ROLES)[number];

export const STATUSES = ["new", "in_progress", "in_review", "closed", "cancelled"] as const;
export type Status = (typeof STATUSES)[number];

export const PRIORITIES = ["critical", "high", "medium", "low"] as const;
export type Priority = (typeof PRIORITIES)[number];

export interface Page<T> {
  items: T[];
  total: number;
  page: number;
  size: number;
  pages: number;
}

export interface User {
  id: string;
  email: string;
  full_name: string;
  role: Role;
  is_active: boolean;
  created_at: string;
  last_login_at: string | null;
}

export interface Session {
  access_token: string;
  token_type: "Bearer";
  expires_in: number;
  refresh_token: string | null;
  user: User;
}

export interface ProjectName {
  id: string;
  name: string;
  status: "active" | "archived";
}

export interface ProjectSummary extends ProjectName {
  address: string;
  customer: string;
  description: string;
  starts_on: string | null;
  ends_on: string | null;
  version: number;
  created_at: string;
  updated_at: string;
  created_by: string;
  stages_count: number;
  members_count: number;
}

export interface Stage {
  id: string;
  name: string;
  position: number;
  starts_on: string | null;
  ends_on: string | null;
}

export interface Member {
  user_id: string;
  full_name: string;
  role: Role;
  is_active: boolean;
  added_at: string;
}

export interface Project extends ProjectSummary {
  stages: Stage[];
  members: Member[];
  can_edit: boolean;
}

export interface DefectSummary {
  id: string;
  number: number;
  project_id: string;
  project_name: string;
  title: string;
  priority: Priority;
  status: Status;
  location: string;
  stage_id: string | null;
  stage_name: string | null;
  assignee_id: string | null;
  assignee_name: string | null;
  author_id: string;
  author_name: string;
  due_date: string | null;
  is_overdue: boolean;
  created_at: string;
  updated_at: string;
  closed_at: string | null;
  version: number;
  comments_count: number;
  attachments_count: number;
  cover_id: string | null;
}

export interface Attachment {
  id: string;
  defect_id: string;
  filename: string;
  content_type: string;
  size: number;
  width: number | null;
  height: number | null;
  has_preview: boolean;
  author_id: string;
  author_name: string;
  created_at: string;
}

export interface Defect extends DefectSummary {
  description: string;
  attachments: Attachment[];
  allowed_transitions: Status[];
  can_edit: boolean;
  can_assign: boolean;
  can_write: boolean;
}

/** What a person may change about a defect in one PATCH. */
export interface DefectChanges {
  title?: string;
  description?: string;
  priority?: Priority;
  location?: string;
  stage_id?: string | null;
  assignee_id?: string | null;
  due_date?: string | null;
}

/** `id` is the page's own choice, so that asking twice records once. */
export interface NewDefect extends DefectChanges {
  id: string;
  project_id: string;
  title: string;
}

export interface Comment {
  id: string;
  author_id: string;
  author_name: string;
  text: string;
  created_at: string;
}

export interface HistoryEvent {
  id: string;
  at: string;
  actor_id: string;
  actor_name: string;
  action: "created" | "edited" | "moved" | "commented" | "attached" | "detached";
  changes: { field: string; old: unknown; new: unknown }[];
  comment: string | null;
}

export interface BoardColumn {
  status: Status;
  total: number;
  items: DefectSummary[];
}

export interface Board {
  columns: BoardColumn[];
}

/** Under the names of the list's parameters; what the server gives back has the unset ones too. */
export type FilterQuery = Record<string, string | string[]>;

export interface SavedFilter {
  id: string;
  name: string;
  query: Record<string, unknown>;
  created_at: string;
}

export interface ReportSummary {
  period: { from: string; to: string };
  totals: {
    total: number;
    open: number;
    closed: number;
    cancelled: number;
    overdue: number;
    opened_in_period: number;
    closed_in_period: number;
    mean_hours_to_close: number | null;
  };
  by_status: { status: Status; count: number }[];
  by_priority: { priority: Priority; open: number; closed: number }[];
  by_assignee: {
    assignee_id: string | null;
    assignee_name: string | null;
    open: number;
    closed: number;
    overdue: number;
    mean_hours_to_close: number | null;
  }[];
  by_project: {
    project_id: string;
    project_name: string;
    open: number;
    closed: number;
    overdue: number;
    mean_hours_to_close: number | null;
  }[];
  timeline: { date: string; opened: number; closed: number; open: number }[];
}

export interface OverdueDefect {
  id: string;
  number: number;
  title: string;
  project_id: string;
  project_name: string;
  priority: Priority;
  status: Status;
  assignee_id: string | null;
  assignee_name: string | null;
  due_date: string;
  days_overdue: number;
}
