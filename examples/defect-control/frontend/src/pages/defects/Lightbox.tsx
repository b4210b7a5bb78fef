import { ActionIcon, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { IconChevronLeft, IconChevronRight, IconDownload, IconFileTypePdf } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import { requestBlob } from "../../api/client";
import type { Attachment } from "../../api/types";
import { saveFile } from "../../ui/saveFile";
import { AttachmentImage } from "../../ui/AttachmentImage";
import { complain } from "../../ui/notify";
import { useErrorMessage } from "../../ui/states";
import { useFileFacts } from "./Attachments";
import classes from "./Attachments.module.css";

interface LightboxProps {
  files: Attachment[];
  index: number | null;
  onChange: (index: number | null) => void;
}

export function Lightbox({ files, index, onChange }: LightboxProps) {
  const { t } = useTranslation();
  const message = useErrorMessage();
  const facts = useFileFacts();
  const file = index === null ? undefined : files[index];
  const step = (by: number) => {
    if (index !== null) onChange((index + by + files.length) % files.length);
  };
  useHotkeys([
    ["ArrowLeft", () => step(-1)],
    ["ArrowRight", () => step(1)],
  ]);

  const download = async (chosen: Attachment) => {
    try {
      saveFile(await requestBlob(`/api/attachments/${chosen.id}/content`), chosen.filename);
    } catch (error) {
      complain(message(error));
    }
  };

  return (
    <Modal
      opened={file !== undefined}
      onClose={() => onChange(null)}
      fullScreen
      title={file?.filename ?? t("photo.viewer")}
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      {file && index !== null && (
        <Stack gap="xs">
          <div className={classes.stage}>
            {file.has_preview ? (
              <AttachmentImage key={file.id} id={file.id} alt={t("photo.selected", { name: file.filename })} part="content" fit="contain" height="calc(100dvh - 150px)" />
            ) : (
              <IconFileTypePdf size={96} stroke={1} aria-hidden />
            )}
          </div>
          <div className={classes.bar}>
            <Group gap="xs" wrap="nowrap">
              <ActionIcon variant="default" size="xl" onClick={() => step(-1)} disabled={files.length < 2} aria-label={t("photo.previous")}>
                <IconChevronLeft aria-hidden />
              </ActionIcon>
              <ActionIcon variant="default" size="xl" onClick={() => step(1)} disabled={files.length < 2} aria-label={t("photo.next")}>
                <IconChevronRight aria-hidden />
              </ActionIcon>
              <Text size="sm" aria-live="polite">
                {t("photo.of", { index: index + 1, total: files.length })}
              </Text>
            </Group>
            <Text size="sm" c="dimmed" visibleFrom="sm">
              {facts(file)}
            </Text>
            <Button variant="default" leftSection={<IconDownload size={18} aria-hidden />} onClick={() => void download(file)}>
              {t("photo.download")}
            </Button>
          </div>
        </Stack>
      )}
    </Modal>
  );
}
