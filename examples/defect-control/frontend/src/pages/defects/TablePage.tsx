import { ActionIcon, Group, Pagination, Paper, Select, Stack, Table, Text, UnstyledButton } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconArrowDown, IconArrowsSort, IconArrowUp, IconMessage, IconPaperclip } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";

import { useDefects } from "../../api/queries";
import type { DefectSummary } from "../../api/types";
import { NO_FILTERS, SORTS, toQuery, writeSort, type Sort, type SortField } from "../../domain/filters";
import { useFormat } from "../../i18n/format";
import { DueDate } from "../../ui/DueDate";
import { PageHeader } from "../../ui/PageHeader";
import { Person } from "../../ui/PersonAvatar";
import { PriorityMark } from "../../ui/PriorityMark";
import { ErrorState, LoadingRows } from "../../ui/states";
import { StatusBadge } from "../../ui/StatusBadge";
import { NoDefects } from "./BoardPage";
import { FilterBar } from "./FilterBar";
import { useFilters } from "./useFilters";
import classes from "./TablePage.module.css";

const PAGE_SIZE = 25;

export function TablePage() {
  const { t } = useTranslation();
  const { filters, sort, page, search, setFilters, setSort, setPage } = useFilters();
  const query = toQuery(filters);
  const defects = useDefects({ ...query, sort: writeSort(sort), page, size: PAGE_SIZE });
  const narrow = useMediaQuery("(max-width: 48em)", false, { getInitialValueInEffect: false });

  return (
    <>
      <PageHeader title={t("nav.defects")} />
      <FilterBar view="table" filters={filters} sort={writeSort(sort)} search={search} onChange={setFilters} />
      {defects.isError ? (
        <ErrorState error={defects.error} onRetry={() => void defects.refetch()} />
      ) : !defects.data ? (
        <LoadingRows rows={8} />
      ) : defects.data.total === 0 ? (
        <NoDefects isFiltered={Object.keys(query).length > 0} onReset={() => setFilters(NO_FILTERS)} />
      ) : (
        <Stack aria-busy={defects.isPlaceholderData} style={{ opacity: defects.isPlaceholderData ? 0.6 : 1 }}>
          <Text size="sm" c="dimmed" role="status">
            {t("table.found", { count: defects.data.total })}
          </Text>
          {narrow ? (
            <CardList items={defects.data.items} sort={sort} onSort={setSort} />
          ) : (
            <WideTable items={defects.data.items} sort={sort} onSort={setSort} />
          )}
          {defects.data.pages > 1 && (
            <Pagination
              total={defects.data.pages}
              value={page}
              onChange={setPage}
              siblings={narrow ? 0 : 1}
              style={{ alignSelf: "center" }}
              aria-label={t("table.pages")}
              getItemProps={(number) => ({ "aria-label": t("table.page", { page: number }) })}
              getControlProps={(control) => ({
                "aria-label": control === "next" || control === "last" ? t("photo.next") : t("photo.previous"),
              })}
            />
          )}
        </Stack>
      )}
    </>
  );
}

interface ListProps {
  items: DefectSummary[];
  sort: Sort;
  onSort: (sort: Sort) => void;
}

