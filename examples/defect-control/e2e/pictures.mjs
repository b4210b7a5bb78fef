// The README's pictures, of a stack that `make seed` has filled:
//
//   BASE_URL=http://localhost:3000 EMAIL=manager@demo.example PASSWORD=… node pictures.mjs
//
// They go to ../docs/pictures. Small on purpose: one pixel of the picture is one of the page.

import { mkdirSync } from "node:fs";
import path from "node:path";

import { launch } from "./browser.mjs";

const BASE = (process.env.BASE_URL ?? "http://localhost:3000").replace(/\/$/, "");
const OUT = path.join(import.meta.dirname, "../docs/pictures");
const DESKTOP = { viewport: { width: 1200, height: 720 } };
const PHONE = { viewport: { width: 360, height: 720 }, isMobile: true, hasTouch: true };

mkdirSync(OUT, { recursive: true });
const browser = await launch();
try {
  const desktop = await signedIn(DESKTOP);
  await take(desktop, "/board", "board");
  await take(desktop, "/defects", "table");
  await take(desktop, "/reports", "report");
  const phone = await signedIn(PHONE);
  await take(phone, "/board", "phone-board");
  await take(phone, "/record", "phone-record");
  await phone.goto(`${BASE}/defects`);
  await phone.locator('a[href^="/defects/"]').first().click();
  await phone.getByRole("tab").first().waitFor();
  await shoot(phone, "phone-card");
} finally {
  await browser.close();
}

async function signedIn(device) {
  const context = await browser.newContext({ ...device, locale: "ru-RU", timezoneId: "Europe/Moscow" });
  const page = await context.newPage();
  await page.goto(`${BASE}/sign-in`);
  await page.getByLabel("Электронная почта").fill(process.env.EMAIL);
  await page.locator("input[type=password]").fill(process.env.PASSWORD);
  await page.getByRole("button", { name: "Войти" }).click();
  await page.getByRole("heading", { name: "Дефекты", level: 1 }).waitFor();
  return page;
}

async function take(page, address, name) {
  await page.goto(BASE + address);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await shoot(page, name);
}

async function shoot(page, name) {
  await page.waitForLoadState("networkidle");
  await page.waitForTimeout(1500); // charts and cards draw themselves, frame by frame
  await page.screenshot({ path: path.join(OUT, `${name}.png`) });
}
