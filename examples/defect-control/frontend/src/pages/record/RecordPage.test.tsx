import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { MemoryRouter } from "react-router";
import { expect, it } from "vitest";

import { signIn } from "../../api/session";
import { Providers } from "../../app/App";
import { ENGINEER, gateway, problem, session } from "../../test/gateway";
import { RecordPage } from "./RecordPage";

const SITE = { id: "33333333-3333-4333-8333-333333333333", name: "Северный парк", status: "active" };
const SAVED = { id: "d1", number: 7, project_id: SITE.id, title: "Трещина", status: "new" };

async function open(answers: Parameters<typeof gateway>[0], user = ENGINEER) {
  const calls = gateway({
    "POST /api/auth/login": { json: session(user) },
    "GET /api/projects/names": { json: [SITE] },
    ...answers,
  });
  await signIn("a@example.com", "long enough");
  render(
    <Providers>
      <MemoryRouter>
        <RecordPage />
      </MemoryRouter>
    </Providers>,
  );
  return calls;
}

it("records a defect with its photo: photo, words, button", async () => {
  const calls = await open({ "POST /api/defects": { status: 201, json: SAVED }, "POST /api/defects/d1/attachments": { status: 201 } });
  await screen.findByText("Северный парк");
  const camera = document.querySelector<HTMLInputElement>("input[capture]");
  if (!camera) throw new Error("no camera");
  await userEvent.upload(camera, new File(["x"], "a.jpg", { type: "image/jpeg" }));
  await userEvent.type(screen.getByLabelText(/Что не так/), "Трещина");
  await userEvent.click(screen.getByRole("button", { name: "Записать" }));

  expect(await screen.findByRole("heading", { name: "Дефект № 7 записан" })).toBeInTheDocument();
  const sent = calls.find((call) => call.path === "/api/defects");
  expect(sent?.body).toMatchObject({ project_id: SITE.id, title: "Трещина", priority: "medium" });
  expect(calls.some((call) => call.path === "/api/defects/d1/attachments")).toBe(true);
});

it("says what is wrong before it asks the server", async () => {
  const calls = await open({});
  await screen.findByText("Северный парк");
  await userEvent.click(screen.getByRole("button", { name: "Записать" }));
  expect(await screen.findByText("Опишите дефект хотя бы тремя знаками")).toBeInTheDocument();
  expect(calls.some((call) => call.path === "/api/defects")).toBe(false);
});

it("keeps what was typed when the server refuses", async () => {
  await open({ "POST /api/defects": { status: 409, json: problem("project_archived") } });
  await screen.findByText("Северный парк");
  await userEvent.type(screen.getByLabelText(/Что не так/), "Трещина");
  await userEvent.click(screen.getByRole("button", { name: "Записать" }));
  expect(await screen.findByText("сообщение project_archived")).toBeInTheDocument();
  expect(screen.getByLabelText(/Что не так/)).toHaveValue("Трещина");
});

it("offers nothing to an observer", async () => {
  await open({}, { ...ENGINEER, role: "observer" });
  expect(await screen.findByText("Наблюдатель не записывает дефекты")).toBeInTheDocument();
});
