import { Anchor, Paper, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";

import type { Defect } from "../../api/types";
import { useFormat } from "../../i18n/format";
import { DueDate } from "../../ui/DueDate";
import { Person } from "../../ui/PersonAvatar";
import classes from "./DefectFacts.module.css";

export function DefectFacts({ defect }: { defect: Defect }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <Paper withBorder p="md">
      <Title order={2} mb="sm">
        {t("defect.details")}
      </Title>
      <dl className={classes.facts}>
        <Fact name={t("defect.assignee")}>
          {defect.assignee_name ? <Person name={defect.assignee_name} /> : <Unset text={t("defect.unassigned")} />}
        </Fact>
        <Fact name={t("defect.due")}>
          <DueDate day={defect.due_date} isOverdue={defect.is_overdue} long />
        </Fact>
        <Fact name={t("defect.location")}>{defect.location || <Unset text={t("defect.none")} />}</Fact>
        <Fact name={t("defect.project")}>
          <Anchor component={Link} to={`/projects/${defect.project_id}`} size="sm">
            {defect.project_name}
          </Anchor>
        </Fact>
        <Fact name={t("defect.stage")}>{defect.stage_name ?? <Unset text={t("defect.none")} />}</Fact>
        <Fact name={t("defect.author")}>
          <Person name={defect.author_name} />
        </Fact>
        <Fact name={t("defect.created")}>{format.moment(defect.created_at)}</Fact>
        <Fact name={t("defect.updated")}>{format.moment(defect.updated_at)}</Fact>
        {defect.closed_at && <Fact name={t(`status.${defect.status}`)}>{format.moment(defect.closed_at)}</Fact>}
      </dl>
    </Paper>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={classes.fact}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Unset({ text }: { text: string }) {
  return (
    <Text span size="sm" c="dimmed">
      {text}
    </Text>
  );
}
