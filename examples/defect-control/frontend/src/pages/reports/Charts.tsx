import { BarChart, CompositeChart, DonutChart } from "@mantine/charts";
import { Group } from "@mantine/core";
import { useTranslation } from "react-i18next";

import type { ReportSummary } from "../../api/types";
import { STATUS_FILLS } from "../../app/theme";
import { useFormat } from "../../i18n/format";
import { ChartPanel } from "./ChartPanel";
import classes from "./Reports.module.css";

// The table beside each chart is for keyboards and screen readers; the picture takes no focus.
const MUTE = { accessibilityLayer: false };

const OPENED = "#f97614";
const CLOSED = "#17a589";
const OPEN = "#4f79d0";
const OVERDUE = "#e03131";

interface ChartProps {
  report: ReportSummary;
}

export function TimelineChart({ report }: ChartProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const data = report.timeline.map((day) => ({ ...day, date: format.shortDay(day.date) }));
  return (
    <ChartPanel
      title={t("report.timeline")}
      head={[t("report.date"), t("report.opened"), t("report.closed"), t("report.openSeries")]}
      rows={data.map((day) => [day.date, day.opened, day.closed, day.open])}
    >
      <CompositeChart
        composedChartProps={MUTE}
        h={280}
        data={data}
        dataKey="date"
        withLegend
        legendProps={{ verticalAlign: "bottom" }}
        withRightYAxis
        maxBarWidth={18}
        yAxisProps={{ allowDecimals: false, width: 30 }}
        rightYAxisProps={{ allowDecimals: false, width: 34 }}
        xAxisProps={{ interval: "preserveStartEnd", minTickGap: 24 }}
        series={[
          { name: "opened", label: t("report.opened"), color: OPENED, type: "bar" },
          { name: "closed", label: t("report.closed"), color: CLOSED, type: "bar" },
          { name: "open", label: t("report.openSeries"), color: OPEN, type: "line", yAxisId: "right" },
        ]}
        withDots={false}
        curveType="monotone"
      />
    </ChartPanel>
  );
}

export function StatusChart({ report }: ChartProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const data = report.by_status.map(({ status, count }) => ({
    name: t(`status.${status}`),
    value: count,
    color: STATUS_FILLS[status],
  }));
  return (
    <ChartPanel title={t("report.byStatus")} head={[t("defect.status"), t("report.count")]} rows={data.map(({ name, value }) => [name, value])}>
      <Group justify="center" gap="xl">
        <DonutChart pieChartProps={MUTE} pieProps={{ rootTabIndex: -1 }} data={data.filter(({ value }) => value > 0)} size={190} thickness={30} chartLabel={format.number(report.totals.total)} paddingAngle={2} />
        <ul className={classes.legend}>
          {data.map(({ name, value, color }) => (
            <li key={name}>
              <span className={classes.swatch} style={{ background: color }} />
              {name}
              <b>{value}</b>
            </li>
          ))}
        </ul>
      </Group>
    </ChartPanel>
  );
}

export function PriorityChart({ report }: ChartProps) {
  const { t } = useTranslation();
  const data = report.by_priority.map((row) => ({ name: t(`priority.${row.priority}`), open: row.open, closed: row.closed }));
  return (
    <ChartPanel
      title={t("report.byPriority")}
      head={[t("defect.priority"), t("report.openSeries"), t("report.closed")]}
      rows={data.map((row) => [row.name, row.open, row.closed])}
    >
      <BarChart
        barChartProps={MUTE}
        h={220}
        data={data}
        dataKey="name"
        type="stacked"
        orientation="vertical"
        withLegend
        legendProps={{ verticalAlign: "bottom" }}
        yAxisProps={{ width: 108 }}
        xAxisProps={{ allowDecimals: false }}
        maxBarWidth={26}
        series={[
          { name: "open", label: t("report.openSeries"), color: OPEN },
          { name: "closed", label: t("report.closed"), color: CLOSED },
        ]}
      />
    </ChartPanel>
  );
}

export function AssigneeChart({ report }: ChartProps) {
  const { t } = useTranslation();
  return (
    <WorkChart
      title={t("report.byAssignee")}
      nameHead={t("defect.assignee")}
      rows={report.by_assignee.map((row) => ({ ...row, name: row.assignee_name ?? t("defect.unassigned") }))}
    />
  );
}

export function ProjectChart({ report }: ChartProps) {
  const { t } = useTranslation();
  return (
    <WorkChart
      title={t("report.byProject")}
      nameHead={t("defect.project")}
      rows={report.by_project.map((row) => ({ ...row, name: row.project_name }))}
    />
  );
}

interface WorkRow {
  name: string;
  open: number;
  closed: number;
  overdue: number;
  mean_hours_to_close: number | null;
}

const MOST_BARS = 12;

function WorkChart({ title, nameHead, rows }: { title: string; nameHead: string; rows: WorkRow[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const shown = rows.slice(0, MOST_BARS).map((row) => ({
    name: row.name,
    overdue: row.overdue,
    onTime: row.open - row.overdue,
    closed: row.closed,
  }));
  return (
    <ChartPanel
      title={title}
      head={[nameHead, t("report.openSeries"), t("report.overdue"), t("report.closed"), t("report.meanTime")]}
      rows={rows.map((row) => [row.name, row.open, row.overdue, row.closed, format.duration(row.mean_hours_to_close)])}
    >
      <BarChart
        barChartProps={MUTE}
        h={Math.max(150, shown.length * 40 + 70)}
        data={shown}
        dataKey="name"
        type="stacked"
        orientation="vertical"
        withLegend
        legendProps={{ verticalAlign: "bottom" }}
        yAxisProps={{ width: 128 }}
        xAxisProps={{ allowDecimals: false }}
        maxBarWidth={24}
        series={[
          { name: "overdue", label: t("report.overdue"), color: OVERDUE },
          { name: "onTime", label: t("report.openSeries"), color: OPEN },
          { name: "closed", label: t("report.closed"), color: CLOSED },
        ]}
      />
    </ChartPanel>
  );
}
