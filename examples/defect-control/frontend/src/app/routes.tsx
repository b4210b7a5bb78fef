import { lazy, Suspense } from "react";
import { createBrowserRouter, Navigate, type RouteObject } from "react-router";

import { AccountPage } from "../pages/account/AccountPage";
import { SignInPage } from "../pages/auth/SignInPage";
import { BoardPage } from "../pages/defects/BoardPage";
import { DefectPage } from "../pages/defects/DefectPage";
import { TablePage } from "../pages/defects/TablePage";
import { NotFoundPage } from "../pages/NotFoundPage";
import { ProjectPage } from "../pages/projects/ProjectPage";
import { ProjectsPage } from "../pages/projects/ProjectsPage";
import { RecordPage } from "../pages/record/RecordPage";
import { UsersPage } from "../pages/users/UsersPage";
import { LoadingPage } from "../ui/states";
import { Crash } from "./Crash";
import { RequireSession } from "./RequireSession";
import { Shell } from "./Shell";

// The chart library is as large as everything else together: only who looks at reports waits for it.
const ReportsPage = lazy(() => import("../pages/reports/ReportsPage"));

export const routes: RouteObject[] = [
  {
    errorElement: <Crash />,
    children: [
      { path: "/sign-in", element: <SignInPage mode="sign-in" /> },
      { path: "/register", element: <SignInPage mode="register" /> },
      {
        element: (
          <RequireSession>
            <Shell />
          </RequireSession>
        ),
        children: [
          { path: "/", element: <Navigate to="/board" replace /> },
          { path: "/board", element: <BoardPage /> },
          { path: "/defects", element: <TablePage /> },
          { path: "/defects/:id", element: <DefectPage /> },
          { path: "/record", element: <RecordPage /> },
          { path: "/projects", element: <ProjectsPage /> },
          { path: "/projects/:id", element: <ProjectPage /> },
          {
            path: "/reports",
            element: (
              <Suspense fallback={<LoadingPage />}>
                <ReportsPage />
              </Suspense>
            ),
          },
          { path: "/users", element: <UsersPage /> },
          { path: "/account", element: <AccountPage /> },
          { path: "*", element: <NotFoundPage /> },
        ],
      },
    ],
  },
];

export function makeRouter() {
  return createBrowserRouter(routes);
}
