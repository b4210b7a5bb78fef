import { Alert, Anchor, Badge, Breadcrumbs, Button, Group, Modal, Paper, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconArchive, IconCamera, IconChartBar, IconEdit, IconLayoutKanban, IconMapPin } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useParams } from "react-router";

import { ApiError, conflictOf } from "../../api/errors";
import { useEditProject, useProject, type ProjectFields } from "../../api/queries";
import type { Project } from "../../api/types";
import { useUser } from "../../api/useSession";
import { records } from "../../domain/flow";
import { Confirm } from "../../ui/Confirm";
import { complain, say } from "../../ui/notify";
import { usePageTitle } from "../../ui/PageHeader";
import { ErrorState, LoadingRows, useErrorMessage } from "../../ui/states";
import { NotFoundPage } from "../NotFoundPage";
import { Members } from "./Members";
import { ProjectForm } from "./ProjectForm";
import { usePeriod } from "./ProjectsPage";
import { Stages } from "./Stages";
import classes from "./Projects.module.css";

export function ProjectPage() {
  const { id = "" } = useParams();
  const project = useProject(id);
  if (project.error instanceof ApiError && [404, 422].includes(project.error.status)) return <NotFoundPage />;
  if (project.isError) return <ErrorState error={project.error} onRetry={() => void project.refetch()} />;
  if (!project.data) return <LoadingRows rows={4} height={110} />;
  return <ProjectCard key={id} project={project.data} />;
}

function ProjectCard({ project }: { project: Project }) {
  const { t } = useTranslation();
  const user = useUser();
  const period = usePeriod()(project);
  const [editing, edit] = useDisclosure(false);
  const isActive = project.status === "active";
  const mayChange = project.can_edit && isActive;
  usePageTitle(project.name);

  return (
    <Stack>
      <div>
        <Breadcrumbs mb="xs">
          <Anchor component={Link} to="/projects" size="sm">
            {t("nav.projects")}
          </Anchor>
        </Breadcrumbs>
        <Group justify="space-between" align="start">
          <Group gap="sm">
            <Title order={1}>{project.name}</Title>
            <Badge color={isActive ? "teal" : "gray"} variant="light" tt="none" size="lg" c="var(--mantine-color-text)">
              {t(`project.status.${project.status}`)}
            </Badge>
          </Group>
          {project.can_edit && (
            <Group gap="xs">
              {isActive && (
                <Button variant="default" leftSection={<IconEdit size={18} aria-hidden />} onClick={edit.open}>
                  {t("action.edit")}
                </Button>
              )}
              <ArchiveButton project={project} />
            </Group>
          )}
        </Group>
      </div>
      <Paper withBorder p="md">
        <Stack gap="xs">
          {project.address && (
            <span className={classes.fact}>
              <IconMapPin size={16} aria-hidden />
              {project.address}
            </span>
          )}
          {project.customer && (
            <Text size="sm">
              {t("project.customer")}: {project.customer}
            </Text>
          )}
          {period && (
            <Text size="sm">
              {t("project.period")}: {period}
            </Text>
          )}
          {project.description && <Text style={{ whiteSpace: "pre-wrap" }}>{project.description}</Text>}
          <Group gap="xs">
            {isActive && records(user.role) && (
              <Button component={Link} to={`/record?project_id=${project.id}`} color="vest" leftSection={<IconCamera size={18} aria-hidden />}>
                {t("nav.record")}
              </Button>
            )}
            <Button component={Link} variant="default" to={`/board?project_id=${project.id}`} leftSection={<IconLayoutKanban size={18} aria-hidden />}>
              {t("project.defects")}
            </Button>
            <Button component={Link} to={`/reports?project_id=${project.id}`} variant="default" leftSection={<IconChartBar size={18} aria-hidden />}>
              {t("project.report")}
            </Button>
          </Group>
        </Stack>
      </Paper>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Stages project={project} mayChange={mayChange} />
        <Members project={project} mayChange={mayChange} />
      </SimpleGrid>
      <Modal opened={editing} onClose={edit.close} title={t("project.editTitle")} closeButtonProps={{ "aria-label": t("action.close") }}>
        <EditProject project={project} onDone={edit.close} />
      </Modal>
    </Stack>
  );
}

function EditProject({ project, onDone }: { project: Project; onDone: () => void }) {
  const { t } = useTranslation();
  const edit = useEditProject(project.id);
  const [seen] = useState(project);
  const conflict = conflictOf<Project>(edit.error);
  const base = conflict?.current ?? seen;

  const save = (fields: ProjectFields) => {
    // Against what the person began with, so that a colleague's newer field is not written over.
    const changes = Object.fromEntries(Object.entries(fields).filter(([name, value]) => value !== seen[name as keyof ProjectFields]));
    edit.mutate(
      { version: base.version, changes },
      {
        onSuccess: () => {
          say(t("project.saved"));
          onDone();
        },
      },
    );
  };

  return (
    <Stack>
      {conflict && <ProjectConflict yours={conflict.yours.changes} current={conflict.current} />}
      <ProjectForm
        initial={fieldsOf(seen)}
        submitLabel={t("action.save")}
        busy={edit.isPending}
        error={conflict ? null : edit.error}
        onSubmit={save}
        onCancel={onDone}
      />
    </Stack>
  );
}

const NAMES = {
  name: "project.name",
  address: "project.address",
  customer: "project.customer",
  description: "project.description",
  starts_on: "project.startsOn",
  ends_on: "project.endsOn",
} as const;

/** Saving again writes the person's fields over these; until then both can be read. */
function ProjectConflict({ yours, current }: { yours: Record<string, unknown>; current: Project }) {
  const { t } = useTranslation();
  const fields = (Object.keys(NAMES) as (keyof typeof NAMES)[]).filter((name) => name in yours && yours[name] !== current[name]);
  return (
    <Alert color="yellow" title={t("conflict.projectTitle")} role="alert">
      {fields.map((name) => (
        <div key={name}>
          <Text size="sm" fw={600}>
            {t(NAMES[name])}
          </Text>
          <Text size="sm">
            {t("conflict.theirs")}: {current[name] ?? "—"}
          </Text>
          <Text size="sm">
            {t("conflict.yours")}: {typeof yours[name] === "string" ? yours[name] : "—"}
          </Text>
        </div>
      ))}
    </Alert>
  );
}

function ArchiveButton({ project }: { project: Project }) {
  const { t } = useTranslation();
  const edit = useEditProject(project.id);
  const message = useErrorMessage();
  const [asking, ask] = useDisclosure(false);
  const isActive = project.status === "active";

  const change = () =>
    edit.mutate(
      { version: project.version, changes: { status: isActive ? "archived" : "active" } },
      {
        onSuccess: () => {
          say(t("project.saved"));
          ask.close();
        },
        onError: (error) => !isActive && complain(message(error)),
      },
    );

  return (
    <>
      <Button
        variant="default"
        leftSection={<IconArchive size={18} aria-hidden />}
        onClick={isActive ? ask.open : change}
        loading={edit.isPending && !asking}
      >
        {isActive ? t("project.archive") : t("project.restore")}
      </Button>
      <Confirm
        question={asking ? t("project.archiveQuestion", { name: project.name }) : null}
        answer={t("project.archive")}
        busy={edit.isPending}
        error={edit.error}
        onConfirm={change}
        onCancel={ask.close}
      />
    </>
  );
}

function fieldsOf({ name, address, customer, description, starts_on, ends_on }: Project): ProjectFields {
  return { name, address, customer, description, starts_on, ends_on };
}
