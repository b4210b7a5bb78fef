import { MultiSelect, Stack, Switch } from "@mantine/core";
import { useTranslation } from "react-i18next";

import { useProject, useProjectNames, useUsers } from "../../api/queries";
import { PRIORITIES, STATUSES } from "../../api/types";
import { useUser } from "../../api/useSession";
import type { Filters } from "../../domain/filters";
import { leads } from "../../domain/flow";
import { DayInput } from "../../ui/DayInput";

interface FilterFieldsProps {
  filters: Filters;
  showStatus: boolean;
  onChange: (filters: Filters) => void;
}

export function FilterFields({ filters, showStatus, onChange }: FilterFieldsProps) {
  const { t } = useTranslation();
  const projects = useProjectNames();
  const onlyProject = filters.project_id.length === 1 ? (filters.project_id[0] ?? null) : null;
  const project = useProject(onlyProject);
  const people = usePeople(onlyProject);
  const clear = { "aria-label": t("action.clear") };

  return (
    <Stack>
      <MultiSelect
        label={t("defect.project")}
        data={(projects.data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
        value={filters.project_id}
        onChange={(project_id) => onChange({ ...filters, project_id, stage_id: [] })}
        placeholder={filters.project_id.length ? undefined : t("filter.anyProject")}
        searchable
        clearable
        clearButtonProps={clear}
      />
      {project.data && project.data.stages.length > 0 && (
        <MultiSelect
          label={t("defect.stage")}
          data={project.data.stages.map(({ id, name }) => ({ value: id, label: name }))}
          value={filters.stage_id}
          onChange={(stage_id) => onChange({ ...filters, stage_id })}
          clearable
          clearButtonProps={clear}
        />
      )}
      {showStatus && (
        <MultiSelect
          label={t("defect.status")}
          data={STATUSES.map((status) => ({ value: status, label: t(`status.${status}`) }))}
          value={filters.status}
          onChange={(status) => onChange({ ...filters, status: status })}
          placeholder={filters.status.length ? undefined : t("filter.anyStatus")}
          clearable
          clearButtonProps={clear}
        />
      )}
      <MultiSelect
        label={t("defect.priority")}
        data={PRIORITIES.map((priority) => ({ value: priority, label: t(`priority.${priority}`) }))}
        value={filters.priority}
        onChange={(priority) => onChange({ ...filters, priority: priority })}
        placeholder={filters.priority.length ? undefined : t("filter.any")}
        clearable
        clearButtonProps={clear}
      />
      <MultiSelect
        label={t("defect.assignee")}
        data={people}
        value={filters.assignee_id}
        onChange={(assignee_id) => onChange({ ...filters, assignee_id, unassigned: false })}
        placeholder={filters.assignee_id.length ? undefined : t("filter.any")}
        searchable
        clearable
        clearButtonProps={clear}
      />
      <DayInput
        label={t("filter.dueFrom")}
        value={filters.due_from}
        onChange={(due_from) => onChange({ ...filters, due_from })}
        maxDate={filters.due_to ?? undefined}
        clearable
        clearButtonProps={clear}
      />
      <DayInput
        label={t("filter.dueTo")}
        value={filters.due_to}
        onChange={(due_to) => onChange({ ...filters, due_to })}
        minDate={filters.due_from ?? undefined}
        clearable
        clearButtonProps={clear}
      />
      <Switch
        label={t("filter.overdue")}
        checked={filters.overdue}
        onChange={(event) => onChange({ ...filters, overdue: event.currentTarget.checked })}
      />
    </Stack>
  );
}

/** Who may be chosen: the chosen site's members; without one, for those who may list users, everybody. */
function usePeople(onlyProject: string | null): { value: string; label: string }[] {
  const user = useUser();
  const project = useProject(onlyProject);
  const users = useUsers({ size: 100, is_active: true }, onlyProject === null && leads(user.role));
  if (project.data) {
    return project.data.members
      .filter((member) => member.role !== "observer")
      .map((member) => ({ value: member.user_id, label: member.full_name }));
  }
  if (users.data) {
    return users.data.items
      .filter((one) => one.role !== "observer")
      .map((one) => ({ value: one.id, label: one.full_name }));
  }
  return user.role === "observer" ? [] : [{ value: user.id, label: user.full_name }];
}
