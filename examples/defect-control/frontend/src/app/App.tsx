import { MantineProvider } from "@mantine/core";
import { DatesProvider } from "@mantine/dates";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider, type QueryClient } from "@tanstack/react-query";
import { useEffect, useState, type ReactNode } from "react";
import { RouterProvider } from "react-router/dom";

import { makeQueryClient } from "../api/queries";
import { useSession } from "../api/useSession";
import { useLanguage } from "../i18n";
import { makeRouter } from "./routes";
import { cssVariables, theme } from "./theme";

export function App() {
  const [router] = useState(makeRouter);
  return (
    <Providers>
      <RouterProvider router={router} />
    </Providers>
  );
}

/** Everything that screens stand on, for the page and for tests alike. */
export function Providers({ children }: { children: ReactNode }) {
  const [client] = useState(makeQueryClient);
  const language = useLanguage();
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" cssVariablesResolver={cssVariables}>
      <DatesProvider settings={{ locale: language, firstDayOfWeek: 1 }}>
        <QueryClientProvider client={client}>
          <ForgetOnSignOut client={client} />
          <Notifications position="top-center" zIndex={400} />
          {children}
        </QueryClientProvider>
      </DatesProvider>
    </MantineProvider>
  );
}

/** What one person has seen is not the next one's. */
function ForgetOnSignOut({ client }: { client: QueryClient }) {
  const { phase } = useSession();
  useEffect(() => {
    if (phase === "signed-out") client.clear();
  }, [client, phase]);
  return null;
}
