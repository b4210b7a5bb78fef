// Somebody who has never seen the page, with a phone and nobody to ask. The walk finds its way only by what a person
// sees and hears: words on the screen, roles and labels; no address but the first, no test id, no selector.
//
//   BASE_URL=http://localhost:3000 npm run phone
//
// On a fresh stack: the first who registers is its administrator, with EMAIL and PASSWORD where they are given.
// SCREENSHOTS=directory keeps a picture of each step.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { after, before } from "node:test";

import { launch, photo } from "./browser.mjs";
import { test } from "./steps.mjs";

const BASE = (process.env.BASE_URL ?? "http://localhost:3000").replace(/\/$/, "");
const PICTURES = process.env.SCREENSHOTS;
const SCREEN = { width: 360, height: 740 };
const KEYBOARD = { width: 360, height: 400 }; // what a phone's keyboard leaves of it
const PHONE = {
  viewport: SCREEN,
  isMobile: true,
  hasTouch: true,
  deviceScaleFactor: 2,
  locale: "ru-RU",
  timezoneId: process.env.TIME_ZONE ?? "Europe/Moscow",
};

const run = Date.now().toString(36);
const SITE = `Дом на Лесной ${run}`;
const foreman = {
  name: "Олег Прорабов",
  email: process.env.EMAIL ?? `foreman-${run}@example.com`,
  password: process.env.PASSWORD ?? `pervyi-${run}`,
};
const newcomer = { name: "Нина Новенькая", email: `newcomer-${run}@example.com`, password: `vtoraya-${run}` };

let browser;
let first;
let second;
const findings = [];

before(async () => {
  if (PICTURES) mkdirSync(PICTURES, { recursive: true });
  browser = await launch();
  [first, second] = [await person(), await person()];
});

after(async () => {
  await browser?.close();
});

test("the first screen leads to registration, and that to the first site", async () => {
  await register(first, foreman);
  await first.getByText("Объектов пока нет").waitFor();
  await seen(first, "nothing-yet");
  await first.getByRole("button", { name: "Создать объект" }).or(first.getByRole("link", { name: "Создать объект" })).tap();
  await type(first, "Название", SITE);
  await seen(first, "new-site");
  await first.getByRole("button", { name: "Создать объект" }).tap();
  await first.getByRole("heading", { name: SITE, level: 1 }).waitFor();
  await seen(first, "site");
});

test("the foreman records a defect with a photo of the phone's camera", () => record(first, "Трещина в стяжке", 1));

test("somebody who registers without a role is told whom to ask", async () => {
  await register(second, newcomer);
  await second.getByText("Попросите администратора дать вам роль и добавить вас в объект").waitFor();
  assert.equal(await second.getByRole("link", { name: "Записать дефект" }).count(), 0);
  await seen(second, "without-a-role");
});

test("the foreman gives the newcomer a role and adds them to the site, on the phone too", async () => {
  await first.getByRole("link", { name: "Люди" }).tap();
  await first.getByRole("combobox", { name: `Роль: ${newcomer.name}` }).tap();
  await first.getByRole("option", { name: "Инженер" }).tap();
  await first.getByRole("dialog").getByRole("button", { name: "Подтвердить" }).tap();
  await first.getByText(`Сохранено: ${newcomer.name}`).waitFor();
  await seen(first, "people");

  await first.getByRole("link", { name: "Объекты" }).tap();
  await first.getByRole("link", { name: SITE }).tap();
  await first.getByRole("combobox", { name: "Добавить участника" }).tap();
  await first.getByRole("option", { name: newcomer.name }).tap();
  await first.getByRole("listitem").filter({ hasText: newcomer.name }).waitFor();
  await seen(first, "members");
});

test("the newcomer signs in again and records a defect without having been shown how", async () => {
  await second.getByRole("button", { name: "Меню пользователя" }).tap();
  await second.getByRole("menuitem", { name: "Выйти" }).tap();
  await type(second, "Электронная почта", newcomer.email);
  await type(second, "Пароль", newcomer.password);
  await second.getByRole("button", { name: "Войти" }).tap();
  await second.getByText("Трещина в стяжке").waitFor();
  await seen(second, "board");
  await record(second, "Протечка стояка", 2);
});

