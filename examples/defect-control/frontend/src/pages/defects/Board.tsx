import { Badge, Group, Text, UnstyledButton } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import {
  DragDropContext,
  Draggable,
  Droppable,
  type DragStart,
  type DragUpdate,
  type DropResult,
  type ResponderProvided,
} from "@hello-pangea/dnd";
import { IconChevronsLeft, IconChevronsRight } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Board as BoardData, BoardColumn, DefectSummary, Status } from "../../api/types";
import { useUser } from "../../api/useSession";
import { STATUS_FILLS } from "../../app/theme";
import { allowedTransitions } from "../../domain/flow";
import { BoardCard } from "./BoardCard";
import { MoreInTable } from "./MoreInTable";
import classes from "./Board.module.css";

interface BoardProps {
  board: BoardData;
  search: string;
  onMove: (defect: DefectSummary, to: Status) => void;
}

/** Columns by status. A card goes by mouse, touch or keyboard only where the person may move it. */
export function Board({ board, search, onMove }: BoardProps) {
  const { t } = useTranslation();
  const user = useUser();
  const [dragged, setDragged] = useState<DefectSummary | null>(null);
  const [showCancelled, setShowCancelled] = useLocalStorage({ key: "defect-control.cancelled", defaultValue: false });
  const targets = dragged ? allowedTransitions(user, dragged) : [];
  const find = (id: string) => board.columns.flatMap((column) => column.items).find((item) => item.id === id) ?? null;
  const named = (status: string) => t(`status.${status as Status}`);

  const onDragStart = ({ draggableId, source }: DragStart, { announce }: ResponderProvided) => {
    setDragged(find(draggableId));
    announce(t("board.lifted", { from: named(source.droppableId) }));
  };
  const onDragUpdate = ({ destination }: DragUpdate, { announce }: ResponderProvided) =>
    announce(destination ? t("board.over", { to: named(destination.droppableId) }) : t("board.nowhere"));
  const onDragEnd = ({ draggableId, source, destination }: DropResult, { announce }: ResponderProvided) => {
    setDragged(null);
    const defect = find(draggableId);
    if (!defect || !destination || destination.droppableId === source.droppableId) {
      announce(t("board.returned"));
      return;
    }
    announce(t("board.dropped", { to: named(destination.droppableId) }));
    onMove(defect, destination.droppableId as Status);
  };

  return (
    <DragDropContext
      onDragStart={onDragStart}
      onDragUpdate={onDragUpdate}
      onDragEnd={onDragEnd}
      dragHandleUsageInstructions={t("board.instructions")}
    >
      <div className={classes.scroll} role="region" aria-label={t("board.label")}>
        <div className={classes.columns}>
          {board.columns.map((column) => {
            const isTarget = targets.includes(column.status);
            // Not unfolded by a drag: the library gives a drag up when a place to drop appears in its midst.
            if (column.status === "cancelled" && !showCancelled) {
              return <FoldedColumn key={column.status} column={column} onOpen={() => setShowCancelled(true)} />;
            }
            return (
              <Column
                key={column.status}
                column={column}
                search={search}
                state={!dragged ? "idle" : isTarget ? "target" : column.status === dragged.status ? "idle" : "closed"}
                onMove={onMove}
                onFold={column.status === "cancelled" ? () => setShowCancelled(false) : undefined}
              />
            );
          })}
        </div>
      </div>
    </DragDropContext>
  );
}

interface ColumnProps {
  column: BoardColumn;
  search: string;
  state: "idle" | "target" | "closed";
  onMove: (defect: DefectSummary, to: Status) => void;
  onFold: (() => void) | undefined;
}

function Column({ column, search, state, onMove, onFold }: ColumnProps) {
  const { t } = useTranslation();
  const user = useUser();
  const { status, items, total } = column;
  const heading = `column-${status}`;
  return (
    <section className={classes.column} data-state={state} aria-labelledby={heading}>
      <Group className={classes.columnHead} gap={8} wrap="nowrap">
        <span className={classes.dot} style={{ background: STATUS_FILLS[status] }} aria-hidden />
        <Text component="h2" id={heading} fw={650} size="sm" aria-label={t("board.column", { status: t(`status.${status}`), total })}>
          {t(`status.${status}`)}
        </Text>
        <Badge variant="default" size="md" circle={total < 10} aria-hidden>
          {total}
        </Badge>
        {onFold && (
          <UnstyledButton ml="auto" onClick={onFold} aria-label={t("board.hideCancelled")} className={classes.fold}>
            <IconChevronsRight size={18} aria-hidden />
          </UnstyledButton>
        )}
      </Group>
      <Droppable droppableId={status} isDropDisabled={state === "closed"}>
        {(droppable, { isDraggingOver }) => (
          <div
            ref={droppable.innerRef}
            {...droppable.droppableProps}
            className={classes.cards}
            data-over={isDraggingOver || undefined}
          >
            {items.map((defect, index) => (
              <Draggable
                key={defect.id}
                draggableId={defect.id}
                index={index}
                isDragDisabled={allowedTransitions(user, defect).length === 0}
                // The card holds a link and a menu; both stay usable, the rest of the card lifts it.
                disableInteractiveElementBlocking={false}
              >
                {(draggable, { isDragging }) => (
                  <div
                    ref={draggable.innerRef}
                    {...draggable.draggableProps}
                    {...draggable.dragHandleProps}
                    className={classes.draggable}
                    role="group"
                    aria-label={t("defect.one", { number: defect.number })}
                  >
                    <BoardCard defect={defect} isDragging={isDragging} onMove={onMove} />
                  </div>
                )}
              </Draggable>
            ))}
            {droppable.placeholder}
            {items.length === 0 && !isDraggingOver && (
              <Text size="sm" c="dimmed" ta="center" py="lg">
                {t("board.empty")}
              </Text>
            )}
          </div>
        )}
      </Droppable>
      <MoreInTable column={column} search={search} />
    </section>
  );
}

function FoldedColumn({ column, onOpen }: { column: BoardColumn; onOpen: () => void }) {
  const { t } = useTranslation();
  return (
    <UnstyledButton className={classes.folded} onClick={onOpen} title={t("board.showCancelled")}>
      <IconChevronsLeft size={18} aria-hidden />
      <Badge variant="default" circle={column.total < 10}>
        {column.total}
      </Badge>
      <span className={classes.foldedName}>{t(`status.${column.status}`)}</span>
    </UnstyledButton>
  );
}
