import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

import { useHistory } from "../../api/queries";
import { PRIORITIES, STATUSES, type HistoryEvent, type Priority, type Status } from "../../api/types";
import { useFormat } from "../../i18n/format";
import { ErrorState, LoadingRows } from "../../ui/states";
import classes from "./Comments.module.css";

export function History({ defectId }: { defectId: string }) {
  const format = useFormat();
  const { t } = useTranslation();
  const history = useHistory(defectId);

  if (history.isError) return <ErrorState error={history.error} onRetry={() => void history.refetch()} />;
  if (!history.data) return <LoadingRows rows={4} height={40} />;
  return (
    <ol className={classes.list} style={{ gap: 0 }}>
      {history.data.map((event) => (
        <li key={event.id} className={classes.event}>
          <Text size="sm">
            <b>{event.actor_name}</b> {t(`history.${event.action}`)}
          </Text>
          <Text size="xs" c="dimmed">
            <time dateTime={event.at}>{format.moment(event.at)}</time>
          </Text>
          {event.changes.map((change) => (
            <ChangeLine key={change.field} change={change} />
          ))}
          {event.comment && (
            <Text size="sm" className={classes.note}>
              {event.comment}
            </Text>
          )}
        </li>
      ))}
    </ol>
  );
}

const FIELDS = ["title", "description", "priority", "location", "stage_id", "assignee_id", "due_date", "status", "attachment"] as const;

function ChangeLine({ change }: { change: HistoryEvent["changes"][number] }) {
  const { t } = useTranslation();
  const field = FIELDS.find((name) => name === change.field);
  const words = useValueWords(change.field);
  const isFile = field === "attachment";
  return (
    <Text size="sm" mt={4}>
      {field ? t(`history.field.${field}`) : change.field}:{" "}
      {!(isFile && !change.old) && <span className={classes.old}>{words(change.old)}</span>}
      {!isFile && " → "}
      {!(isFile && !change.new) && <span>{words(change.new)}</span>}
    </Text>
  );
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;

function useValueWords(field: string): (value: unknown) => string {
  const { t } = useTranslation();
  const format = useFormat();
  return (value) => {
    if (value === null || value === undefined || value === "") return t("history.empty");
    const text = typeof value === "string" ? value : JSON.stringify(value);
    if (field === "status" && STATUSES.includes(text as Status)) return t(`status.${text as Status}`);
    if (field === "priority" && PRIORITIES.includes(text as Priority)) return t(`priority.${text as Priority}`);
    if (field === "due_date" && DAY.test(text)) return format.day(text);
    return text;
  };
}
