import { ActionIcon, Button, FileButton, Group, Paper, Stack, Text, Title, UnstyledButton } from "@mantine/core";
import { IconCamera, IconFileTypePdf, IconPhotoPlus, IconTrash } from "@tabler/icons-react";
import { useState, type DragEvent } from "react";
import { useTranslation } from "react-i18next";

import { useDeleteAttachment } from "../../api/queries";
import type { Attachment, Defect } from "../../api/types";
import { useUser } from "../../api/useSession";
import { leads } from "../../domain/flow";
import { ACCEPTED, ACCEPTED_PHOTOS } from "../../domain/photos";
import { useFormat } from "../../i18n/format";
import { AttachmentImage } from "../../ui/AttachmentImage";
import { Confirm } from "../../ui/Confirm";
import { say } from "../../ui/notify";
import { Lightbox } from "./Lightbox";
import { UploadList } from "./UploadList";
import { useUploads } from "./useUploads";
import classes from "./Attachments.module.css";

export function Attachments({ defect }: { defect: Defect }) {
  const { t } = useTranslation();
  const user = useUser();
  const { uploads, send, retry, drop } = useUploads((count) => say(t("photo.uploaded", { count })));
  const remove = useDeleteAttachment(defect.id);
  const [shown, setShown] = useState<number | null>(null);
  const [doomed, setDoomed] = useState<Attachment | null>(null);
  const [over, setOver] = useState(false);
  const add = (files: File[]) => void send(defect.id, files);
  const mayDelete = (file: Attachment) => defect.can_write && (leads(user.role) || file.author_id === user.id);

  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    add([...event.dataTransfer.files]);
  };
  const dropTarget = defect.can_write
    ? {
        onDrop,
        onDragOver: (event: DragEvent) => {
          event.preventDefault();
          setOver(true);
        },
        onDragLeave: () => setOver(false),
      }
    : {};

  return (
    <Paper withBorder p="md" {...dropTarget} className={over ? classes.over : undefined}>
      <Group justify="space-between" mb="sm" gap="xs">
        <Title order={2}>{t("photo.title")}</Title>
        {defect.can_write && (
          <Group gap="xs">
            <FileButton onChange={(file) => file && add([file])} accept={ACCEPTED_PHOTOS} capture="environment">
              {(props) => (
                <Button {...props} leftSection={<IconCamera size={18} aria-hidden />} hiddenFrom="sm">
                  {t("photo.take")}
                </Button>
              )}
            </FileButton>
            <FileButton onChange={add} accept={ACCEPTED} multiple inputProps={{ "aria-label": t("photo.choose") }}>
              {(props) => (
                <Button {...props} variant="default" leftSection={<IconPhotoPlus size={18} aria-hidden />}>
                  {t("photo.choose")}
                </Button>
              )}
            </FileButton>
          </Group>
        )}
      </Group>
      <Stack gap="sm">
        {defect.attachments.length === 0 && <Text c="dimmed">{t("photo.none")}</Text>}
        <ul className={classes.grid}>
          {defect.attachments.map((file, index) => (
            <li key={file.id} className={classes.tile}>
              <UnstyledButton className={classes.open} onClick={() => setShown(index)} aria-label={t("photo.open", { name: file.filename })}>
                {file.has_preview ? (
                  <AttachmentImage id={file.id} alt="" height="100%" />
                ) : (
                  <span className={classes.document}>
                    <IconFileTypePdf size={38} stroke={1.4} aria-hidden />
                    <Text size="xs" lineClamp={2}>
                      {file.filename}
                    </Text>
                  </span>
                )}
              </UnstyledButton>
              {mayDelete(file) && (
                <ActionIcon className={classes.delete} variant="default" onClick={() => setDoomed(file)} aria-label={t("photo.delete", { name: file.filename })}>
                  <IconTrash size={16} aria-hidden />
                </ActionIcon>
              )}
            </li>
          ))}
        </ul>
        <UploadList uploads={uploads} onRetry={() => void retry(defect.id)} onDrop={drop} />
        {defect.can_write && (
          <Text size="xs" c="dimmed">
            {over ? t("photo.drop") : t("photo.hint")}
          </Text>
        )}
      </Stack>
      <Lightbox files={defect.attachments} index={shown} onChange={setShown} />
      <Confirm
        question={doomed && t("photo.deleteQuestion", { name: doomed.filename })}
        answer={t("action.delete")}
        danger
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => doomed && remove.mutate(doomed.id, { onSuccess: () => setDoomed(null) })}
        onCancel={() => setDoomed(null)}
      />
    </Paper>
  );
}

export function useFileFacts(): (file: Attachment) => string {
  const format = useFormat();
  return (file) => `${file.author_name} · ${format.moment(file.created_at)} · ${format.bytes(file.size)}`;
}
