import { Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

export function Brand() {
  const { t } = useTranslation();
  return (
    <Group gap={10} wrap="nowrap">
      <svg width="30" height="30" viewBox="0 0 64 64" aria-hidden>
        <path d="M10 52V22L32 8l22 14v30z" fill="none" stroke="#fff" strokeWidth="6" strokeLinejoin="round" />
        <path d="m20 37 9 9 16-18" fill="none" stroke="#ff8a1f" strokeWidth="7" strokeLinecap="round" strokeLinejoin="round" />
      </svg>
      <Text fw={650} size="lg" c="white" style={{ whiteSpace: "nowrap" }}>
        {t("app.name")}
      </Text>
    </Group>
  );
}
