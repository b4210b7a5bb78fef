import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import { useLanguage } from "./index";

/** Days, moments and numbers as people of the chosen language write them. */
export function useFormat() {
  const language = useLanguage();
  const { t } = useTranslation();
  return useMemo(() => {
    const locale = language === "ru" ? "ru-RU" : "en-GB";
    const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
    const shortDay = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", timeZone: "UTC" });
    const moment = new Intl.DateTimeFormat(locale, {
      day: "numeric",
      month: "short",
      year: "numeric",
      hour: "2-digit",
      minute: "2-digit",
    });
    const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
    const percent = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 });
    return {
      day: (text: string) => day.format(new Date(`${text.slice(0, 10)}T00:00:00Z`)),
      shortDay: (text: string) => {
        const date = new Date(`${text.slice(0, 10)}T00:00:00Z`);
        return (date.getUTCFullYear() === new Date().getUTCFullYear() ? shortDay : day).format(date);
      },
      moment: (text: string) => moment.format(new Date(text)),
      number: (value: number) => number.format(value),
      percent: (value: number) => percent.format(value),
      /** Of hours: in days once it is two of them. */
      duration: (hours: number | null) => {
        if (hours === null) return "—";
        return hours < 48
          ? t("report.hours", { value: number.format(hours) })
          : t("report.days", { value: number.format(hours / 24) });
      },
      bytes: (size: number) =>
        size < 1024 * 1024
          ? `${number.format(Math.max(1, Math.round(size / 1024)))} ${language === "ru" ? "КБ" : "KB"}`
          : `${number.format(size / 1024 / 1024)} ${language === "ru" ? "МБ" : "MB"}`,
    };
  }, [language, t]);
}

export function today(): string {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

export function daysBefore(day: string, count: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) - count * 86_400_000).toISOString().slice(0, 10);
}

export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86_400_000);
}
