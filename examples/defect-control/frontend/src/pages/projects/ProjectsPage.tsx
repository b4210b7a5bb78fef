import { Badge, Button, Group, Modal, Pagination, SegmentedControl, SimpleGrid, Text, TextInput, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconBuildingCommunity, IconMapPin, IconPlus, IconSearch, IconUsers, IconStack2 } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useNavigate, useSearchParams } from "react-router";

import { useCreateProject, useProjects } from "../../api/queries";
import type { ProjectSummary } from "../../api/types";
import { useUser } from "../../api/useSession";
import { leads, withoutSites } from "../../domain/flow";
import { useFormat } from "../../i18n/format";
import { say } from "../../ui/notify";
import { PageHeader } from "../../ui/PageHeader";
import { EmptyState, ErrorState, LoadingRows } from "../../ui/states";
import { ProjectForm } from "./ProjectForm";
import classes from "./Projects.module.css";

const PAGE_SIZE = 24;

export function ProjectsPage() {
  const { t } = useTranslation();
  const user = useUser();
  const [parameters, setParameters] = useSearchParams();
  const [typed, setTyped] = useState("");
  const [q] = useDebouncedValue(typed.trim(), 350);
  const [status, setStatus] = useState("active");
  const [page, setPage] = useState(1);
  const projects = useProjects({ q, status: status === "all" ? null : status, sort: "name", page, size: PAGE_SIZE });
  const mayCreate = leads(user.role);

  return (
    <>
      <PageHeader title={t("nav.projects")}>
        {mayCreate && (
          <Button leftSection={<IconPlus size={18} aria-hidden />} onClick={() => setParameters({ new: "1" })}>
            {t("project.new")}
          </Button>
        )}
      </PageHeader>
      <Group mb="md" gap="sm">
        <TextInput
          type="search"
          flex="1 1 220px"
          maw={420}
          value={typed}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
            setPage(1);
          }}
          aria-label={t("project.search")}
          placeholder={t("project.search")}
          leftSection={<IconSearch size={18} aria-hidden />}
        />
        <SegmentedControl
          value={status}
          onChange={(value) => {
            setStatus(value);
            setPage(1);
          }}
          data={[
            { value: "active", label: t("project.status.active") },
            { value: "archived", label: t("project.status.archived") },
            { value: "all", label: t("project.all") },
          ]}
        />
      </Group>
      {projects.isError ? (
        <ErrorState error={projects.error} onRetry={() => void projects.refetch()} />
      ) : !projects.data ? (
        <LoadingRows rows={4} height={130} />
      ) : projects.data.total === 0 ? (
        <EmptyState
          icon={IconBuildingCommunity}
          title={q ? t("empty.filtered") : t("empty.projects")}
          hint={q ? t("empty.filteredHint") : t(withoutSites(user.role))}
        />
      ) : (
        <>
          <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} component="ul" className={classes.list}>
            {projects.data.items.map((project) => (
              <ProjectTile key={project.id} project={project} />
            ))}
          </SimpleGrid>
          {projects.data.pages > 1 && (
            <Pagination total={projects.data.pages} value={page} onChange={setPage} mt="md" aria-label={t("table.pages")} />
          )}
        </>
      )}
      <Modal
        opened={mayCreate && parameters.has("new")}
        onClose={() => setParameters({})}
        title={t("project.new")}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        <NewProject onCancel={() => setParameters({})} />
      </Modal>
    </>
  );
}

function NewProject({ onCancel }: { onCancel: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const create = useCreateProject();
  return (
    <ProjectForm
      submitLabel={t("project.create")}
      busy={create.isPending}
      error={create.error}
      onCancel={onCancel}
      onSubmit={(fields) =>
        create.mutate(fields, {
          onSuccess: (project) => {
            say(t("project.created"));
            void navigate(`/projects/${project.id}`);
          },
        })
      }
    />
  );
}

function ProjectTile({ project }: { project: ProjectSummary }) {
  const { t } = useTranslation();
  const period = usePeriod()(project);
  return (
    <li>
      <Link to={`/projects/${project.id}`} className={classes.tile}>
        <Group justify="space-between" wrap="nowrap" align="start">
          <Title order={2} size="h3">
            {project.name}
          </Title>
          {project.status === "archived" && (
            <Badge color="gray" tt="none" variant="light" style={{ flex: "none" }}>
              {t("project.status.archived")}
            </Badge>
          )}
        </Group>
        {project.address && (
          <span className={classes.fact}>
            <IconMapPin size={16} aria-hidden />
            {project.address}
          </span>
        )}
        {project.customer && (
          <Text size="sm" c="dimmed">
            {t("project.customer")}: {project.customer}
          </Text>
        )}
        <Group gap="md" mt="auto" pt="xs">
          <span className={classes.fact}>
            <IconStack2 size={16} aria-hidden />
            {t("project.stages_count", { count: project.stages_count })}
          </span>
          <span className={classes.fact}>
            <IconUsers size={16} aria-hidden />
            {t("project.members_count", { count: project.members_count })}
          </span>
          {period && (
            <Text size="sm" c="dimmed">
              {period}
            </Text>
          )}
        </Group>
      </Link>
    </li>
  );
}

export function usePeriod(): (dates: { starts_on: string | null; ends_on: string | null }) => string {
  const { t } = useTranslation();
  const format = useFormat();
  return ({ starts_on, ends_on }) => {
    if (starts_on && ends_on) return `${format.day(starts_on)} — ${format.day(ends_on)}`;
    if (ends_on) return t("project.until", { date: format.day(ends_on) });
    return starts_on ? t("project.from", { date: format.day(starts_on) }) : "";
  };
}
