import { Badge } from "@mantine/core";
import { useTranslation } from "react-i18next";

import type { Status } from "../api/types";
import { STATUS_COLORS } from "../app/theme";

export function StatusBadge({ status, size = "md" }: { status: Status; size?: "sm" | "md" | "lg" }) {
  const { t } = useTranslation();
  return (
    <Badge variant="light" color={STATUS_COLORS[status]} size={size} radius="sm" tt="none" fw={600} c="var(--mantine-color-text)" style={{ flex: "none", minWidth: "max-content" }}>
      {t(`status.${status}`)}
    </Badge>
  );
}
