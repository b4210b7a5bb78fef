// The whole way of one defect through the running stack, by three people with a browser each.
//
//   BASE_URL=http://localhost:3000 npm test
//
// On a fresh stack the first who registers becomes administrator. On one that has people already, give
// ADMIN_EMAIL and ADMIN_PASSWORD of an administrator. SCREENSHOTS=directory keeps a picture of each step.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, before } from "node:test";

import { launch, photo } from "./browser.mjs";
import { test } from "./steps.mjs";

const BASE = (process.env.BASE_URL ?? "http://localhost:3000").replace(/\/$/, "");
const PICTURES = process.env.SCREENSHOTS;
const DESKTOP = { viewport: { width: 1440, height: 900 } };
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

// Every run makes its own people and site, so that it can be repeated on the same stack.
const run = Date.now().toString(36);
const PASSWORD = `stroika-${run}-2026`;
const SITE = `Дом на набережной ${run}`;
// Hostile on purpose: it has to arrive everywhere as the text that it is.
const TITLE = `Трещина <img src=x onerror="document.title='hacked'"> ${run}`;
const engineer = { name: "Пётр Инженеров", email: `engineer-${run}@example.com`, role: "Инженер" };
const manager = { name: "Мария Управская", email: `manager-${run}@example.com`, role: "Менеджер" };

let browser;
let admin;
let onSite;
let office;
const errors = [];

before(async () => {
  if (PICTURES) mkdirSync(PICTURES, { recursive: true });
  browser = await launch();
  [admin, onSite, office] = await Promise.all([person(DESKTOP), person(PHONE), person(DESKTOP)]);
});

after(async () => {
  await browser?.close();
});

test("the first person registers and becomes administrator, or an administrator signs in", async () => {
  const { ADMIN_EMAIL: email, ADMIN_PASSWORD: password } = process.env;
  if (email && password) {
    await signIn(admin, email, password);
  } else {
    await admin.goto(`${BASE}/register`);
    await admin.getByLabel("Фамилия и имя").fill("Анна Первая");
    await admin.getByLabel("Электронная почта").fill(`admin-${run}@example.com`);
    await admin.locator("input[type=password]").fill(PASSWORD);
    await picture(admin, "register");
    await admin.getByRole("button", { name: "Зарегистрироваться" }).click();
  }
  await admin.getByRole("heading", { name: "Дефекты", level: 1 }).waitFor();
  await admin.getByRole("link", { name: "Пользователи" }).first().waitFor();
});

test("the administrator gives an engineer and a manager their accounts", async () => {
  for (const one of [engineer, manager]) {
    await admin.goto(`${BASE}/users`);
    await admin.getByRole("button", { name: "Новый пользователь" }).click();
    const dialog = admin.getByRole("dialog");
    await dialog.getByLabel("Фамилия и имя").fill(one.name);
    await dialog.getByLabel("Электронная почта").fill(one.email);
    await dialog.locator("input[type=password]").fill(PASSWORD);
    await choose(admin, dialog.getByRole("combobox", { name: "Роль" }), one.role);
    await dialog.getByRole("button", { name: "Создать" }).click();
    await dialog.waitFor({ state: "detached" });
  }
  await picture(admin, "users");
});

test("the administrator creates a site with a stage and the two as members", async () => {
  await admin.goto(`${BASE}/projects`);
  await admin.getByRole("button", { name: "Новый объект" }).click();
  const dialog = admin.getByRole("dialog");
  await dialog.getByLabel("Название").fill(SITE);
  await dialog.getByLabel("Адрес").fill("г. Тверь, наб. Афанасия Никитина, 5");
  await dialog.getByRole("button", { name: "Создать объект" }).click();
  await admin.getByRole("heading", { name: SITE, level: 1 }).waitFor();

  await admin.getByRole("button", { name: "Добавить этап" }).click();
  await admin.getByLabel("Название этапа").fill("Отделка");
  await admin.getByRole("dialog").getByRole("button", { name: "Сохранить" }).click();
  await admin.getByRole("listitem").filter({ hasText: "Отделка" }).waitFor();

  for (const one of [engineer, manager]) {
    const search = admin.getByRole("combobox", { name: "Добавить участника" });
    await search.click();
    await search.fill(one.email);
    await admin.getByRole("option", { name: one.email }).click();
    await admin.getByRole("listitem").filter({ hasText: one.name }).waitFor();
  }
  await picture(admin, "project");
});

test("the engineer records a defect with a photo on a phone, in few taps", async () => {
  await signIn(onSite, engineer.email, PASSWORD);
  await onSite.getByRole("link", { name: "Записать дефект" }).first().click();
  const camera = onSite.locator('input[type="file"][capture]').first();
  await camera.setInputFiles({ name: "crack.png", mimeType: "image/png", buffer: photo() });
  await onSite.getByAltText("Снимок: crack.png").waitFor();
  await onSite.getByLabel("Что не так").fill(TITLE);
  await onSite.getByLabel("Место").fill("Секция 1, этаж 3");
  await picture(onSite, "record");
  await onSite.getByRole("button", { name: "Записать", exact: true }).click();
  await onSite.getByRole("heading", { name: "Дефект № 1 записан" }).waitFor();
  await picture(onSite, "recorded");

  await onSite.getByRole("link", { name: "Открыть карточку" }).click();
  await onSite.getByRole("heading", { name: TITLE, level: 1 }).waitFor();
  await onSite.getByRole("button", { name: "Открыть «crack.png»" }).locator("img").waitFor();
  assert.match(await onSite.title(), /Дефект № 1/, "markup in a title is text");
});

