import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";

import { signIn } from "../../api/session";
import { Providers } from "../../app/App";
import { NO_FILTERS } from "../../domain/filters";
import { gateway, session } from "../../test/gateway";
import { SavedFilters } from "./SavedFilters";

it("a saved filter brings back its order too", async () => {
  gateway({
    "POST /api/auth/login": { json: session() },
    "GET /api/filters": { json: [{ id: "f", name: "Горит", query: { overdue: true, priority: ["critical"], sort: "due_date" }, created_at: "" }] },
  });
  await signIn("a@example.com", "long enough");
  const picked = vi.fn();
  render(
    <Providers>
      <SavedFilters filters={NO_FILTERS} sort="-updated_at" onPick={picked} />
    </Providers>,
  );
  await userEvent.click(screen.getByRole("button", { name: "Сохранённые" }));
  await userEvent.click(await screen.findByRole("menuitem", { name: "Горит" }));

  expect(picked).toHaveBeenCalledWith({ ...NO_FILTERS, overdue: true, priority: ["critical"] }, { field: "due_date", descending: false });
});
