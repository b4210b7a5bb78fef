const KEY = "defect-control.project";

/** The site where this phone last recorded something; whoever stands on one rarely records for another. */
export function rememberedProject(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function rememberProject(id: string): void {
  try {
    localStorage.setItem(KEY, id);
  } catch {
    // Then it is chosen anew each time.
  }
}
