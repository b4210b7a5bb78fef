import { Anchor, Badge, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";

import type { Query } from "../../api/client";
import { useOverdue } from "../../api/queries";
import { PriorityMark } from "../../ui/PriorityMark";
import { ErrorState, LoadingRows } from "../../ui/states";
import { StatusBadge } from "../../ui/StatusBadge";
import classes from "../projects/Projects.module.css";

const SHOWN = 10;

export function OverdueList({ query }: { query: Query }) {
  const { t } = useTranslation();
  const overdue = useOverdue({ ...query, size: SHOWN });
  const all = new URLSearchParams({ overdue: "true", sort: "due_date" });
  for (const id of (query.project_id as string[] | undefined) ?? []) all.append("project_id", id);

  return (
    <Paper withBorder p="md" component="section">
      <Group justify="space-between" mb="xs">
        <Title order={2}>{t("report.overdueList")}</Title>
        {overdue.data && overdue.data.total > SHOWN && (
          <Anchor component={Link} to={`/defects?${all.toString()}`} size="sm">
            {t("report.showAllOverdue")} ({overdue.data.total})
          </Anchor>
        )}
      </Group>
      {overdue.isError ? (
        <ErrorState error={overdue.error} onRetry={() => void overdue.refetch()} />
      ) : !overdue.data ? (
        <LoadingRows rows={3} height={40} />
      ) : overdue.data.total === 0 ? (
        <Text c="dimmed">{t("empty.overdue")}</Text>
      ) : (
        <Stack component="ul" gap={0} className={classes.list}>
          {overdue.data.items.map((defect) => (
            <li key={defect.id} className={`${classes.row} ${classes.wrapping}`}>
              <PriorityMark priority={defect.priority} />
              <div className={classes.rowText}>
                <Anchor component={Link} to={`/defects/${defect.id}`} fw={500} c="inherit">
                  № {defect.number}. {defect.title}
                </Anchor>
                <Text size="sm" c="dimmed">
                  {defect.project_name} · {defect.assignee_name ?? t("defect.unassigned")}
                </Text>
              </div>
              <Group gap="xs" justify="flex-end">
                <StatusBadge status={defect.status} size="sm" />
                <Badge color="red" variant="light" tt="none" radius="sm">
                  {t("defect.overdueDays", { count: defect.days_overdue })}
                </Badge>
              </Group>
            </li>
          ))}
        </Stack>
      )}
    </Paper>
  );
}
