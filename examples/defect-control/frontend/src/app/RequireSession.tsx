import { Center } from "@mantine/core";
import type { ReactNode } from "react";
import { Navigate, useLocation } from "react-router";

import { NetworkError } from "../api/errors";
import { startSession } from "../api/session";
import { useSession } from "../api/useSession";
import { ErrorState, LoadingPage } from "../ui/states";

export function RequireSession({ children }: { children: ReactNode }) {
  const session = useSession();
  const location = useLocation();
  switch (session.phase) {
    case "starting":
      return <LoadingPage />;
    case "unreachable":
      return (
        <Center mih="100vh" p="md">
          <ErrorState error={new NetworkError()} onRetry={() => void startSession()} />
        </Center>
      );
    case "signed-out": {
      const from = location.pathname === "/" ? undefined : `${location.pathname}${location.search}`;
      return <Navigate to="/sign-in" replace state={{ from }} />;
    }
    case "signed-in":
      return children;
  }
}
