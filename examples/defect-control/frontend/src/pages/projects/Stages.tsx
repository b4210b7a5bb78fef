import { ActionIcon, Button, Group, Modal, Paper, SimpleGrid, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconEdit, IconPlus, IconTrash } from "@tabler/icons-react";
import { useState, type SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";

import { useStages } from "../../api/queries";
import type { Project, Stage } from "../../api/types";
import { Confirm } from "../../ui/Confirm";
import { DayInput } from "../../ui/DayInput";
import { complain } from "../../ui/notify";
import { ErrorNote, useErrorMessage } from "../../ui/states";
import { usePeriod } from "./ProjectsPage";
import classes from "./Projects.module.css";

interface StagesProps {
  project: Project;
  mayChange: boolean;
}

export function Stages({ project, mayChange }: StagesProps) {
  const { t } = useTranslation();
  const stages = useStages(project.id);
  const message = useErrorMessage();
  const period = usePeriod();
  const [edited, setEdited] = useState<Stage | "new" | null>(null);
  const [doomed, setDoomed] = useState<Stage | null>(null);
  const ordered = [...project.stages].sort((a, b) => a.position - b.position);

  const moveTo = (stage: Stage, neighbour: Stage | undefined) => {
    if (!neighbour) return;
    stages.edit.mutate({ id: stage.id, position: neighbour.position }, { onError: (error) => complain(message(error)) });
  };

  return (
    <Paper withBorder p="md">
      <Group justify="space-between" mb="xs">
        <Title order={2}>{t("project.stages")}</Title>
        {mayChange && (
          <Button size="xs" variant="light" leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setEdited("new")}>
            {t("project.addStage")}
          </Button>
        )}
      </Group>
      {ordered.length === 0 && <Text c="dimmed">{t("empty.stages")}</Text>}
      <ol className={classes.list}>
        {ordered.map((stage, index) => (
          <li key={stage.id} className={classes.row}>
            <div className={classes.rowText}>
              <Text fw={500}>
                {index + 1}. {stage.name}
              </Text>
              <Text size="xs" c="dimmed">
                {period(stage)}
              </Text>
            </div>
            {mayChange && (
              <Group gap={2} wrap="nowrap">
                <ActionIcon variant="subtle" color="gray" size="lg" disabled={index === 0 || stages.edit.isPending} onClick={() => moveTo(stage, ordered[index - 1])} aria-label={t("project.stageUp", { name: stage.name })}>
                  <IconArrowUp size={17} aria-hidden />
                </ActionIcon>
                <ActionIcon variant="subtle" color="gray" size="lg" disabled={index === ordered.length - 1 || stages.edit.isPending} onClick={() => moveTo(stage, ordered[index + 1])} aria-label={t("project.stageDown", { name: stage.name })}>
                  <IconArrowDown size={17} aria-hidden />
                </ActionIcon>
                <ActionIcon variant="subtle" color="gray" size="lg" onClick={() => setEdited(stage)} aria-label={t("project.editStage", { name: stage.name })}>
                  <IconEdit size={17} aria-hidden />
                </ActionIcon>
                <ActionIcon variant="subtle" color="red" size="lg" onClick={() => setDoomed(stage)} aria-label={t("project.deleteStage", { name: stage.name })}>
                  <IconTrash size={17} aria-hidden />
                </ActionIcon>
              </Group>
            )}
          </li>
        ))}
      </ol>
      <Modal
        opened={edited !== null}
        onClose={() => setEdited(null)}
        title={edited && edited !== "new" ? t("project.editStage", { name: edited.name }) : t("project.addStage")}
        size="sm"
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        {edited && <StageForm project={project} stage={edited === "new" ? null : edited} onDone={() => setEdited(null)} />}
      </Modal>
      <Confirm
        question={doomed && t("project.deleteStageQuestion", { name: doomed.name })}
        answer={t("action.delete")}
        danger
        busy={stages.remove.isPending}
        error={stages.remove.error}
        onConfirm={() => doomed && stages.remove.mutate(doomed.id, { onSuccess: () => setDoomed(null) })}
        onCancel={() => setDoomed(null)}
      />
    </Paper>
  );
}

function StageForm({ project, stage, onDone }: { project: Project; stage: Stage | null; onDone: () => void }) {
  const { t } = useTranslation();
  const stages = useStages(project.id);
  const [name, setName] = useState(stage?.name ?? "");
  const [startsOn, setStartsOn] = useState(stage?.starts_on ?? null);
  const [endsOn, setEndsOn] = useState(stage?.ends_on ?? null);
  const work = stage ? stages.edit : stages.add;
  const clear = { "aria-label": t("action.clear") };

  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    const fields = { name: name.trim(), starts_on: startsOn, ends_on: endsOn };
    if (stage) stages.edit.mutate({ id: stage.id, ...fields }, { onSuccess: onDone });
    else stages.add.mutate(fields, { onSuccess: onDone });
  };

  return (
    <form onSubmit={submit}>
      <Stack>
        <TextInput label={t("project.stageName")} value={name} onChange={(event) => setName(event.currentTarget.value)} maxLength={120} required data-autofocus />
        <SimpleGrid cols={2}>
          <DayInput label={t("project.startsOn")} value={startsOn} onChange={setStartsOn} maxDate={endsOn ?? undefined} clearable clearButtonProps={clear} />
          <DayInput label={t("project.endsOn")} value={endsOn} onChange={setEndsOn} minDate={startsOn ?? undefined} clearable clearButtonProps={clear} />
        </SimpleGrid>
        <ErrorNote error={work.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            {t("action.cancel")}
          </Button>
          <Button type="submit" loading={work.isPending} disabled={!name.trim()}>
            {t("action.save")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
