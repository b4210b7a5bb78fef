import { Select, Textarea, TextInput } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useTranslation } from "react-i18next";

import { useProject } from "../../api/queries";
import type { Priority } from "../../api/types";
import { DayInput } from "../../ui/DayInput";

/** A defect as a form holds it. */
export interface DefectDraft {
  title: string;
  description: string;
  priority: Priority;
  location: string;
  stage_id: string | null;
  assignee_id: string | null;
  due_date: string | null;
}

interface FieldsProps {
  form: UseFormReturnType<DefectDraft>;
  projectId: string | null;
  canAssign: boolean;
}

/** The fields that the quick record keeps folded and the edit shows. */
export function SecondaryFields({ form, projectId, canAssign }: FieldsProps) {
  const { t } = useTranslation();
  const project = useProject(projectId);
  const clear = { "aria-label": t("action.clear") };
  const stages = project.data?.stages ?? [];
  const people = (project.data?.members ?? []).filter((member) => member.role !== "observer" && member.is_active);
  return (
    <>
      <Textarea
        label={t("defect.description")}
        autosize
        minRows={3}
        maxRows={12}
        maxLength={10_000}
        {...form.getInputProps("description")}
      />
      <Select
        label={t("defect.stage")}
        placeholder={t("defect.none")}
        data={stages.map(({ id, name }) => ({ value: id, label: name }))}
        disabled={stages.length === 0}
        clearable
        clearButtonProps={clear}
        {...form.getInputProps("stage_id")}
      />
      {canAssign && (
        <>
          <Select
            label={t("defect.assignee")}
            placeholder={t("defect.unassigned")}
            data={people.map(({ user_id, full_name }) => ({ value: user_id, label: full_name }))}
            searchable
            clearable
            clearButtonProps={clear}
            {...form.getInputProps("assignee_id")}
          />
          <DayInput
            label={t("defect.due")}
            placeholder={t("defect.noDue")}
            clearable
            clearButtonProps={clear}
            {...form.getInputProps("due_date")}
          />
        </>
      )}
    </>
  );
}

export function TitleField({ form }: Pick<FieldsProps, "form">) {
  const { t } = useTranslation();
  return (
    <TextInput
      label={t("defect.title")}
      placeholder={t("defect.titlePlaceholder")}
      maxLength={200}
      size="md"
      required
      {...form.getInputProps("title")}
    />
  );
}

export function LocationField({ form }: Pick<FieldsProps, "form">) {
  const { t } = useTranslation();
  return (
    <TextInput
      label={t("defect.location")}
      placeholder={t("defect.locationPlaceholder")}
      maxLength={200}
      size="md"
      {...form.getInputProps("location")}
    />
  );
}
