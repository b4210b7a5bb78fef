import { Stack, Text, UnstyledButton } from "@mantine/core";
import { useState, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";

import { STATUSES, type Board, type DefectSummary, type Status } from "../../api/types";
import { BoardCard } from "./BoardCard";
import { MoreInTable } from "./MoreInTable";
import classes from "./Board.module.css";

interface PhoneBoardProps {
  board: Board;
  search: string;
  onMove: (defect: DefectSummary, to: Status) => void;
}

/** One column at a time, chosen by tabs: a phone has no room to drag across. */
export function PhoneBoard({ board, search, onMove }: PhoneBoardProps) {
  const { t } = useTranslation();
  const [status, setStatus] = useState<Status>(board.columns.find((column) => column.total > 0)?.status ?? "new");
  const column = board.columns.find((one) => one.status === status);

  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = STATUSES[(STATUSES.indexOf(status) + step + STATUSES.length) % STATUSES.length] ?? "new";
    setStatus(next);
    document.getElementById(`tab-${next}`)?.focus();
  };

  return (
    <>
      <div className={classes.tabs} role="tablist" aria-label={t("defect.status")}>
        {board.columns.map((one) => (
          <UnstyledButton
            key={one.status}
            id={`tab-${one.status}`}
            className={classes.statusTab}
            role="tab"
            aria-selected={one.status === status}
            aria-controls="phone-column"
            tabIndex={one.status === status ? 0 : -1}
            onClick={() => setStatus(one.status)}
            onKeyDown={onKeyDown}
          >
            {t(`status.${one.status}`)}
            <b>{one.total}</b>
          </UnstyledButton>
        ))}
      </div>
      <div id="phone-column" role="tabpanel" aria-labelledby={`tab-${status}`}>
        <Stack gap="sm">
          {column?.items.map((defect) => (
            <BoardCard key={defect.id} defect={defect} onMove={onMove} />
          ))}
          {column?.items.length === 0 && (
            <Text c="dimmed" ta="center" py="xl">
              {t("board.empty")}
            </Text>
          )}
        </Stack>
        {column && <MoreInTable column={column} search={search} />}
      </div>
    </>
  );
}
