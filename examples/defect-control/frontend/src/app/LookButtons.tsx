import { ActionIcon, Button, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { IconMoon, IconSun } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import { changeLanguage, useLanguage } from "../i18n";

export function LanguageButton({ color = "white" }: { color?: string }) {
  const { t } = useTranslation();
  const language = useLanguage();
  const other = language === "ru" ? "en" : "ru";
  return (
    <Button
      variant="transparent"
      c={color}
      px={8}
      h={40}
      lang={other}
      onClick={() => void changeLanguage(other)}
      aria-label={`${other.toUpperCase()}: ${t("nav.languageLabel")}`}
      title={t("nav.language")}
    >
      {other.toUpperCase()}
    </Button>
  );
}

export function ThemeButton({ color = "white" }: { color?: string }) {
  const { t } = useTranslation();
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light") === "dark";
  return (
    <ActionIcon
      variant="transparent"
      c={color}
      size={40}
      onClick={() => setColorScheme(dark ? "light" : "dark")}
      aria-label={dark ? t("nav.light") : t("nav.dark")}
      title={dark ? t("nav.light") : t("nav.dark")}
    >
      {dark ? <IconSun size={20} aria-hidden /> : <IconMoon size={20} aria-hidden />}
    </ActionIcon>
  );
}