test("the engineer takes it, sends it to review, and may not close it", async () => {
  await onSite.getByRole("button", { name: "Взять в работу" }).click();
  await onSite.getByRole("button", { name: "На проверку" }).click();
  await onSite.getByText("На проверке", { exact: true }).first().waitFor();
  await onSite.getByRole("button", { name: "На проверку" }).waitFor({ state: "detached" });
  assert.equal(await onSite.getByRole("button", { name: "Закрыть дефект" }).count(), 0);
  await picture(onSite, "card");
});

test("the manager finds it on the board and closes it from the keyboard", async () => {
  await signIn(office, manager.email, PASSWORD);
  const inReview = office.getByRole("region", { name: /^На проверке/ });
  const card = inReview.getByRole("group", { name: "Дефект № 1" });
  await card.waitFor();
  await picture(office, "board");
  await card.focus();
  await office.keyboard.press("Space");
  await office.keyboard.press("ArrowRight");
  await office.locator("[aria-live]").getByText("Над столбцом «Закрыт»").waitFor();
  await office.keyboard.press("Space");
  await office.getByRole("region", { name: /^Закрыт/ }).getByText(TITLE).waitFor();
  await office.getByText("Дефект № 1: Закрыт").waitFor();
});

test("the history tells who did what", async () => {
  await office.getByRole("link", { name: TITLE }).click();
  await office.getByRole("tab", { name: "История" }).click();
  const history = office.getByRole("tabpanel");
  await history.getByText("Мария Управская").first().waitFor();
  const told = await history.innerText();
  for (const part of ["Пётр Инженеров", "записал(а) дефект", "Новый → В работе", "На проверке → Закрыт"]) {
    assert.ok(told.replace(/\s+/g, " ").includes(part), `the history has no "${part}": ${told}`);
  }
  await picture(office, "history");
});

test("the report counts it and the Excel file has it", async () => {
  // The reports follow the defects a moment later.
  await eventually(async () => {
    await office.goto(`${BASE}/reports`);
    const tile = office.locator("div").filter({ has: office.getByRole("heading", { name: "Закрыто за период" }) }).last();
    await tile.waitFor();
    assert.match(await tile.innerText(), /Закрыто за период\s+1\s/);
  });
  if (PICTURES) await office.waitForTimeout(1200); // the charts draw themselves
  await picture(office, "report");

  await office.getByRole("button", { name: "Выгрузить" }).click();
  const [download] = await Promise.all([
    office.waitForEvent("download"),
    office.getByRole("menuitem", { name: /Excel/ }).click(),
  ]);
  assert.match(download.suggestedFilename(), /\.xlsx$/);
  const bytes = readFileSync(await download.path());
  assert.equal(bytes.subarray(0, 2).toString("latin1"), "PK", "an .xlsx is a zip archive");
});

test("English is one click away, and signing out ends the session", async () => {
  await office.getByRole("button", { name: "Switch to English" }).click();
  await office.getByRole("heading", { name: "Reports", level: 1 }).waitFor();
  assert.equal(await office.locator("html").getAttribute("lang"), "en");
  await office.getByRole("button", { name: /^User menu/ }).click();
  await office.getByRole("menuitem", { name: "Sign out" }).click();
  await office.getByRole("heading", { name: "Sign in" }).waitFor();
  await office.goto(`${BASE}/board`);
  await office.getByRole("heading", { name: "Sign in" }).waitFor();
});

test("no page threw and no policy was violated on the way", () => {
  assert.deepEqual(errors, []);
});

async function person(device) {
  // Days are those of the services' TIME_ZONE: today's report of a browser elsewhere ends yesterday for some hours.
  const context = await browser.newContext({
    ...device,
    locale: "ru-RU",
    timezoneId: process.env.TIME_ZONE ?? "Europe/Moscow",
    acceptDownloads: true,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    // A 401 to the first question for a session is how a page learns that nobody is signed in.
    if (message.type() === "error" && !/status of 401/.test(message.text())) errors.push(message.text());
  });
  return page;
}

async function signIn(page, email, password) {
  await page.goto(`${BASE}/sign-in`);
  await page.getByLabel("Электронная почта").fill(email);
  await page.locator("input[type=password]").fill(password);
  await page.getByRole("button", { name: "Войти" }).click();
  await page.getByRole("heading", { name: "Дефекты", level: 1 }).waitFor();
}

async function choose(page, select, option) {
  await select.click();
  await page.getByRole("option", { name: option, exact: true }).click();
}

async function picture(page, name) {
  if (PICTURES) await page.screenshot({ path: path.join(PICTURES, `${name}.png`) });
}

async function eventually(attempt, seconds = 40) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1500));
    }
  }
}