function WideTable({ items, sort, onSort }: ListProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const heading = (field: SortField, text: string) => <SortHeading field={field} text={text} sort={sort} onSort={onSort} />;
  return (
    <Paper withBorder className={classes.frame}>
      <Table.ScrollContainer minWidth={860}>
        <Table highlightOnHover verticalSpacing="sm" aria-label={t("table.label")}>
          <Table.Thead>
            <Table.Tr>
              {heading("number", t("defect.number"))}
              {heading("title", t("defect.title"))}
              {heading("status", t("defect.status"))}
              {heading("priority", t("defect.priority"))}
              <Table.Th>{t("defect.assignee")}</Table.Th>
              {heading("due_date", t("defect.due"))}
              {heading("updated_at", t("defect.updated"))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {items.map((defect) => (
              <Table.Tr key={defect.id} data-overdue={defect.is_overdue || undefined} className={classes.row}>
                <Table.Td c="dimmed">{defect.number}</Table.Td>
                <Table.Td miw={240}>
                  <Link to={`/defects/${defect.id}`} className={classes.title}>
                    {defect.title}
                  </Link>
                  <Group gap={10}>
                    <Text size="xs" c="dimmed">
                      {[defect.project_name, defect.location].filter(Boolean).join(" · ")}
                    </Text>
                    <Counts defect={defect} />
                  </Group>
                </Table.Td>
                <Table.Td>
                  <StatusBadge status={defect.status} />
                </Table.Td>
                <Table.Td>
                  <PriorityMark priority={defect.priority} words />
                </Table.Td>
                <Table.Td>
                  {defect.assignee_name ? (
                    <Person name={defect.assignee_name} size={24} />
                  ) : (
                    <Text size="sm" c="dimmed">
                      {t("defect.unassigned")}
                    </Text>
                  )}
                </Table.Td>
                <Table.Td>
                  <DueDate day={defect.due_date} isOverdue={defect.is_overdue} />
                </Table.Td>
                <Table.Td>
                  <Text size="sm" style={{ whiteSpace: "nowrap" }}>
                    {format.shortDay(defect.updated_at)}
                  </Text>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Paper>
  );
}

function SortHeading({ field, text, sort, onSort }: { field: SortField; text: string } & Omit<ListProps, "items">) {
  const { t } = useTranslation();
  const active = sort.field === field;
  const SortIcon = !active ? IconArrowsSort : sort.descending ? IconArrowDown : IconArrowUp;
  return (
    <Table.Th aria-sort={active ? (sort.descending ? "descending" : "ascending") : "none"}>
      <UnstyledButton
        className={classes.sort}
        data-active={active || undefined}
        onClick={() => onSort({ field, descending: active ? !sort.descending : false })}
        title={t("table.sortBy", { name: text })}
      >
        {text}
        <SortIcon size={14} aria-hidden />
      </UnstyledButton>
    </Table.Th>
  );
}

const SORT_NAMES = {
  number: "defect.number",
  title: "defect.title",
  status: "defect.status",
  priority: "defect.priority",
  due_date: "defect.due",
  created_at: "defect.created",
  updated_at: "defect.updated",
} as const;

function CardList({ items, sort, onSort }: ListProps) {
  const { t } = useTranslation();
  return (
    <>
      <Group gap="xs" wrap="nowrap" align="end">
        <Select
          flex={1}
          aria-label={t("table.sort")}
          data={SORTS.map((field) => ({ value: field, label: t("table.sortBy", { name: t(SORT_NAMES[field]).toLowerCase() }) }))}
          value={sort.field}
          allowDeselect={false}
          onChange={(field) => field && onSort({ ...sort, field: field })}
        />
        <ActionIcon
          variant="default"
          size={42}
          aria-label={sort.descending ? t("table.descending") : t("table.ascending")}
          onClick={() => onSort({ ...sort, descending: !sort.descending })}
        >
          {sort.descending ? <IconArrowDown size={18} aria-hidden /> : <IconArrowUp size={18} aria-hidden />}
        </ActionIcon>
      </Group>
      <Stack gap="xs" component="ul" className={classes.list} aria-label={t("table.label")}>
        {items.map((defect) => (
          <li key={defect.id}>
            <Link to={`/defects/${defect.id}`} className={classes.card} data-overdue={defect.is_overdue || undefined}>
              <Group gap={8} wrap="nowrap" justify="space-between">
                <Group gap={8} wrap="nowrap">
                  <PriorityMark priority={defect.priority} />
                  <Text size="xs" c="dimmed" fw={600}>
                    № {defect.number}
                  </Text>
                </Group>
                <StatusBadge status={defect.status} size="sm" />
              </Group>
              <Text fw={600} lh={1.3} my={4}>
                {defect.title}
              </Text>
              <Text size="sm" c="dimmed">
                {[defect.project_name, defect.location].filter(Boolean).join(" · ")}
              </Text>
              <Group gap={10} mt={6} justify="space-between">
                {defect.assignee_name ? (
                  <Person name={defect.assignee_name} size={22} />
                ) : (
                  <Text size="sm" c="dimmed">
                    {t("defect.unassigned")}
                  </Text>
                )}
                <DueDate day={defect.due_date} isOverdue={defect.is_overdue} />
              </Group>
            </Link>
          </li>
        ))}
      </Stack>
    </>
  );
}

function Counts({ defect }: { defect: DefectSummary }) {
  const { t } = useTranslation();
  return (
    <>
      {defect.comments_count > 0 && (
        <span className={classes.count} role="img" aria-label={t("defect.comments", { count: defect.comments_count })}>
          <IconMessage size={13} aria-hidden /> {defect.comments_count}
        </span>
      )}
      {defect.attachments_count > 0 && (
        <span className={classes.count} role="img" aria-label={t("defect.photos", { count: defect.attachments_count })}>
          <IconPaperclip size={13} aria-hidden /> {defect.attachments_count}
        </span>
      )}
    </>
  );
}
