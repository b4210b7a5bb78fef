import { Suspense, type ComponentType } from "react";
import { createBrowserRouter, Navigate, type RouteObject } from "react-router";

import { SignInPage } from "../pages/auth/SignInPage";
import { BoardPage } from "../pages/defects/BoardPage";
import { NotFoundPage } from "../pages/NotFoundPage";
import { LoadingPage } from "../ui/states";
import { Crash } from "./Crash";
import { later } from "./later";
import { RequireSession } from "./RequireSession";
import { Shell } from "./Shell";

// In the first chunk is what everybody sees first. The rest comes by itself a moment after (see `later`), so that a
// phone that has lost its network by then still opens the form; only the charts, as large as all else, wait to be asked.
const AccountPage = later(() => import("../pages/account/AccountPage").then((module) => module.AccountPage));
const DefectPage = later(() => import("../pages/defects/DefectPage").then((module) => module.DefectPage));
const TablePage = later(() => import("../pages/defects/TablePage").then((module) => module.TablePage));
const ProjectPage = later(() => import("../pages/projects/ProjectPage").then((module) => module.ProjectPage));
const ProjectsPage = later(() => import("../pages/projects/ProjectsPage").then((module) => module.ProjectsPage));
const RecordPage = later(() => import("../pages/record/RecordPage").then((module) => module.RecordPage));
const UsersPage = later(() => import("../pages/users/UsersPage").then((module) => module.UsersPage));
const ReportsPage = later(() => import("../pages/reports/ReportsPage").then((module) => module.ReportsPage), { ahead: false });

function loaded(Page: ComponentType) {
  return (
    <Suspense fallback={<LoadingPage />}>
      <Page />
    </Suspense>
  );
}

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
          { path: "/defects", element: loaded(TablePage) },
          { path: "/defects/:id", element: loaded(DefectPage) },
          { path: "/record", element: loaded(RecordPage) },
          { path: "/projects", element: loaded(ProjectsPage) },
          { path: "/projects/:id", element: loaded(ProjectPage) },
          { path: "/reports", element: loaded(ReportsPage) },
          { path: "/users", element: loaded(UsersPage) },
          { path: "/account", element: loaded(AccountPage) },
          { path: "*", element: <NotFoundPage /> },
        ],
      },
    ],
  },
];

export function makeRouter() {
  return createBrowserRouter(routes);
}
