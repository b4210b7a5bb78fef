import "dayjs/locale/ru";

import dayjs from "dayjs";
import i18next from "i18next";
import { useSyncExternalStore } from "react";
import { initReactI18next } from "react-i18next";

import { en } from "./en";
import { currentLanguage, rememberLanguage, type Language } from "./language";
import { ru } from "./ru";

void i18next.use(initReactI18next).init({
  resources: { ru: { translation: ru }, en: { translation: en } },
  lng: currentLanguage(),
  fallbackLng: "ru",
  interpolation: { escapeValue: false }, // React escapes what it puts on the page.
  initAsync: false,
  showSupportNotice: false,
});
settle(currentLanguage());

export async function changeLanguage(language: Language): Promise<void> {
  settle(language);
  await i18next.changeLanguage(language);
}

function settle(language: Language): void {
  rememberLanguage(language);
  dayjs.locale(language);
}

export function useLanguage(): Language {
  return useSyncExternalStore(
    (listener) => {
      i18next.on("languageChanged", listener);
      return () => i18next.off("languageChanged", listener);
    },
    () => currentLanguage(),
  );
}

export { i18next };
