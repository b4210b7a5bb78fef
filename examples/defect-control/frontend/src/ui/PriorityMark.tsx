import { Group, Text, ThemeIcon, VisuallyHidden } from "@mantine/core";
import { IconAlertTriangleFilled, IconChevronDown, IconChevronUp, IconEqual } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import type { Priority } from "../api/types";
import { PRIORITY_COLORS } from "../app/theme";

const ICONS = { critical: IconAlertTriangleFilled, high: IconChevronUp, medium: IconEqual, low: IconChevronDown };

/** The priority by shape and colour; with `words` also in words, otherwise for screen readers only. */
export function PriorityMark({ priority, words = false }: { priority: Priority; words?: boolean }) {
  const { t } = useTranslation();
  const Icon = ICONS[priority];
  const name = t(`priority.${priority}`);
  return (
    <Group gap={6} wrap="nowrap" component="span" title={name} display="inline-flex">
      <ThemeIcon component="span" variant="light" color={PRIORITY_COLORS[priority]} size={20} radius="sm" aria-hidden>
        <Icon size={14} stroke={2.6} />
      </ThemeIcon>
      {words ? (
        <Text span size="sm" style={{ whiteSpace: "nowrap" }}>
          {name}
        </Text>
      ) : (
        <VisuallyHidden>{`${t("defect.priority")}: ${name}`}</VisuallyHidden>
      )}
    </Group>
  );
}
