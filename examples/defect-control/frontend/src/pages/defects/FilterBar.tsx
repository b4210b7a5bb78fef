import { Button, Chip, CloseButton, Drawer, Group, Indicator, SegmentedControl, TextInput } from "@mantine/core";
import { useDebouncedCallback, useDisclosure } from "@mantine/hooks";
import { IconAdjustmentsHorizontal, IconLayoutKanban, IconList, IconSearch } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";

import { useUser } from "../../api/useSession";
import { countFilters, NO_FILTERS, type Filters, type Sort } from "../../domain/filters";
import { records } from "../../domain/flow";
import { FilterFields } from "./FilterFields";
import { SavedFilters } from "./SavedFilters";
import classes from "./FilterBar.module.css";

interface FilterBarProps {
  view: "board" | "table";
  filters: Filters;
  sort: string;
  search: string;
  onChange: (filters: Filters, sort?: Sort) => void;
}

export function FilterBar({ view, filters, sort, search, onChange }: FilterBarProps) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const user = useUser();
  const [opened, drawer] = useDisclosure(false);
  const count = countFilters(filters);
  const isMine = filters.assignee_id.length === 1 && filters.assignee_id[0] === user.id;

  return (
    <div className={classes.bar} role="search">
      <div className={classes.top}>
        <SearchField value={filters.q} onChange={(q) => onChange({ ...filters, q })} />
        <Indicator label={count} size={18} disabled={count === 0} color="vest">
          <Button
            variant="default"
            leftSection={<IconAdjustmentsHorizontal size={18} aria-hidden />}
            onClick={drawer.open}
            aria-label={count ? t("filter.openCount", { count }) : t("filter.open")}
            aria-haspopup="dialog"
          >
            {t("filter.title")}
          </Button>
        </Indicator>
        <SavedFilters filters={filters} sort={sort} onPick={onChange} />
        <SegmentedControl
          className={classes.views}
          value={view}
          onChange={(value) => void navigate({ pathname: value === "board" ? "/board" : "/defects", search })}
          data={[
            { value: "board", label: <ViewLabel icon={<IconLayoutKanban size={18} aria-hidden />} text={t("nav.board")} /> },
            { value: "table", label: <ViewLabel icon={<IconList size={18} aria-hidden />} text={t("nav.table")} /> },
          ]}
        />
      </div>
      <Group gap={8} role="group" aria-label={t("filter.quick")} className={classes.chips}>
        <Chip checked={filters.overdue} onChange={(overdue) => onChange({ ...filters, overdue })} color="red" size="sm">
          {t("filter.overdue")}
        </Chip>
        {records(user.role) && (
          <Chip
            checked={isMine}
            onChange={(mine) => onChange({ ...filters, assignee_id: mine ? [user.id] : [], unassigned: false })}
            size="sm"
          >
            {t("filter.mine")}
          </Chip>
        )}
        <Chip
          checked={filters.unassigned}
          onChange={(unassigned) => onChange({ ...filters, unassigned, assignee_id: [] })}
          size="sm"
        >
          {t("filter.unassigned")}
        </Chip>
        {(count > 0 || filters.q) && (
          <Button variant="subtle" size="compact-sm" onClick={() => onChange(NO_FILTERS)}>
            {t("filter.resetAll")}
          </Button>
        )}
      </Group>

      <Drawer
        opened={opened}
        onClose={drawer.close}
        title={t("filter.title")}
        position="right"
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        <FilterFields filters={filters} showStatus={view === "table"} onChange={onChange} />
        <Group mt="xl" grow>
          <Button variant="default" onClick={() => onChange({ ...NO_FILTERS, q: filters.q })}>
            {t("action.reset")}
          </Button>
          <Button onClick={drawer.close}>{t("action.apply")}</Button>
        </Group>
      </Drawer>
    </div>
  );
}

function ViewLabel({ icon, text }: { icon: React.ReactNode; text: string }) {
  return (
    <Group gap={6} wrap="nowrap" justify="center">
      {icon}
      <span className={classes.viewName}>{text}</span>
    </Group>
  );
}

function SearchField({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState(value);
  const [told, setTold] = useState(value);
  const tell = useDebouncedCallback((typed: string) => {
    setTold(typed);
    onChange(typed);
  }, 450);
  if (value !== told) {
    // Changed from outside: a saved filter, a reset, the Back button.
    setTold(value);
    setText(value);
  }
  return (
    <TextInput
      className={classes.search}
      type="search"
      maxLength={100}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        tell(event.currentTarget.value.trim());
      }}
      aria-label={t("filter.search")}
      placeholder={t("filter.search")}
      leftSection={<IconSearch size={18} aria-hidden />}
      rightSection={
        text && (
          <CloseButton
            aria-label={t("action.clear")}
            onClick={() => {
              setText("");
              tell.cancel();
              setTold("");
              onChange("");
            }}
          />
        )
      }
    />
  );
}
