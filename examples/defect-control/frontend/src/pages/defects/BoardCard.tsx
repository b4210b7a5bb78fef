import { ActionIcon, Group, Menu, Text } from "@mantine/core";
import { IconDots, IconMapPin, IconMessage, IconPaperclip } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";

import type { DefectSummary, Status } from "../../api/types";
import { useUser } from "../../api/useSession";
import { allowedTransitions } from "../../domain/flow";
import { AttachmentImage } from "../../ui/AttachmentImage";
import { DueDate } from "../../ui/DueDate";
import { PersonAvatar } from "../../ui/PersonAvatar";
import { PriorityMark } from "../../ui/PriorityMark";
import { moveWords } from "./useMoveFlow";
import classes from "./Board.module.css";

interface BoardCardProps {
  defect: DefectSummary;
  isDragging?: boolean;
  onMove: (defect: DefectSummary, to: Status) => void;
}

export function BoardCard({ defect, isDragging = false, onMove }: BoardCardProps) {
  const { t } = useTranslation();
  return (
    <article className={classes.card} data-dragging={isDragging || undefined} data-overdue={defect.is_overdue || undefined}>
      {defect.cover_id && <AttachmentImage id={defect.cover_id} alt="" height={112} />}
      <div className={classes.body}>
        <Group justify="space-between" gap={6} wrap="nowrap">
          <Group gap={8} wrap="nowrap">
            <PriorityMark priority={defect.priority} />
            <Text size="xs" c="dimmed" fw={600}>
              № {defect.number}
            </Text>
          </Group>
          <MoveMenu defect={defect} onMove={onMove} />
        </Group>
        <Link to={`/defects/${defect.id}`} className={classes.title} draggable={false}>
          {defect.title}
        </Link>
        <span className={classes.place}>
          <IconMapPin size={14} aria-hidden />
          <span>{[defect.project_name, defect.location].filter(Boolean).join(" · ")}</span>
        </span>
        <Group justify="space-between" gap={8} mt={2} wrap="nowrap">
          <Group gap={10} wrap="wrap">
            {defect.due_date && <DueDate day={defect.due_date} isOverdue={defect.is_overdue} />}
            {defect.comments_count > 0 && (
              <span className={classes.marks} role="img" aria-label={t("defect.comments", { count: defect.comments_count })}>
                <IconMessage size={15} aria-hidden />
                {defect.comments_count}
              </span>
            )}
            {defect.attachments_count > 0 && (
              <span className={classes.marks} role="img" aria-label={t("defect.photos", { count: defect.attachments_count })}>
                <IconPaperclip size={15} aria-hidden />
                {defect.attachments_count}
              </span>
            )}
          </Group>
          {defect.assignee_name && (
            <span role="img" aria-label={`${t("defect.assignee")}: ${defect.assignee_name}`}>
              <PersonAvatar name={defect.assignee_name} />
            </span>
          )}
        </Group>
      </div>
    </article>
  );
}

/** The same moves as dragging, for a thumb and for a keyboard. */
function MoveMenu({ defect, onMove }: BoardCardProps) {
  const { t } = useTranslation();
  const user = useUser();
  const transitions = allowedTransitions(user, defect);
  if (transitions.length === 0) return null;
  return (
    <Menu position="bottom-end" shadow="md">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size={30} aria-label={t("move.label", { number: defect.number })}>
          <IconDots size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t("move.title")}</Menu.Label>
        {transitions.map((status) => (
          <Menu.Item key={status} color={status === "cancelled" ? "red" : undefined} onClick={() => onMove(defect, status)}>
            {moveWords(t, defect.status, status)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
