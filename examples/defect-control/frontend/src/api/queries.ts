import {
  keepPreviousData,
  QueryClient,
  useMutation,
  useQuery,
  useQueryClient,
  type UseQueryResult,
} from "@tanstack/react-query";

import { request, requestBlob, type Query } from "./client";
import { ApiError, NetworkError } from "./errors";
import type {
  Attachment,
  Board,
  Comment,
  Defect,
  DefectChanges,
  DefectSummary,
  FilterQuery,
  HistoryEvent,
  NewDefect,
  OverdueDefect,
  Page,
  Project,
  ProjectName,
  ProjectSummary,
  ReportSummary,
  SavedFilter,
  Stage,
  Status,
  User,
} from "./types";

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: { staleTime: 20_000, retry: worthRepeating, retryDelay: (attempt) => 800 * 2 ** attempt },
      mutations: { retry: false },
    },
  });
}

function worthRepeating(failures: number, error: Error): boolean {
  const passing = error instanceof NetworkError || (error instanceof ApiError && error.status >= 502);
  return passing && failures < 2;
}

const keys = {
  defects: ["defects"] as const,
  defect: (id: string) => ["defect", id] as const,
  comments: (id: string) => ["defect", id, "comments"] as const,
  history: (id: string) => ["defect", id, "history"] as const,
  projects: ["projects"] as const,
  project: (id: string) => ["projects", "one", id] as const,
  users: ["users"] as const,
  filters: ["filters"] as const,
  reports: ["reports"] as const,
};

// --- defects -------------------------------------------------------------------------------------

export function useDefects(query: Query) {
  return useQuery({
    queryKey: [...keys.defects, "list", query],
    queryFn: ({ signal }) => request<Page<DefectSummary>>("/api/defects", { query, signal }),
    placeholderData: keepPreviousData,
  });
}

export function useBoard(query: Query) {
  return useQuery({
    queryKey: [...keys.defects, "board", query],
    queryFn: ({ signal }) => request<Board>("/api/defects/board", { query: { ...query, per_column: 50 }, signal }),
    placeholderData: keepPreviousData,
  });
}

export function useDefect(id: string) {
  return useQuery({
    queryKey: keys.defect(id),
    queryFn: ({ signal }) => request<Defect>(`/api/defects/${id}`, { signal }),
  });
}

/** Puts what the server answered where the card reads it, and lets the lists be asked for again. */
function useDefectArrived() {
  const client = useQueryClient();
  return (defect: Defect) => {
    client.setQueryData(keys.defect(defect.id), defect);
    void client.invalidateQueries({ queryKey: keys.defects });
    void client.invalidateQueries({ queryKey: keys.history(defect.id) });
    void client.invalidateQueries({ queryKey: keys.reports });
  };
}

export function useCreateDefect() {
  const arrived = useDefectArrived();
  return useMutation({
    mutationFn: (defect: NewDefect) => request<Defect>("/api/defects", { method: "POST", json: defect }),
    onSuccess: arrived,
  });
}

export function useEditDefect(id: string) {
  const arrived = useDefectArrived();
  return useMutation({
    mutationFn: ({ version, changes }: { version: number; changes: DefectChanges }) =>
      request<Defect>(`/api/defects/${id}`, { method: "PATCH", version, json: changes }),
    onSuccess: arrived,
  });
}

export interface Move {
  id: string;
  version: number;
  status: Status;
  comment?: string | undefined;
}

export function useMoveDefect() {
  const client = useQueryClient();
  const arrived = useDefectArrived();
  return useMutation({
    mutationFn: ({ id, version, status, comment }: Move) =>
      request<Defect>(`/api/defects/${id}/transition`, {
        method: "POST",
        version,
        json: comment ? { status, comment } : { status },
      }),
    // The card lands where it was dropped at once; a refusal puts the board back as it was.
    onMutate: async (move) => {
      const boards = { queryKey: [...keys.defects, "board"] };
      await client.cancelQueries(boards);
      const before = client.getQueriesData<Board>(boards);
      client.setQueriesData<Board>(boards, (board) => board && moved(board, move));
      return { before };
    },
    onError: (_error, _move, context) => {
      for (const [key, board] of context?.before ?? []) client.setQueryData(key, board);
      void client.invalidateQueries({ queryKey: keys.defects });
    },
    onSuccess: (defect) => {
      arrived(defect);
      void client.invalidateQueries({ queryKey: keys.comments(defect.id) });
    },
  });
}

