import { Button, ScrollArea, Skeleton } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconBuildingCommunity, IconClipboardList, IconFilterOff } from "@tabler/icons-react";
import { Suspense } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";

import { useBoard, useProjectNames } from "../../api/queries";
import { useUser } from "../../api/useSession";
import { later } from "../../app/later";
import { NO_FILTERS, toQuery, writeSort } from "../../domain/filters";
import { leads, records, withoutSites } from "../../domain/flow";
import { PageHeader } from "../../ui/PageHeader";
import { EmptyState, ErrorState } from "../../ui/states";
import { FilterBar } from "./FilterBar";
import { PhoneBoard } from "./PhoneBoard";
import { useFilters } from "./useFilters";
import { useMoveFlow } from "./useMoveFlow";
import classes from "./Board.module.css";

// Dragging is for screens with room for columns, and its library is a good part of the code.
const Board = later(() => import("./Board").then((module) => module.Board), { ahead: false });

export function BoardPage() {
  const { t } = useTranslation();
  const { filters, sort, search, setFilters } = useFilters();
  const query = toQuery({ ...filters, status: [] });
  const board = useBoard(query);
  const flow = useMoveFlow();
  const narrow = useMediaQuery("(max-width: 48em)", false, { getInitialValueInEffect: false });
  const isEmpty = board.data?.columns.every((column) => column.total === 0) ?? false;

  return (
    <>
      <PageHeader title={t("nav.defects")} />
      <FilterBar view="board" filters={filters} sort={writeSort(sort)} search={search} onChange={setFilters} />
      {board.isError ? (
        <ErrorState error={board.error} onRetry={() => void board.refetch()} />
      ) : !board.data ? (
        <LoadingBoard />
      ) : isEmpty ? (
        <NoDefects isFiltered={Object.keys(query).length > 0} onReset={() => setFilters(NO_FILTERS)} />
      ) : narrow ? (
        <PhoneBoard board={board.data} search={search} onMove={flow.start} />
      ) : (
        <Suspense fallback={<LoadingBoard />}>
          <Board board={board.data} search={search} onMove={flow.start} />
        </Suspense>
      )}
      {flow.dialog}
    </>
  );
}

export function NoDefects({ isFiltered, onReset }: { isFiltered: boolean; onReset: () => void }) {
  const { t } = useTranslation();
  const user = useUser();
  const projects = useProjectNames();
  if (isFiltered) {
    return (
      <EmptyState icon={IconFilterOff} title={t("empty.filtered")} hint={t("empty.filteredHint")}>
        <Button variant="light" onClick={onReset}>
          {t("filter.resetAll")}
        </Button>
      </EmptyState>
    );
  }
  if (projects.data?.length === 0) {
    // Whoever has just come: what has to happen first, and who does it.
    return (
      <EmptyState icon={IconBuildingCommunity} title={t("empty.projects")} hint={t(withoutSites(user.role))}>
        {leads(user.role) && (
          <Button component={Link} to="/projects?new=1">
            {t("project.create")}
          </Button>
        )}
      </EmptyState>
    );
  }
  return (
    <EmptyState icon={IconClipboardList} title={t("empty.defects")} hint={records(user.role) ? t("empty.defectsHint") : undefined}>
      {records(user.role) && (
        <Button component={Link} to="/record" color="vest">
          {t("nav.record")}
        </Button>
      )}
    </EmptyState>
  );
}

function LoadingBoard() {
  const { t } = useTranslation();
  return (
    <ScrollArea role="status" aria-label={t("loading")}>
      <div className={classes.columns}>
        {[3, 2, 2, 1].map((cards, column) => (
          <div key={column} className={classes.column}>
            {Array.from({ length: cards }, (_, card) => (
              <Skeleton key={card} height={120} mb={8} radius="md" />
            ))}
          </div>
        ))}
      </div>
    </ScrollArea>
  );
}
