import type { Query } from "../api/client";

export interface Choice {
  project_id: string[];
  from: string;
  to: string;
}

/**
 * What a report is asked for. One that goes on to this day names no last day: which day it is, the installation knows,
 * whose time zone may be another than the browser's, so that what was recorded a minute ago is in it.
 */
export function asked({ project_id, from, to }: Choice, today: string): Query {
  const toThisDay = to === today && from < to;
  return { project_id, from, to: toThisDay ? undefined : to };
}