export function moved(board: Board, { id, status }: { id: string; status: Status }): Board {
  const defect = board.columns.flatMap((column) => column.items).find((item) => item.id === id);
  if (!defect || defect.status === status) return board;
  return {
    columns: board.columns.map((column) => {
      if (column.status === defect.status) {
        return { ...column, total: column.total - 1, items: column.items.filter((item) => item.id !== id) };
      }
      if (column.status === status) {
        return { ...column, total: column.total + 1, items: [{ ...defect, status }, ...column.items] };
      }
      return column;
    }),
  };
}

export function useRefreshDefect() {
  const client = useQueryClient();
  return (id: string) => {
    void client.invalidateQueries({ queryKey: keys.defect(id) });
    void client.invalidateQueries({ queryKey: keys.defects });
  };
}

export function useComments(id: string) {
  return useQuery({
    queryKey: keys.comments(id),
    queryFn: ({ signal }) => everyPage<Comment>(`/api/defects/${id}/comments`, signal),
  });
}

export function useAddComment(id: string) {
  const refresh = useRefreshDefect();
  return useMutation({
    mutationFn: (text: string) => request<Comment>(`/api/defects/${id}/comments`, { method: "POST", json: { text } }),
    onSuccess: () => refresh(id),
  });
}

export function useHistory(id: string) {
  return useQuery({
    queryKey: keys.history(id),
    queryFn: ({ signal }) => everyPage<HistoryEvent>(`/api/defects/${id}/history`, signal),
  });
}

export async function uploadAttachment(defectId: string, file: File): Promise<Attachment> {
  const form = new FormData();
  form.append("file", file, file.name);
  return request<Attachment>(`/api/defects/${defectId}/attachments`, { method: "POST", form });
}

export function useDeleteAttachment(defectId: string) {
  const refresh = useRefreshDefect();
  return useMutation({
    mutationFn: (id: string) => request<undefined>(`/api/attachments/${id}`, { method: "DELETE" }),
    onSuccess: () => refresh(defectId),
  });
}

export function useAttachmentFile(id: string | null, part: "preview" | "content", enabled = true) {
  return useQuery({
    queryKey: ["attachment", id, part],
    queryFn: ({ signal }) => requestBlob(`/api/attachments/${id ?? ""}/${part}`, { signal }),
    enabled: enabled && id !== null,
    staleTime: Infinity,
    gcTime: 5 * 60_000,
  });
}

// --- saved filters -------------------------------------------------------------------------------

export function useSavedFilters() {
  return useQuery({
    queryKey: keys.filters,
    queryFn: ({ signal }) => request<SavedFilter[]>("/api/filters", { signal }),
  });
}

export function useSaveFilter() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (filter: { name: string; query: FilterQuery }) =>
      request<SavedFilter>("/api/filters", { method: "POST", json: filter }),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.filters }),
  });
}

export function useDeleteFilter() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<undefined>(`/api/filters/${id}`, { method: "DELETE" }),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.filters }),
  });
}

// --- projects ------------------------------------------------------------------------------------

export function useProjectNames(): UseQueryResult<ProjectName[]> {
  return useQuery({
    queryKey: [...keys.projects, "names"],
    queryFn: ({ signal }) => request<ProjectName[]>("/api/projects/names", { signal }),
    staleTime: 60_000,
  });
}

export function useProjects(query: Query) {
  return useQuery({
    queryKey: [...keys.projects, "list", query],
    queryFn: ({ signal }) => request<Page<ProjectSummary>>("/api/projects", { query, signal }),
    placeholderData: keepPreviousData,
  });
}

export function useProject(id: string | null) {
  return useQuery({
    queryKey: keys.project(id ?? ""),
    queryFn: ({ signal }) => request<Project>(`/api/projects/${id ?? ""}`, { signal }),
    enabled: id !== null,
    staleTime: 60_000,
  });
}

export interface ProjectFields {
  name: string;
  address: string;
  customer: string;
  description: string;
  starts_on: string | null;
  ends_on: string | null;
}

