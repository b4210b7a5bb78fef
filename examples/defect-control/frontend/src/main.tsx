import "@fontsource-variable/golos-text";
import "@mantine/core/styles.css";
import "@mantine/dates/styles.css";
import "@mantine/charts/styles.css";
import "@mantine/notifications/styles.css";
import "./app/app.css";
import "./i18n";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { startSession } from "./api/session";
import { App } from "./app/App";

const root = document.getElementById("root");
if (!root) throw new Error("the page has no root");
void startSession();
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
