import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";

import type { Defect } from "../../api/types";
import { gateway } from "../../test/gateway";
import { ConflictDialog } from "./ConflictDialog";
import { changesOf } from "./EditDefect";

const defect = {
  id: "d",
  project_id: "p",
  version: 4,
  title: "Название коллеги",
  description: "",
  priority: "high",
  location: "Подвал",
  stage_id: null,
  stage_name: null,
  assignee_id: null,
  assignee_name: null,
  due_date: null,
} as unknown as Defect;

function show(onSave: (changes: object) => void) {
  gateway({});
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={new QueryClient()}>
        <ConflictDialog
          conflict={{ current: defect, yours: { version: 3, changes: { title: "Моё название", priority: "low", location: "Подвал" } } }}
          busy={false}
          onSave={onSave}
          onClose={() => undefined}
        />
      </QueryClientProvider>
    </MantineProvider>,
  );
}

it("shows both versions of what differs, and only that", () => {
  show(vi.fn());
  expect(screen.getByText("Название коллеги")).toBeVisible();
  expect(screen.getByText("Моё название")).toBeVisible();
  expect(screen.queryByRole("group", { name: "Место" })).toBeNull();
});

it("saves the fields that the person keeps and leaves the colleague's others", async () => {
  const onSave = vi.fn();
  show(onSave);
  await userEvent.click(within(screen.getByRole("group", { name: "Приоритет" })).getByLabelText("Высокий"));
  await userEvent.click(screen.getByRole("button", { name: "Сохранить выбранное" }));
  expect(onSave).toHaveBeenCalledWith({ title: "Моё название" });
});

it("keeps what is saved when the person gives way", async () => {
  const onSave = vi.fn();
  show(onSave);
  await userEvent.click(screen.getByRole("button", { name: "Оставить как сейчас" }));
  expect(onSave).toHaveBeenCalledWith({});
});

it("sends only what was changed", () => {
  const { title, description, priority, location, stage_id, assignee_id, due_date } = defect;
  const draft = { title, description, priority, location, stage_id, assignee_id, due_date };
  expect(changesOf(defect, { ...draft, title: `${title} `, location: "Кровля" })).toEqual({ location: "Кровля" });
});
