import { Button, Group, Modal, Select, Stack } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { conflictOf, fieldMessages, type Conflict } from "../../api/errors";
import { useEditDefect, useRefreshDefect } from "../../api/queries";
import { PRIORITIES, type Defect, type DefectChanges } from "../../api/types";
import { say } from "../../ui/notify";
import { ErrorNote } from "../../ui/states";
import { ConflictDialog } from "./ConflictDialog";
import { LocationField, SecondaryFields, TitleField, type DefectDraft } from "./DefectFields";

interface EditDefectProps {
  defect: Defect;
  opened: boolean;
  onClose: () => void;
}

export function EditDefect({ defect, opened, onClose }: EditDefectProps) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("defect.editTitle", { number: defect.number })}
      size="lg"
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <EditForm defect={defect} onClose={onClose} />
    </Modal>
  );
}

function EditForm({ defect, onClose }: Omit<EditDefectProps, "opened">) {
  const { t } = useTranslation();
  const edit = useEditDefect(defect.id);
  const refresh = useRefreshDefect();
  // What the form began with: an answer that arrives while typing must not move it.
  const [seen] = useState(defect);
  const [conflict, setConflict] = useState<Conflict<Defect> | null>(null);
  const form = useForm<DefectDraft>({
    initialValues: draftOf(seen),
    validate: { title: (title) => (title.trim().length < 3 ? t("defect.titleShort") : null) },
  });

  const save = (version: number, changes: DefectChanges) => {
    if (Object.keys(changes).length === 0) {
      refresh(defect.id);
      onClose();
      return;
    }
    edit.mutate(
      { version, changes },
      {
        onSuccess: () => {
          setConflict(null);
          say(t("defect.edited"));
          onClose();
        },
        onError: (error) => {
          setConflict(conflictOf<Defect>(error));
          form.setErrors(fieldMessages(error));
        },
      },
    );
  };

  return (
    <>
      <form onSubmit={form.onSubmit((draft) => save(seen.version, changesOf(seen, draft)))} noValidate>
        <Stack>
          <TitleField form={form} />
          <LocationField form={form} />
          <Select
            label={t("defect.priority")}
            data={PRIORITIES.map((priority) => ({ value: priority, label: t(`priority.${priority}`) }))}
            allowDeselect={false}
            {...form.getInputProps("priority")}
          />
          <SecondaryFields form={form} projectId={defect.project_id} canAssign={defect.can_assign} />
          <ErrorNote error={conflictOf(edit.error) ? null : edit.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t("action.cancel")}
            </Button>
            <Button type="submit" loading={edit.isPending}>
              {t("action.save")}
            </Button>
          </Group>
        </Stack>
      </form>
      {conflict && (
        <ConflictDialog
          key={conflict.current.version}
          conflict={conflict}
          busy={edit.isPending}
          onSave={(changes) => save(conflict.current.version, changes)}
          onClose={() => setConflict(null)}
        />
      )}
    </>
  );
}

function draftOf(defect: Defect): DefectDraft {
  const { title, description, priority, location, stage_id, assignee_id, due_date } = defect;
  return { title, description, priority, location, stage_id, assignee_id, due_date };
}

/** Only what the person really changed: a field that was left alone never overwrites a colleague's. */
export function changesOf(seen: Defect, draft: DefectDraft): DefectChanges {
  const before = draftOf(seen);
  const trimmed = { ...draft, title: draft.title.trim(), description: draft.description.trim(), location: draft.location.trim() };
  return Object.fromEntries(
    Object.entries(trimmed).filter(([name, value]) => value !== before[name as keyof DefectDraft]),
  );
}
