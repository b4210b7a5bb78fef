import { Button, Collapse, Group, Paper, SegmentedControl, Select, Stack, Text, Title } from "@mantine/core";
import { useForm, type FormErrors } from "@mantine/form";
import { useDisclosure } from "@mantine/hooks";
import { IconBuildingCommunity, IconChevronDown, IconChevronUp, IconEyeOff } from "@tabler/icons-react";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";

import { fieldMessages } from "../../api/errors";
import { useCreateDefect, useProjectNames } from "../../api/queries";
import { PRIORITIES, type Defect, type Priority, type ProjectName } from "../../api/types";
import { useUser } from "../../api/useSession";
import { leads, records, withoutSites } from "../../domain/flow";
import { newId } from "../../domain/ids";
import { PageHeader } from "../../ui/PageHeader";
import { EmptyState, ErrorNote, ErrorState, LoadingRows } from "../../ui/states";
import { LocationField, SecondaryFields, TitleField, type DefectDraft } from "../defects/DefectFields";
import { UploadList } from "../defects/UploadList";
import { useUploads } from "../defects/useUploads";
import { dropDraft, keepDraft, keptDraft } from "./draft";
import { PhotoPicker } from "./PhotoPicker";
import { Recorded } from "./Recorded";
import { rememberProject, rememberedProject } from "./rememberedProject";
import classes from "./RecordPage.module.css";

const BLANK: DefectDraft = {
  title: "",
  description: "",
  priority: "medium",
  location: "",
  stage_id: null,
  assignee_id: null,
  due_date: null,
};

export function RecordPage() {
  const { t } = useTranslation();
  const user = useUser();
  const projects = useProjectNames();
  const active = projects.data?.filter((project) => project.status === "active");

  return (
    <div className={classes.page}>
      <PageHeader title={t("record.title")} />
      {!records(user.role) ? (
        <EmptyState icon={IconEyeOff} title={t("record.forbidden")} hint={t("record.forbiddenHint")} />
      ) : projects.isError ? (
        <ErrorState error={projects.error} onRetry={() => void projects.refetch()} />
      ) : !active ? (
        <LoadingRows rows={5} height={60} />
      ) : active.length === 0 ? (
        <EmptyState
          icon={IconBuildingCommunity}
          title={t("record.noProjects")}
          hint={t(withoutSites(user.role))}
        >
          {leads(user.role) && (
            <Button component={Link} to="/projects?new=1">
              {t("project.create")}
            </Button>
          )}
        </EmptyState>
      ) : (
        <RecordFlow projects={active} />
      )}
    </div>
  );
}

