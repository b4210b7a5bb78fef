import { useSyncExternalStore } from "react";

import { sessionState, subscribe, type SessionState } from "./session";
import type { User } from "./types";

export function useSession(): SessionState {
  return useSyncExternalStore(subscribe, sessionState);
}

/** The signed-in person; only for what is drawn behind the sign-in. */
export function useUser(): User {
  const session = useSession();
  if (session.phase !== "signed-in") throw new Error("nobody is signed in");
  return session.user;
}
