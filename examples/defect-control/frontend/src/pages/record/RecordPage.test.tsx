import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { MemoryRouter } from "react-router";
import { beforeEach, expect, it } from "vitest";

import { signIn } from "../../api/session";
import { Providers } from "../../app/App";
import { ENGINEER, gateway, problem, session } from "../../test/gateway";
import { RecordPage } from "./RecordPage";

const SITE = { id: "33333333-3333-4333-8333-333333333333", name: "Северный парк", status: "active" };
const SAVED = { id: "d1", number: 7, project_id: SITE.id, title: "Трещина", status: "new" };

beforeEach(() => {
  sessionStorage.clear();
  localStorage.clear();
});

async function open(answers: Parameters<typeof gateway>[0], user = ENGINEER) {
  const calls = gateway({
    "POST /api/auth/login": { json: session(user) },
    "GET /api/projects/names": { json: [SITE] },
    ...answers,
  });
  await signIn("a@example.com", "long enough");
  show();
  return calls;
}

function show() {
  return render(
    <Providers>
      <MemoryRouter>
        <RecordPage />
      </MemoryRouter>
    </Providers>,
  );
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

it("asks for the site where there are several, and leads to it", async () => {
  const other = { id: "44444444-4444-4444-8444-444444444444", name: "Южный парк", status: "active" };
  const calls = await open({ "GET /api/projects/names": { json: [SITE, other] } });
  await userEvent.type(await screen.findByLabelText(/Что не так/), "Трещина");
  await userEvent.click(screen.getByRole("button", { name: "Записать" }));
  const site = screen.getByRole("combobox", { name: /Объект/ });
  expect(site).toHaveFocus();
  expect(site).toHaveAccessibleDescription("Выберите объект");
  expect(calls.some((call) => call.path === "/api/defects")).toBe(false);
});

it("says what is wrong before it asks the server", async () => {
  const calls = await open({});
  await screen.findByText("Северный парк");
  await userEvent.click(screen.getByRole("button", { name: "Записать" }));
  expect(await screen.findByText("Опишите дефект хотя бы тремя знаками")).toBeInTheDocument();
  expect(screen.getByLabelText(/Что не так/)).toHaveFocus();
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

it("has what was typed again after a phone dropped the page behind its camera, and forgets it once recorded", async () => {
  await open({ "POST /api/defects": { status: 201, json: SAVED } });
  await screen.findByText("Северный парк");
  await userEvent.type(screen.getByLabelText(/Что не так/), "Трещина");
  cleanup();
  show();
  expect(await screen.findByLabelText(/Что не так/)).toHaveValue("Трещина");

  await userEvent.click(screen.getByRole("button", { name: "Записать" }));
  await userEvent.click(await screen.findByRole("button", { name: "Записать ещё один" }));
  expect(screen.getByLabelText(/Что не так/)).toHaveValue("");
});

it("asks with the same id again when the answer was lost, and with another for another defect", async () => {
  const calls = await open({ "POST /api/defects": [{ status: 502, json: problem("service_unavailable") }, { status: 201, json: SAVED }] });
  await screen.findByText("Северный парк");
  const record = async () => {
    await userEvent.type(screen.getByLabelText(/Что не так/), "Трещина");
    await userEvent.click(screen.getByRole("button", { name: "Записать" }));
  };
  await record();
  await screen.findByText("сообщение service_unavailable");
  await userEvent.click(screen.getByRole("button", { name: "Записать" }));
  await userEvent.click(await screen.findByRole("button", { name: "Записать ещё один" }));
  await record();
  await screen.findByRole("button", { name: "Записать ещё один" });

  const ids = calls.filter((call) => call.path === "/api/defects").map((call) => (call.body as { id: string }).id);
  expect(ids).toHaveLength(3);
  expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(ids[1]).toBe(ids[0]);
  expect(ids[2]).not.toBe(ids[0]);
});

it("offers nothing to an observer", async () => {
  await open({}, { ...ENGINEER, role: "observer" });
  expect(await screen.findByText("Наблюдатель не записывает дефекты")).toBeInTheDocument();
});
