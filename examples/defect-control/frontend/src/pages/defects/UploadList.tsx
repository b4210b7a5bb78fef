import { ActionIcon, Button, Group, Loader, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import type { Upload } from "./useUploads";

interface UploadListProps {
  uploads: Upload[];
  onRetry: () => void;
  onDrop: (key: string) => void;
}

export function UploadList({ uploads, onRetry, onDrop }: UploadListProps) {
  const { t } = useTranslation();
  const failed = uploads.some((upload) => upload.state === "failed");
  const busy = uploads.some((upload) => upload.state !== "failed");
  return (
    <Stack gap={6} aria-live="polite">
      {uploads.map(({ key, file, state, problem }) => (
        <Group key={key} gap="xs" wrap="nowrap">
          {state === "failed" ? <IconAlertTriangle size={18} color="var(--mantine-color-red-6)" aria-hidden /> : <Loader size={16} aria-hidden />}
          <Text size="sm" flex={1}>
            {state === "failed" ? `${t("photo.failed", { name: file.name })}. ${problem ?? ""}` : t("photo.uploading", { name: file.name })}
          </Text>
          {state === "failed" && (
            <ActionIcon variant="subtle" color="gray" onClick={() => onDrop(key)} aria-label={t("photo.remove", { name: file.name })}>
              <IconX size={16} aria-hidden />
            </ActionIcon>
          )}
        </Group>
      ))}
      {failed && !busy && (
        <Button variant="light" size="xs" onClick={onRetry} style={{ alignSelf: "start" }}>
          {t("action.retry")}
        </Button>
      )}
    </Stack>
  );
}