/** Photo, words, button. Everything else is there for who wants it, and out of the way for who does not. */
function RecordFlow({ projects }: { projects: ProjectName[] }) {
  const { t } = useTranslation();
  const user = useUser();
  const [parameters] = useSearchParams();
  const [more, { toggle }] = useDisclosure(false);
  const [kept] = useState(keptDraft);
  const [projectId, setProjectId] = useState(() => firstChoice(projects, parameters.get("project_id") ?? kept?.projectId ?? null));
  const [siteForgotten, setSiteForgotten] = useState(false);
  const siteField = useId();
  const [photos, setPhotos] = useState<File[]>([]);
  const [recorded, setRecorded] = useState<Defect | null>(null);
  const [sending, setSending] = useState(false);
  const [sent, setSent] = useState(0);
  const uploads = useUploads((count) => setSent((before) => before + count));
  const create = useCreateDefect();
  // The same for every try: a defect whose answer was lost on the way is not recorded twice.
  const [id, setId] = useState(newId);
  const form = useForm<DefectDraft>({
    initialValues: { ...BLANK, ...kept?.draft },
    onValuesChange: (draft) => keepDraft({ projectId, draft }),
    validate: { title: (title) => (title.trim().length < 3 ? t("defect.titleShort") : null) },
  });

  const submit = async (draft: DefectDraft) => {
    if (!projectId) {
      leadToSite();
      return;
    }
    setSending(true);
    try {
      const defect = await create.mutateAsync({ id, project_id: projectId, ...draft, title: draft.title.trim() });
      rememberProject(projectId);
      dropDraft();
      setRecorded(defect);
      await uploads.send(defect.id, photos);
    } catch (error) {
      const wrong = fieldMessages(error);
      form.setErrors(wrong);
      lead(wrong);
    } finally {
      setSending(false);
    }
  };

  /** To the first field that is wrong: on a phone it may have been scrolled out of sight, above or below. */
  const lead = (wrong: FormErrors) => {
    const first = (Object.keys(BLANK) as (keyof DefectDraft)[]).find((name) => name in wrong);
    if (first) form.getInputNode(first)?.focus();
  };

  const leadToSite = () => {
    setSiteForgotten(true);
    document.getElementById(siteField)?.focus();
  };

  const again = () => {
    // The next defect is usually found a few steps away: the site and the place stay.
    form.setValues({ ...BLANK, location: form.values.location });
    setPhotos([]);
    setSent(0);
    setId(newId());
    create.reset();
    setRecorded(null);
  };

  if (recorded) {
    return (
      <Recorded
        defect={recorded}
        busy={sending}
        photosSent={sent}
        photosFailed={uploads.uploads.some((one) => one.state === "failed")}
        onAgain={again}
      >
        <UploadList uploads={uploads.uploads} onRetry={() => void uploads.retry(recorded.id)} onDrop={uploads.drop} />
      </Recorded>
    );
  }
  return (
    <form onSubmit={form.onSubmit((draft) => void submit(draft), projectId ? lead : leadToSite)} noValidate>
      <Stack>
        <PhotoPicker photos={photos} onChange={setPhotos} />
        <Paper withBorder p="md">
          <Stack>
            {projects.length > 1 ? (
              <Select
                label={t("defect.project")}
                data={projects.map(({ id, name }) => ({ value: id, label: name }))}
                value={projectId}
                onChange={(id) => {
                  setProjectId(id);
                  form.setValues({ stage_id: null, assignee_id: null });
                }}
                placeholder={t("record.chooseProject")}
                id={siteField}
                error={siteForgotten && !projectId ? t("record.chooseProject") : null}
                allowDeselect={false}
                searchable={projects.length > 7}
                size="md"
                required
              />
            ) : (
              <Title order={2}>{projects[0]?.name}</Title>
            )}
            <TitleField form={form} />
            <LocationField form={form} />
            <PriorityChoice value={form.values.priority} onChange={(priority) => form.setFieldValue("priority", priority)} />
            <Button
              variant="subtle"
              onClick={toggle}
              aria-expanded={more}
              rightSection={more ? <IconChevronUp size={18} aria-hidden /> : <IconChevronDown size={18} aria-hidden />}
              justify="space-between"
              px="xs"
            >
              {t("record.moreFields")}
            </Button>
            <Collapse expanded={more}>
              <Stack>
                <SecondaryFields form={form} projectId={projectId} canAssign={leads(user.role)} />
              </Stack>
            </Collapse>
            <ErrorNote error={create.error} />
          </Stack>
        </Paper>
        <div className={classes.footer}>
          <Group grow wrap="nowrap">
            <Button variant="default" size="lg" component={Link} to="/board" onClick={dropDraft} className={classes.cancel}>
              {t("action.cancel")}
            </Button>
            <Button type="submit" size="lg" color="vest" loading={sending}>
              {t("record.submit")}
            </Button>
          </Group>
        </div>
      </Stack>
    </form>
  );
}

function PriorityChoice({ value, onChange }: { value: Priority; onChange: (priority: Priority) => void }) {
  const { t } = useTranslation();
  return (
    <div>
      <Text size="md" fw={500} id="priority-label" mb={4}>
        {t("defect.priority")}
      </Text>
      <SegmentedControl
        classNames={{ root: classes.priorities, control: classes.priority }}
        aria-labelledby="priority-label"
        fullWidth
        size="md"
        value={value}
        onChange={(chosen) => onChange(chosen)}
        data={[...PRIORITIES].reverse().map((priority) => ({ value: priority, label: t(`priority.${priority}`) }))}
      />
    </div>
  );
}

function firstChoice(projects: ProjectName[], asked: string | null): string | null {
  const known = (id: string | null) => projects.find((project) => project.id === id)?.id;
  return known(asked) ?? known(rememberedProject()) ?? (projects.length === 1 ? (projects[0]?.id ?? null) : null);
}