test("what was forgotten is said where it is, with the keyboard open", async () => {
  await second.getByRole("link", { name: "Записать дефект" }).tap();
  await second.setViewportSize(KEYBOARD);
  await second.getByRole("button", { name: /^Описание, этап/ }).tap();
  await second.getByRole("textbox", { name: "Описание" }).tap();
  await second.getByRole("button", { name: "Записать", exact: true }).tap();
  await inSight(second, second.getByText("Опишите дефект хотя бы тремя знаками"));
  await inSight(second, second.getByLabel("Что не так"));
  await seen(second, "forgotten");
});

test("on no screen of the walk anything was out of reach or went wrong", () => {
  assert.deepEqual(findings, []);
});

async function register(page, { name, email, password }) {
  await page.goto(BASE);
  await seen(page, "first-screen", page.getByRole("heading", { name: "Вход" }));
  await page.getByText("Зарегистрироваться").tap();
  await page.getByRole("heading", { name: "Регистрация" }).waitFor();
  await type(page, "Фамилия и имя", name);
  await type(page, "Электронная почта", email);
  await type(page, "Пароль", password);
  await page.getByRole("button", { name: "Зарегистрироваться" }).tap();
  await page.getByRole("heading", { name: "Дефекты" }).waitFor();
}

async function record(page, what, number) {
  await page.getByRole("link", { name: "Записать дефект" }).last().tap(); // the orange one under the thumb
  const [camera] = await Promise.all([page.waitForEvent("filechooser"), page.getByText("Сделать фото").tap()]);
  assert.equal(await camera.element().getAttribute("capture"), "environment", "the button is the camera");
  await camera.setFiles({ name: "IMG_0001.png", mimeType: "image/png", buffer: photo() });
  await page.getByAltText("Снимок: IMG_0001.png").waitFor();
  await type(page, "Что не так", what);
  await type(page, "Место", "Секция 1, этаж 3");
  await seen(page, `record-${number}`);
  await page.getByRole("button", { name: "Записать", exact: true }).tap();
  await page.getByRole("heading", { name: `Дефект № ${number} записан` }).waitFor();
  await page.getByText("Отправлен 1 файл").waitFor();
  await seen(page, `recorded-${number}`);
  await page.getByRole("link", { name: "Открыть карточку" }).tap();
  await page.getByRole("heading", { name: what }).waitFor();
  await page.getByRole("button", { name: "Открыть «IMG_0001.png»" }).waitFor();
  await seen(page, `card-${number}`);
}

/** As a thumb does: the field is tapped, the keyboard takes half of the screen, and what is typed must be in sight. */
async function type(page, label, text) {
  const field = page.getByRole("textbox", { name: label }).or(page.getByLabel(label, { exact: true })).first();
  await field.tap();
  await page.setViewportSize(KEYBOARD);
  await page.keyboard.type(text);
  await inSight(page, field);
  assert.equal(await field.inputValue(), text);
  await page.setViewportSize(SCREEN);
}

/** Whether a person sees it: inside the window, and nothing lies over its middle. */
async function inSight(page, what) {
  await what.waitFor();
  const covered = await what.evaluate(async (element) => {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const { left, top, width, height } = element.getBoundingClientRect();
    const there = document.elementFromPoint(left + width / 2, top + height / 2);
    return there === null ? "out of the window" : element.contains(there) || there.contains(element) ? "" : `behind ${there.outerHTML.slice(0, 120)}`;
  });
  assert.equal(covered, "");
}

/** A picture where wanted, and what a phone may not have: a page wider than the screen, a target too small for a thumb. */
async function seen(page, name, sign) {
  await sign?.waitFor();
  if (PICTURES) await page.screenshot({ path: path.join(PICTURES, `phone-${name}.png`) });
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (wider > 0) findings.push(`${name}: ${wider} pixels wider than the screen`);
  const small = await page.evaluate(() =>
    [...document.querySelectorAll("button, nav a")]
      .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest("[aria-hidden=true]"))
      .filter((one) => Math.min(one.offsetWidth, one.offsetHeight) < 24)
      .map((one) => one.outerHTML.slice(0, 200)),
  );
  findings.push(...small.map((one) => `${name}: too small for a thumb: ${one}`));
}

async function person() {
  const context = await browser.newContext(PHONE);
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => findings.push(error.message));
  page.on("console", (message) => {
    // A 401 to the first question for a session is how a page learns that nobody is signed in.
    if (message.type() === "error" && !/status of 401/.test(message.text())) findings.push(message.text());
  });
  return page;
}
