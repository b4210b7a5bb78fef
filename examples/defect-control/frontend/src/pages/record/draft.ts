import type { DefectDraft } from "../defects/DefectFields";

const KEY = "defect-control.draft";

export interface KeptDraft {
  projectId: string | null;
  draft: DefectDraft;
}

/** A phone short of memory drops the page while its camera is open: what was typed is there again afterwards. */
export function keepDraft(kept: KeptDraft): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // Then a reload begins anew.
  }
}

export function keptDraft(): KeptDraft | null {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null") as KeptDraft | null;
  } catch {
    return null;
  }
}

export function dropDraft(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Nothing was kept either.
  }
}
