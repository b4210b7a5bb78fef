import { Button, Group, Menu, MultiSelect, Paper, SegmentedControl, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { IconChevronDown, IconDownload, IconFileSpreadsheet, IconFileTypeCsv, IconReportOff } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";

import { useExport, useProjectNames, useReport } from "../../api/queries";
import type { ReportSummary } from "../../api/types";
import { asked, type Choice } from "../../domain/period";
import { daysBefore, daysBetween, today, useFormat } from "../../i18n/format";
import { DayInput } from "../../ui/DayInput";
import { complain, say } from "../../ui/notify";
import { PageHeader } from "../../ui/PageHeader";
import { saveFile } from "../../ui/saveFile";
import { EmptyState, ErrorState, LoadingRows, useErrorMessage } from "../../ui/states";
import { AssigneeChart, PriorityChart, ProjectChart, StatusChart, TimelineChart } from "./Charts";
import { OverdueList } from "./OverdueList";
import classes from "./Reports.module.css";

const PERIODS = [7, 30, 90, 365] as const;

export function ReportsPage() {
  const { t } = useTranslation();
  const [parameters] = useSearchParams();
  const [choice, setChoice] = useState<Choice>(() => ({
    project_id: parameters.getAll("project_id"),
    from: daysBefore(today(), 29),
    to: today(),
  }));
  const query = asked(choice, today());
  const report = useReport(query);

  return (
    <>
      <PageHeader title={t("report.title")}>
        <ExportMenu choice={choice} />
      </PageHeader>
      <ChoiceBar choice={choice} onChange={setChoice} />
      {report.isError ? (
        <ErrorState error={report.error} onRetry={() => void report.refetch()} />
      ) : !report.data ? (
        <LoadingRows rows={4} height={150} />
      ) : report.data.totals.total === 0 ? (
        <EmptyState icon={IconReportOff} title={t("empty.report")} />
      ) : (
        <Stack aria-busy={report.isPlaceholderData} style={{ opacity: report.isPlaceholderData ? 0.6 : 1 }}>
          <Totals report={report.data} />
          <TimelineChart report={report.data} />
          <SimpleGrid cols={{ base: 1, md: 2 }}>
            <StatusChart report={report.data} />
            <PriorityChart report={report.data} />
            <AssigneeChart report={report.data} />
            <ProjectChart report={report.data} />
          </SimpleGrid>
          <OverdueList query={query} />
        </Stack>
      )}
    </>
  );
}

function ChoiceBar({ choice, onChange }: { choice: Choice; onChange: (choice: Choice) => void }) {
  const { t } = useTranslation();
  const projects = useProjectNames();
  const [custom, setCustom] = useState(false);
  const length = daysBetween(choice.from, choice.to) + 1;
  const preset = choice.to === today() ? PERIODS.find((days) => days === length) : undefined;
  const named = { 7: t("report.days7"), 30: t("report.days30"), 90: t("report.days90"), 365: t("report.days365") };

  return (
    <Group mb="md" gap="sm" align="end">
      <SegmentedControl
        className={classes.periods}
        aria-label={t("report.period")}
        value={custom || !preset ? "custom" : String(preset)}
        onChange={(value) => {
          setCustom(value === "custom");
          if (value !== "custom") onChange({ ...choice, from: daysBefore(today(), Number(value) - 1), to: today() });
        }}
        data={[...PERIODS.map((days) => ({ value: String(days), label: named[days] })), { value: "custom", label: t("report.custom") }]}
      />
      {(custom || !preset) && (
        <Group gap="xs" wrap="nowrap">
          <DayInput
            aria-label={t("report.from")}
            value={choice.from}
            minDate={daysBefore(choice.to, 365)}
            maxDate={choice.to}
            onChange={(from) => from && onChange({ ...choice, from })}
          />
          <span aria-hidden>—</span>
          <DayInput
            aria-label={t("report.to")}
            value={choice.to}
            minDate={choice.from}
            maxDate={today()}
            onChange={(to) => to && onChange({ ...choice, to })}
          />
        </Group>
      )}
      <MultiSelect
        flex="1 1 240px"
        maw={460}
        aria-label={t("defect.project")}
        placeholder={choice.project_id.length ? undefined : t("filter.anyProject")}
        data={(projects.data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
        value={choice.project_id}
        onChange={(project_id) => onChange({ ...choice, project_id })}
        searchable
        clearable
        clearButtonProps={{ "aria-label": t("action.clear") }}
      />
    </Group>
  );
}

function ExportMenu({ choice }: { choice: Choice }) {
  const { t } = useTranslation();
  const message = useErrorMessage();
  const download = useExport();
  const start = (format: "csv" | "xlsx") =>
    download.mutate(
      { format, query: asked(choice, today()) },
      {
        onSuccess: ({ blob }) => {
          saveFile(blob, `defects-${choice.from}-${choice.to}.${format}`);
          say(t("report.downloaded"));
        },
        onError: (error) => complain(message(error)),
      },
    );
  return (
    <Menu shadow="md" position="bottom-end">
      <Menu.Target>
        <Button
          variant="default"
          leftSection={<IconDownload size={18} aria-hidden />}
          rightSection={<IconChevronDown size={16} aria-hidden />}
          loading={download.isPending}
        >
          {t("report.export")}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconFileSpreadsheet size={18} aria-hidden />} onClick={() => start("xlsx")}>
          {t("report.exportXlsx")} (.xlsx)
        </Menu.Item>
        <Menu.Item leftSection={<IconFileTypeCsv size={18} aria-hidden />} onClick={() => start("csv")}>
          {t("report.exportCsv")} (.csv)
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Totals({ report }: { report: ReportSummary }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { totals } = report;
  return (
    <SimpleGrid cols={{ base: 2, md: 4 }} spacing="sm">
      <Total name={t("report.open")} value={format.number(totals.open)} hint={t("report.ofTotal", { count: totals.total })} />
      <Total name={t("report.closedInPeriod")} value={format.number(totals.closed_in_period)} hint={t("report.openedInPeriod", { count: totals.opened_in_period })} />
      <Total
        name={t("report.overdue")}
        value={format.number(totals.overdue)}
        hint={t("report.overdueShare", { percent: format.percent(totals.open ? totals.overdue / totals.open : 0) })}
        isBad={totals.overdue > 0}
      />
      <Total name={t("report.meanTime")} value={format.duration(totals.mean_hours_to_close)} hint={t("report.meanTimeHint")} />
    </SimpleGrid>
  );
}

function Total({ name, value, hint, isBad = false }: { name: string; value: string; hint: string; isBad?: boolean }) {
  return (
    <Paper withBorder p="md" className={classes.total} data-bad={isBad || undefined}>
      <Title order={2} size="sm" fw={500} c="dimmed">
        {name}
      </Title>
      <Text className={classes.value}>{value}</Text>
      <Text size="xs" c="dimmed">
        {hint}
      </Text>
    </Paper>
  );
}
