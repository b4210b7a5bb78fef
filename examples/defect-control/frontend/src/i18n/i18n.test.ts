import { expect, it } from "vitest";

import { en } from "./en";
import { ru } from "./ru";

const PLURAL = /_(one|few|many|other)$/;

function texts(tree: object, prefix = ""): [string, string][] {
  return Object.entries(tree).flatMap(([name, value]: [string, unknown]): [string, string][] =>
    typeof value === "string" ? [[prefix + name, value]] : texts(value as object, `${prefix}${name}.`),
  );
}

it("has every text in both languages", () => {
  const names = (tree: object) => [...new Set(texts(tree).map(([name]) => name.replace(PLURAL, "")))].sort();
  expect(names(en)).toEqual(names(ru));
});

it("has every plural form that each language has", () => {
  const forms = (tree: object, wanted: string[]) => {
    const all = new Set(texts(tree).map(([name]) => name));
    const bases = [...all].filter((name) => name.endsWith("_one") && all.has(name.replace(PLURAL, "_other")));
    return bases.flatMap((base) => wanted.map((form) => base.replace(PLURAL, form)).filter((name) => !all.has(name)));
  };
  expect(forms(ru, ["_one", "_few", "_many", "_other"])).toEqual([]);
  expect(forms(en, ["_one", "_other"])).toEqual([]);
});

it("puts the same facts into both", () => {
  const facts = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]).sort();
  const english = new Map(texts(en));
  for (const [name, text] of texts(ru)) {
    const other = english.get(name);
    if (other) expect([name, facts(other)]).toEqual([name, facts(text)]);
  }
});
