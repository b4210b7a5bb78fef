import { Alert, Anchor, Box, Breadcrumbs, Button, Grid, Group, Paper, Stack, Tabs, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconEdit, IconHistory, IconLock, IconMessage } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link, useParams } from "react-router";

import { ApiError } from "../../api/errors";
import { useDefect } from "../../api/queries";
import type { Defect } from "../../api/types";
import { isFinal } from "../../domain/flow";
import { usePageTitle } from "../../ui/PageHeader";
import { ErrorState, LoadingRows } from "../../ui/states";
import { PriorityMark } from "../../ui/PriorityMark";
import { StatusBadge } from "../../ui/StatusBadge";
import { NotFoundPage } from "../NotFoundPage";
import { Attachments } from "./Attachments";
import { Comments } from "./Comments";
import { DefectFacts } from "./DefectFacts";
import { EditDefect } from "./EditDefect";
import { History } from "./History";
import { moveWords, useMoveFlow } from "./useMoveFlow";

export function DefectPage() {
  const { id = "" } = useParams();
  const defect = useDefect(id);
  if (defect.error instanceof ApiError && [404, 422].includes(defect.error.status)) return <NotFoundPage />;
  if (defect.isError) return <ErrorState error={defect.error} onRetry={() => void defect.refetch()} />;
  if (!defect.data) return <LoadingRows rows={5} height={90} />;
  return <DefectCard key={id} defect={defect.data} />;
}

function DefectCard({ defect }: { defect: Defect }) {
  const { t } = useTranslation();
  const [editing, edit] = useDisclosure(false);
  usePageTitle(`${t("defect.one", { number: defect.number })}. ${defect.title}`);

  return (
    <>
      <Breadcrumbs mb="xs" styles={{ root: { flexWrap: "wrap" }, breadcrumb: { whiteSpace: "normal" } }}>
        <Anchor component={Link} to={`/board?project_id=${defect.project_id}`} size="sm">
          {defect.project_name}
        </Anchor>
        <Text size="sm" c="dimmed">
          {t("defect.one", { number: defect.number })}
        </Text>
      </Breadcrumbs>
      <Group justify="space-between" align="start" mb="xs" wrap="nowrap">
        <Title order={1}>{defect.title}</Title>
        {defect.can_edit && (
          <Button variant="default" onClick={edit.open} px={{ base: 10, sm: "md" }} style={{ flex: "none" }} aria-label={t("action.edit")}>
            <IconEdit size={18} aria-hidden />
            <Box component="span" ml={8} visibleFrom="sm">
              {t("action.edit")}
            </Box>
          </Button>
        )}
      </Group>
      <Group gap="sm" mb="md">
        <StatusBadge status={defect.status} size="lg" />
        <PriorityMark priority={defect.priority} words />
      </Group>
      <Grid gap="md">
        <Grid.Col span={{ base: 12, md: 4 }} order={{ base: 1, md: 2 }}>
          <Stack>
            <Moves defect={defect} />
            <DefectFacts defect={defect} />
          </Stack>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 8 }} order={{ base: 2, md: 1 }}>
          <Stack>
            <Paper withBorder p="md">
              <Title order={2} mb="xs">
                {t("defect.description")}
              </Title>
              {defect.description ? (
                <Text style={{ whiteSpace: "pre-wrap" }}>{defect.description}</Text>
              ) : (
                <Text c="dimmed">{t("defect.noDescription")}</Text>
              )}
            </Paper>
            <Attachments defect={defect} />
            <Talk defect={defect} />
          </Stack>
        </Grid.Col>
      </Grid>
      <EditDefect defect={defect} opened={editing} onClose={edit.close} />
    </>
  );
}

function Moves({ defect }: { defect: Defect }) {
  const { t } = useTranslation();
  const flow = useMoveFlow();
  if (isFinal(defect.status)) {
    return (
      <Alert color="gray" icon={<IconLock aria-hidden />}>
        {t("defect.final")}
      </Alert>
    );
  }
  if (defect.allowed_transitions.length === 0) return null;
  return (
    <Stack gap="xs" role="group" aria-label={t("move.label", { number: defect.number })}>
      {defect.allowed_transitions.map((status, index) => (
        <Button
          key={status}
          size="md"
          fullWidth
          variant={index === 0 ? "filled" : "default"}
          color={status === "closed" ? "teal.8" : undefined}
          c={status === "cancelled" ? "red" : undefined}
          disabled={flow.busy}
          onClick={() => flow.start(defect, status)}
        >
          {moveWords(t, defect.status, status)}
        </Button>
      ))}
      {flow.dialog}
    </Stack>
  );
}

function Talk({ defect }: { defect: Defect }) {
  const { t } = useTranslation();
  return (
    <Paper withBorder p="md">
      <Tabs defaultValue="comments" keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="comments" leftSection={<IconMessage size={17} aria-hidden />}>
            {t("comment.title")}
            {defect.comments_count > 0 && ` (${defect.comments_count})`}
          </Tabs.Tab>
          <Tabs.Tab value="history" leftSection={<IconHistory size={17} aria-hidden />}>
            {t("history.title")}
          </Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="comments">
          <Comments defect={defect} />
        </Tabs.Panel>
        <Tabs.Panel value="history">
          <History defectId={defect.id} />
        </Tabs.Panel>
      </Tabs>
    </Paper>
  );
}
