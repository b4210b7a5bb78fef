import { lazy, type ComponentType } from "react";

type Load<Props> = () => Promise<ComponentType<Props>>;

interface LaterOptions {
  /** Fetched while the browser has nothing else to do, before anybody asks for it. */
  ahead?: boolean;
}

const waiting: (() => Promise<unknown>)[] = [];

/** A component whose code is a chunk of its own. */
export function later<Props>(load: Load<Props>, { ahead = true }: LaterOptions = {}) {
  if (ahead) waiting.push(load);
  return lazy(() => load().then((component) => ({ default: component })));
}

/** One chunk after the other; what does not come now is asked for again when it is needed. */
export async function fetchAhead(): Promise<void> {
  for (const load of waiting.splice(0)) {
    try {
      await load();
    } catch {
      return;
    }
  }
}

export function whenIdle(work: () => void): void {
  if ("requestIdleCallback" in window) window.requestIdleCallback(work, { timeout: 3000 });
  else setTimeout(work, 1500); // Safari
}
