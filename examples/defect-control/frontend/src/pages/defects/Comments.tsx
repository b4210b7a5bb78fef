import { Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { IconSend } from "@tabler/icons-react";
import { useState, type SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";

import { useAddComment, useComments } from "../../api/queries";
import type { Defect } from "../../api/types";
import { useFormat } from "../../i18n/format";
import { say } from "../../ui/notify";
import { PersonAvatar } from "../../ui/PersonAvatar";
import { ErrorNote, ErrorState, LoadingRows } from "../../ui/states";
import classes from "./Comments.module.css";

export function Comments({ defect }: { defect: Defect }) {
  const { t } = useTranslation();
  const format = useFormat();
  const comments = useComments(defect.id);

  if (comments.isError) return <ErrorState error={comments.error} onRetry={() => void comments.refetch()} />;
  if (!comments.data) return <LoadingRows rows={2} height={56} />;
  return (
    <Stack>
      {comments.data.length === 0 && <Text c="dimmed">{t("comment.none")}</Text>}
      <ol className={classes.list}>
        {comments.data.map((comment) => (
          <li key={comment.id} className={classes.comment}>
            <PersonAvatar name={comment.author_name} size={34} />
            <div className={classes.said}>
              <Group gap={8}>
                <Text size="sm" fw={600}>
                  {comment.author_name}
                </Text>
                <Text size="xs" c="dimmed">
                  <time dateTime={comment.created_at}>{format.moment(comment.created_at)}</time>
                </Text>
              </Group>
              <Text style={{ whiteSpace: "pre-wrap" }}>{comment.text}</Text>
            </div>
          </li>
        ))}
      </ol>
      {defect.can_write && <NewComment defectId={defect.id} />}
    </Stack>
  );
}

function NewComment({ defectId }: { defectId: string }) {
  const { t } = useTranslation();
  const add = useAddComment(defectId);
  const [text, setText] = useState("");

  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (!text.trim() || add.isPending) return;
    add.mutate(text.trim(), {
      onSuccess: () => {
        setText("");
        say(t("comment.sent"));
      },
    });
  };

  return (
    <form onSubmit={submit}>
      <Stack gap="xs">
        <Textarea
          aria-label={t("comment.label")}
          placeholder={t("comment.placeholder")}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
          }}
          maxLength={5000}
          autosize
          minRows={2}
          maxRows={10}
        />
        <ErrorNote error={add.error} />
        <Group justify="flex-end">
          <Button type="submit" leftSection={<IconSend size={17} aria-hidden />} loading={add.isPending} disabled={!text.trim()}>
            {t("comment.send")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
