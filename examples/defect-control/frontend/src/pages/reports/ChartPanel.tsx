import { ActionIcon, Group, Paper, Table, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconChartBar, IconTable } from "@tabler/icons-react";
import { useId, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import classes from "./Reports.module.css";

interface ChartPanelProps {
  title: string;
  head: string[];
  rows: (string | number)[][];
  children: ReactNode;
}

/** A chart, and the same numbers as a table for who reads or hears rather than looks. */
export function ChartPanel({ title, head, rows, children }: ChartPanelProps) {
  const { t } = useTranslation();
  const [asTable, { toggle }] = useDisclosure(false);
  const heading = useId();
  return (
    <Paper withBorder p="md" component="section" aria-labelledby={heading}>
      <Group justify="space-between" mb="md" wrap="nowrap">
        <Title order={2} id={heading}>
          {title}
        </Title>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="lg"
          onClick={toggle}
          aria-label={`${asTable ? t("report.asChart") : t("report.asTable")}: ${title}`}
          title={asTable ? t("report.asChart") : t("report.asTable")}
        >
          {asTable ? <IconChartBar size={18} aria-hidden /> : <IconTable size={18} aria-hidden />}
        </ActionIcon>
      </Group>
      {rows.length === 0 ? (
        <Text c="dimmed">{t("empty.report")}</Text>
      ) : asTable ? (
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls has to take the keyboard's focus
        <div className={classes.numbers} tabIndex={0} role="region" aria-label={`${title}: ${t("nav.table")}`}>
          <Table stickyHeader>
            <Table.Thead>
              <Table.Tr>
                {head.map((name) => (
                  <Table.Th key={name}>{name}</Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((row, index) => (
                <Table.Tr key={index}>
                  {row.map((cell, column) => (
                    <Table.Td key={column}>{cell}</Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      ) : (
        <div aria-hidden>{children}</div>
      )}
    </Paper>
  );
}
