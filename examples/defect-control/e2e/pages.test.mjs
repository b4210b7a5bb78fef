// Every page of a seeded stack, on a phone of 360 pixels and on a desktop, light and dark: no finding of axe-core
// (WCAG 2.2 A and AA, and its best practices), nothing wider than the screen, no error in the console.
//
//   BASE_URL=http://localhost:3000 ADMIN_EMAIL=… ADMIN_PASSWORD=… npm run pages
//
// SCREENSHOTS=directory keeps a picture of each.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";

import { launch } from "./browser.mjs";

const BASE = (process.env.BASE_URL ?? "http://localhost:3000").replace(/\/$/, "");
const { ADMIN_EMAIL: EMAIL, ADMIN_PASSWORD: PASSWORD, SCREENSHOTS: PICTURES } = process.env;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
// Light and dark differ in their colours only: in the dark nothing else is judged anew.
const RULES = {
  light: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] },
  dark: { type: "rule", values: ["color-contrast"] },
};
const DEVICES = {
  phone: { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
  desktop: { viewport: { width: 1440, height: 900 } },
};

let browser;
let signedIn; // one session for all: its cookie, as a second device would have it

before(async () => {
  assert.ok(EMAIL && PASSWORD, "ADMIN_EMAIL and ADMIN_PASSWORD of a seeded stack's administrator are needed");
  if (PICTURES) mkdirSync(PICTURES, { recursive: true });
  browser = await launch();
});

after(async () => {
  await browser?.close();
});

for (const [device, options] of Object.entries(DEVICES)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`every page, ${device}, ${colorScheme}`, async () => {
      const context = await browser.newContext({
        ...options,
        colorScheme,
        locale: "ru-RU",
        timezoneId: process.env.TIME_ZONE ?? "Europe/Moscow",
        reducedMotion: "reduce",
        bypassCSP: true, // for axe-core, which is not the page's own script
        storageState: signedIn,
      });
      const visit = await visitor(context, `${device}-${colorScheme}`, RULES[colorScheme]);
      await walk(visit);
      signedIn = await context.storageState();
      await context.close();
      assert.deepEqual(visit.findings, []);
    });
  }
}

async function walk({ page, at }) {
  if (!signedIn) {
    await page.goto(`${BASE}/register`);
    await at("register", page.getByRole("heading", { name: "Регистрация" }));
    await page.goto(`${BASE}/sign-in`);
    await at("sign-in", page.getByRole("heading", { name: "Вход" }));
    await page.getByLabel("Электронная почта").fill(EMAIL);
    await page.locator("input[type=password]").fill(PASSWORD);
    await page.getByRole("button", { name: "Войти" }).click();
  } else {
    await page.goto(`${BASE}/board`);
  }
  const card = page.locator("a[href^='/defects/']").first();
  await at("board", card);
  await page.goto(`${BASE}/defects`);
  await at("table", card);
  await page.getByRole("button", { name: "Фильтры" }).click();
  await at("filters", page.getByRole("dialog").getByLabel("Срок по"));

  const withPhoto = await page.evaluate(() => document.querySelector("a[href^='/defects/']").getAttribute("href"));
  await page.goto(`${BASE}${withPhoto}`);
  await at("card", page.getByRole("tab", { name: "История" }));
  await page.getByRole("tab", { name: "История" }).click();
  await at("history", page.getByRole("tabpanel").getByText("записал(а) дефект"));

  await page.goto(`${BASE}/record`);
  await at("record", page.getByLabel("Что не так"));
  await page.getByRole("button", { name: "Записать", exact: true }).click();
  await at("record-refused", page.getByText("Опишите дефект хотя бы тремя знаками"));
  await page.getByRole("button", { name: "Описание, этап" }).click();
  await at("record-more", page.getByRole("textbox", { name: "Описание" }));

  await page.goto(`${BASE}/projects`);
  const site = page.locator("a[href^='/projects/']").first();
  await at("projects", site);
  await site.click();
  await at("project", page.getByRole("heading", { name: "Участники" }));
  await page.goto(`${BASE}/projects?new=1`);
  await at("new-project", page.getByRole("dialog").getByLabel("Название"));

  await page.goto(`${BASE}/reports`);
  await page.locator(".recharts-bar-rectangle").first().waitFor();
  await at("reports", page.getByRole("heading", { name: "Просроченные дефекты" }));
  for (const button of await page.getByRole("button", { name: /^Показать таблицей/ }).all()) await button.focus();
  await page.getByRole("button", { name: /^Показать таблицей/ }).first().click();
  await at("report-table", page.getByRole("columnheader", { name: "Дата" }));

  await page.goto(`${BASE}/users`);
  await at("users", page.getByText(EMAIL));
  await page.getByRole("button", { name: "Новый пользователь" }).click();
  await at("new-user", page.getByRole("dialog").getByLabel("Фамилия и имя"));
  await page.goto(`${BASE}/account`);
  await at("account", page.getByRole("heading", { name: "Сеансы" }));
  await page.goto(`${BASE}/nowhere`);
  await at("nowhere", page.getByRole("heading", { name: "Такой страницы нет", level: 1 }));
}

async function visitor(context, name, rules) {
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const findings = [];
  page.on("pageerror", (error) => findings.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // A 401 to the first question for a session is how a page learns that nobody is signed in.
    if (message.type() === "error" && !/status of 401/.test(message.text())) findings.push(`console: ${message.text()}`);
  });

  const at = async (where, sign) => {
    await sign.waitFor();
    await page.evaluate(() => {
      // Not those of what is still out of sight: it goes on waiting for its picture.
      const ending = document.getAnimations().filter(({ effect }) => effect.getTiming().iterations !== Infinity);
      return Promise.allSettled(ending.map((animation) => animation.finished));
    });
    if (PICTURES) await page.screenshot({ path: path.join(PICTURES, `${name}-${where}.png`) });
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (wider > 0) findings.push(`${where}: ${wider} pixels wider than the screen`);
    await page.evaluate(AXE);
    const { violations } = await page.evaluate((rules) => window.axe.run(document, { runOnly: rules }), rules);
    for (const { id, nodes } of violations) {
      const first = nodes[0];
      const why = [...first.any, ...first.all, ...first.none][0]?.message;
      findings.push(`${where}: ${id} (${nodes.length} times): ${first.html.slice(0, 200)}: ${why}`);
    }
  };
  return { page, at, findings };
}
