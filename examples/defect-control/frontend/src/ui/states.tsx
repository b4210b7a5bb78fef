import { Alert, Button, Center, Loader, Paper, Skeleton, Stack, Text, ThemeIcon, Title, VisuallyHidden } from "@mantine/core";
import { IconAlertTriangle, IconCloudOff, type Icon } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { ApiError, NetworkError } from "../api/errors";

export function useErrorMessage(): (error: unknown) => string {
  const { t } = useTranslation();
  return (error) => {
    if (error instanceof NetworkError) return t("error.network");
    if (error instanceof ApiError) {
      return error.status === 429 ? t("error.limited", { seconds: error.retryAfter ?? 60 }) : error.message;
    }
    return t("error.unexpected");
  };
}

export function ErrorState({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  const message = useErrorMessage();
  const ErrorIcon = error instanceof NetworkError ? IconCloudOff : IconAlertTriangle;
  return (
    <Paper withBorder p="xl" role="alert">
      <Stack align="center" gap="sm" ta="center">
        <ThemeIcon size={56} radius="xl" variant="light" color="red" aria-hidden>
          <ErrorIcon size={30} />
        </ThemeIcon>
        <Title order={2}>{t("error.title")}</Title>
        <Text maw={460}>{message(error)}</Text>
        {error instanceof ApiError && error.requestId && error.status >= 500 && (
          <Text size="xs" c="dimmed">
            {t("error.request", { id: error.requestId })}
          </Text>
        )}
        {onRetry && (
          <Button variant="light" onClick={onRetry}>
            {t("action.retry")}
          </Button>
        )}
      </Stack>
    </Paper>
  );
}

/** Of a form or a dialog: what the server said no with, above the buttons. */
export function ErrorNote({ error }: { error: unknown }) {
  const message = useErrorMessage();
  if (!error) return null;
  return (
    <Alert color="red" icon={<IconAlertTriangle aria-hidden />} role="alert" variant="light">
      {message(error)}
    </Alert>
  );
}

interface EmptyStateProps {
  icon: Icon;
  title: string;
  hint?: string;
  /** 1 where this is the whole page. */
  order?: 1 | 2;
  children?: ReactNode;
}

export function EmptyState({ icon: EmptyIcon, title, hint, order = 2, children }: EmptyStateProps) {
  return (
    <Paper withBorder p="xl">
      <Stack align="center" gap="sm" ta="center" py="lg">
        <ThemeIcon size={64} radius="xl" variant="light" aria-hidden>
          <EmptyIcon size={34} stroke={1.6} />
        </ThemeIcon>
        <Title order={order}>{title}</Title>
        {hint && (
          <Text c="dimmed" maw={420}>
            {hint}
          </Text>
        )}
        {children}
      </Stack>
    </Paper>
  );
}

export function LoadingPage() {
  const { t } = useTranslation();
  return (
    <Center mih={300} role="status">
      <Loader aria-hidden />
      <VisuallyHidden>{t("loading")}</VisuallyHidden>
    </Center>
  );
}

export function LoadingRows({ rows = 6, height = 46 }: { rows?: number; height?: number }) {
  const { t } = useTranslation();
  return (
    <Stack gap="xs" role="status" aria-label={t("loading")}>
      {Array.from({ length: rows }, (_, index) => (
        <Skeleton key={index} height={height} radius="md" />
      ))}
    </Stack>
  );
}