export function useCreateProject() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (project: Partial<ProjectFields>) =>
      request<Project>("/api/projects", { method: "POST", json: project }),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.projects }),
  });
}

export function useEditProject(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ version, changes }: {
      version: number;
      changes: Partial<ProjectFields> & { status?: "active" | "archived" };
    }) => request<Project>(`/api/projects/${id}`, { method: "PATCH", version, json: changes }),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.projects }),
  });
}

export function useStages(projectId: string) {
  const client = useQueryClient();
  const path = `/api/projects/${projectId}/stages`;
  const onSuccess = () => client.invalidateQueries({ queryKey: keys.projects });
  return {
    add: useMutation({
      mutationFn: (stage: Partial<Stage>) => request<Stage>(path, { method: "POST", json: stage }),
      onSuccess,
    }),
    edit: useMutation({
      mutationFn: ({ id, ...changes }: Partial<Stage> & { id: string }) =>
        request<Stage>(`${path}/${id}`, { method: "PATCH", json: changes }),
      onSuccess,
    }),
    remove: useMutation({
      mutationFn: (id: string) => request<undefined>(`${path}/${id}`, { method: "DELETE" }),
      onSuccess,
    }),
  };
}

export function useMembers(projectId: string) {
  const client = useQueryClient();
  const path = `/api/projects/${projectId}/members`;
  const onSuccess = () => client.invalidateQueries({ queryKey: keys.projects });
  return {
    add: useMutation({
      mutationFn: (userId: string) => request<unknown>(`${path}/${userId}`, { method: "PUT" }),
      onSuccess,
    }),
    remove: useMutation({
      mutationFn: (userId: string) => request<undefined>(`${path}/${userId}`, { method: "DELETE" }),
      onSuccess,
    }),
  };
}

// --- users ---------------------------------------------------------------------------------------

export function useUsers(query: Query, enabled = true) {
  return useQuery({
    queryKey: [...keys.users, query],
    queryFn: ({ signal }) => request<Page<User>>("/api/users", { query, signal }),
    placeholderData: keepPreviousData,
    enabled,
  });
}

export interface NewUser {
  email: string;
  password: string;
  full_name: string;
  role: User["role"];
}

export function useCreateUser() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (user: NewUser) => request<User>("/api/users", { method: "POST", json: user }),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.users }),
  });
}

export function useEditUser() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, ...changes }: { id: string } & Partial<Pick<User, "full_name" | "role" | "is_active">> & {
      password?: string;
    }) => request<User>(`/api/users/${id}`, { method: "PATCH", json: changes }),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.users }),
  });
}

export function useEditMe() {
  return useMutation({
    mutationFn: (full_name: string) => request<User>("/api/auth/me", { method: "PATCH", json: { full_name } }),
  });
}

export function useChangePassword() {
  return useMutation({
    mutationFn: (passwords: { current_password: string; new_password: string }) =>
      request<undefined>("/api/auth/password", { method: "POST", json: passwords }),
  });
}

// --- reports -------------------------------------------------------------------------------------

export function useReport(query: Query) {
  return useQuery({
    queryKey: [...keys.reports, "summary", query],
    queryFn: ({ signal }) => request<ReportSummary>("/api/reports/summary", { query, signal }),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
}

export function useOverdue(query: Query) {
  return useQuery({
    queryKey: [...keys.reports, "overdue", query],
    queryFn: ({ signal }) => request<Page<OverdueDefect>>("/api/reports/overdue", { query, signal }),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
}

export function useExport() {
  return useMutation({
    mutationFn: async ({ format, query }: { format: "csv" | "xlsx"; query: Query }) => {
      const blob = await requestBlob(`/api/reports/export.${format}`, { query });
      return { blob, format };
    },
  });
}

// --- lists that are shown whole ------------------------------------------------------------------

const PAGE_SIZE = 100;
const MOST_PAGES = 10;

async function everyPage<T>(path: string, signal: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  for (let page = 1; page <= MOST_PAGES; page += 1) {
    const answer = await request<Page<T>>(path, { query: { page, size: PAGE_SIZE }, signal });
    items.push(...answer.items);
    if (page >= answer.pages) break;
  }
  return items;
}
