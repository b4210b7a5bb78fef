import { Button, Group, SimpleGrid, Stack, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";

import { fieldMessages } from "../../api/errors";
import type { ProjectFields } from "../../api/queries";
import { DayInput } from "../../ui/DayInput";
import { ErrorNote } from "../../ui/states";

const BLANK: ProjectFields = { name: "", address: "", customer: "", description: "", starts_on: null, ends_on: null };

interface ProjectFormProps {
  initial?: ProjectFields;
  submitLabel: string;
  busy: boolean;
  error: unknown;
  onSubmit: (fields: ProjectFields) => void;
  onCancel: () => void;
}

export function ProjectForm({ initial = BLANK, submitLabel, busy, error, onSubmit, onCancel }: ProjectFormProps) {
  const { t } = useTranslation();
  const clear = { "aria-label": t("action.clear") };
  const form = useForm<ProjectFields>({
    initialValues: initial,
    validate: {
      name: (name) => (name.trim().length < 3 ? t("project.nameShort") : null),
      ends_on: (end, { starts_on }) => (end && starts_on && end < starts_on ? t("project.datesWrong") : null),
    },
  });
  const { setErrors } = form;
  useEffect(() => setErrors(fieldMessages(error)), [error, setErrors]);

  return (
    <form onSubmit={form.onSubmit(onSubmit)} noValidate>
      <Stack>
        <TextInput label={t("project.name")} maxLength={200} required data-autofocus {...form.getInputProps("name")} />
        <TextInput label={t("project.address")} maxLength={300} {...form.getInputProps("address")} />
        <TextInput label={t("project.customer")} maxLength={200} {...form.getInputProps("customer")} />
        <Textarea label={t("project.description")} maxLength={10_000} autosize minRows={2} maxRows={8} {...form.getInputProps("description")} />
        <SimpleGrid cols={2}>
          <DayInput label={t("project.startsOn")} clearable clearButtonProps={clear} {...form.getInputProps("starts_on")} />
          <DayInput label={t("project.endsOn")} clearable clearButtonProps={clear} {...form.getInputProps("ends_on")} />
        </SimpleGrid>
        <ErrorNote error={error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            {t("action.cancel")}
          </Button>
          <Button type="submit" loading={busy}>
            {submitLabel}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
