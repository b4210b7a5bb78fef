import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

import { ErrorNote } from "./states";

interface ConfirmProps {
  /** The question, or null while there is none. */
  question: string | null;
  answer: string;
  danger?: boolean;
  busy?: boolean;
  error?: unknown;
  onConfirm: () => void;
  onCancel: () => void;
}

export function Confirm({ question, answer, danger = false, busy = false, error, onConfirm, onCancel }: ConfirmProps) {
  const { t } = useTranslation();
  return (
    <Modal opened={question !== null} onClose={onCancel} title={answer} size="sm" closeButtonProps={{ "aria-label": t("action.close") }}>
      <Stack>
        <Text>{question}</Text>
        <ErrorNote error={error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel} data-autofocus>
            {t("action.cancel")}
          </Button>
          <Button color={danger ? "red" : undefined} onClick={onConfirm} loading={busy}>
            {answer}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
