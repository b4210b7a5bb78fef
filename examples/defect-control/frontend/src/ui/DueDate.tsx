import { Badge, Group, Text } from "@mantine/core";
import { IconCalendarDue } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import { daysBetween, today, useFormat } from "../i18n/format";

interface DueDateProps {
  day: string | null;
  isOverdue: boolean;
  /** Says by how many days instead of the day alone. */
  long?: boolean;
}

export function DueDate({ day, isOverdue, long = false }: DueDateProps) {
  const { t } = useTranslation();
  const format = useFormat();
  if (!day) {
    return (
      <Text span size="sm" c="dimmed">
        {long ? t("defect.noDue") : "—"}
      </Text>
    );
  }
  const words = long ? format.day(day) : format.shortDay(day);
  if (!isOverdue) {
    return (
      <Text span size="sm" style={{ whiteSpace: "nowrap" }}>
        {words}
      </Text>
    );
  }
  const late = t("defect.overdueDays", { count: Math.max(1, daysBetween(day, today())) });
  return (
    <Group gap={6} component="span" display="inline-flex" title={late}>
      <Badge
        color="red"
        variant="light"
        radius="sm"
        tt="none"
        leftSection={<IconCalendarDue size={13} aria-hidden />}
        aria-label={`${words}. ${late}`}
        role="note"
      >
        {words}
      </Badge>
      {long && (
        <Text span size="xs" c="red" fw={600} aria-hidden>
          {late}
        </Text>
      )}
    </Group>
  );
}
