import { Button, Fieldset, Group, Modal, Radio, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Conflict } from "../../api/errors";
import { useProject } from "../../api/queries";
import type { Defect, DefectChanges, Priority } from "../../api/types";
import { useFormat } from "../../i18n/format";

type Field = keyof DefectChanges;
const NAMES = {
  title: "history.field.title",
  description: "defect.description",
  priority: "defect.priority",
  location: "defect.location",
  stage_id: "defect.stage",
  assignee_id: "defect.assignee",
  due_date: "defect.due",
} as const satisfies Record<Field, string>;

interface ConflictDialogProps {
  conflict: Conflict<Defect>;
  busy: boolean;
  /** The fields of the person's edit that are to win; none when the saved ones stay. */
  onSave: (changes: DefectChanges) => void;
  onClose: () => void;
}

/** Two people edited at once: both versions side by side, and for each field which one stays. */
export function ConflictDialog({ conflict, busy, onSave, onClose }: ConflictDialogProps) {
  const { t } = useTranslation();
  const words = useFieldWords(conflict.current);
  const { current } = conflict;
  const mine = conflict.yours.changes as DefectChanges;
  const fields = (Object.keys(NAMES) as Field[]).filter((name) => name in mine && mine[name] !== current[name]);
  const [kept, setKept] = useState<Partial<Record<Field, "yours" | "theirs">>>({});

  const save = () => {
    const chosen = fields.filter((name) => kept[name] !== "theirs").map((name) => [name, mine[name]]);
    onSave(Object.fromEntries(chosen) as DefectChanges);
  };

  return (
    <Modal opened onClose={onClose} title={t("conflict.title")} size="lg" closeButtonProps={{ "aria-label": t("action.close") }}>
      <Stack>
        <Text>{t("conflict.explain")}</Text>
        {fields.map((name) => (
          <Fieldset key={name} legend={t(NAMES[name])}>
            <Radio.Group
              value={kept[name] ?? "yours"}
              onChange={(side) => setKept({ ...kept, [name]: side })}
              aria-label={t(NAMES[name])}
            >
              <Stack gap="sm">
                <Radio value="theirs" label={words(name, current[name])} description={t("conflict.theirs")} />
                <Radio value="yours" label={words(name, mine[name])} description={t("conflict.yours")} />
              </Stack>
            </Radio.Group>
          </Fieldset>
        ))}
        <Group justify="flex-end">
          <Button variant="default" onClick={() => onSave({})}>
            {t("conflict.takeTheirs")}
          </Button>
          <Button onClick={save} loading={busy}>
            {t("conflict.save")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

function useFieldWords(current: Defect): (field: Field, value: string | null | undefined) => string {
  const { t } = useTranslation();
  const format = useFormat();
  const project = useProject(current.project_id);
  return (field, value) => {
    if (!value) return t("defect.none");
    switch (field) {
      case "priority":
        return t(`priority.${value as Priority}`);
      case "due_date":
        return format.day(value);
      case "stage_id":
        return project.data?.stages.find((stage) => stage.id === value)?.name ?? current.stage_name ?? value;
      case "assignee_id":
        return project.data?.members.find((member) => member.user_id === value)?.full_name ?? current.assignee_name ?? value;
      default:
        return value;
    }
  };
}
