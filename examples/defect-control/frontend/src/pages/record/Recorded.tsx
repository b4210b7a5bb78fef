import { Button, Paper, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { IconCheck, IconCloudUpload } from "@tabler/icons-react";
import { useEffect, useRef, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";

import type { Defect } from "../../api/types";

interface RecordedProps {
  defect: Defect;
  busy: boolean;
  photosSent: number;
  photosFailed: boolean;
  onAgain: () => void;
  children: ReactNode;
}

export function Recorded({ defect, busy, photosSent, photosFailed, onAgain, children }: RecordedProps) {
  const { t } = useTranslation();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <Paper withBorder p="xl" role="status">
      <Stack align="center" ta="center">
        <ThemeIcon size={72} radius="xl" color={photosFailed ? "yellow" : "teal"} variant="light" aria-hidden>
          {busy || photosFailed ? <IconCloudUpload size={40} /> : <IconCheck size={40} />}
        </ThemeIcon>
        <Title order={2} ref={heading} tabIndex={-1}>
          {t("record.done", { number: defect.number })}
        </Title>
        <Text>{photosFailed && !busy ? t("record.photosFailed") : t("record.doneHint")}</Text>
        {photosSent > 0 && <Text>{t("photo.uploaded", { count: photosSent })}</Text>}
        {children}
        <Button size="lg" fullWidth color="vest" disabled={busy} onClick={onAgain}>
          {t("record.another")}
        </Button>
        <Button size="lg" fullWidth variant="default" component={Link} to={`/defects/${defect.id}`}>
          {t("record.openIt")}
        </Button>
        <Button fullWidth variant="subtle" component={Link} to="/board">
          {t("record.toAll")}
        </Button>
      </Stack>
    </Paper>
  );
}
