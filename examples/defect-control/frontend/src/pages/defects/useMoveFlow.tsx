import { Alert, Button, Group, Modal, Stack, Textarea } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { conflictOf } from "../../api/errors";
import { useMoveDefect } from "../../api/queries";
import type { Defect, DefectSummary, Status } from "../../api/types";
import { needsComment } from "../../domain/flow";
import { complain, say } from "../../ui/notify";
import { ErrorNote, useErrorMessage } from "../../ui/states";
import { StatusBadge } from "../../ui/StatusBadge";

interface Asked {
  defect: DefectSummary;
  to: Status;
  /** The defect as it is by now, when somebody was faster. */
  current?: Defect;
}

/** Moving a defect from wherever: asks for the reason where the flow wants one, and about a newer version. */
export function useMoveFlow(): { start: (defect: DefectSummary, to: Status) => void; busy: boolean; dialog: ReactNode } {
  const { t } = useTranslation();
  const move = useMoveDefect();
  const message = useErrorMessage();
  const [asked, setAsked] = useState<Asked | null>(null);

  const send = (defect: DefectSummary, to: Status, comment?: string) => {
    move.mutate(
      { id: defect.id, version: defect.version, status: to, comment },
      {
        onSuccess: (moved) => {
          setAsked(null);
          say(t("move.done", { number: moved.number, status: t(`status.${moved.status}`) }));
        },
        onError: (error) => {
          const conflict = conflictOf<Defect>(error);
          if (conflict) setAsked({ defect: conflict.current, to, current: conflict.current });
          else if (!asked) complain(message(error));
        },
      },
    );
  };

  const start = (defect: DefectSummary, to: Status) => {
    move.reset();
    if (needsComment(defect.status, to)) setAsked({ defect, to });
    else send(defect, to);
  };

  return {
    start,
    busy: move.isPending,
    dialog: (
      <MoveDialog
        asked={asked}
        busy={move.isPending}
        error={conflictOf(move.error) ? null : move.error}
        onSend={send}
        onClose={() => setAsked(null)}
      />
    ),
  };
}

interface MoveDialogProps {
  asked: Asked | null;
  busy: boolean;
  error: unknown;
  onSend: (defect: DefectSummary, to: Status, comment?: string) => void;
  onClose: () => void;
}

function MoveDialog({ asked, busy, error, onSend, onClose }: MoveDialogProps) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={asked !== null}
      onClose={onClose}
      title={asked ? t("move.label", { number: asked.defect.number }) : ""}
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      {asked && (
        <MoveForm
          key={`${asked.defect.id}:${asked.defect.version}`}
          asked={asked}
          busy={busy}
          error={error}
          onSend={onSend}
          onClose={onClose}
        />
      )}
    </Modal>
  );
}

function MoveForm({ asked, busy, error, onSend, onClose }: MoveDialogProps & { asked: Asked }) {
  const { t } = useTranslation();
  const { defect, to, current } = asked;
  const [comment, setComment] = useState("");
  const [missing, setMissing] = useState(false);
  const wantsReason = needsComment(defect.status, to);
  const possible = !current || current.allowed_transitions.includes(to);

  const submit = () => {
    if (wantsReason && !comment.trim()) setMissing(true);
    else onSend(defect, to, comment.trim() || undefined);
  };

  return (
    <Stack>
      {current && <Alert color="yellow">{t("conflict.move", { status: t(`status.${current.status}`) })}</Alert>}
      <Group gap="xs">
        <StatusBadge status={defect.status} /> → <StatusBadge status={to} />
      </Group>
      {possible && wantsReason && (
        <Textarea
          label={to === "cancelled" ? t("move.reasonCancel") : t("move.reasonBack")}
          value={comment}
          onChange={(event) => setComment(event.currentTarget.value)}
          error={missing && !comment.trim() ? t("move.reasonRequired") : null}
          maxLength={5000}
          autosize
          minRows={3}
          required
          data-autofocus
        />
      )}
      <ErrorNote error={error} />
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          {t("action.close")}
        </Button>
        {possible && (
          <Button color={to === "cancelled" ? "red" : undefined} loading={busy} onClick={submit}>
            {current ? t("conflict.moveAgain", { status: t(`status.${to}`) }) : moveWords(t, defect.status, to)}
          </Button>
        )}
      </Group>
    </Stack>
  );
}

/** What a button that moves is called: by what the person does, not by the state's name. */
export function moveWords(t: ReturnType<typeof useTranslation>["t"], from: Status, to: Status): string {
  if (to === "new") return t("status.new");
  return from === "in_review" && to === "in_progress" ? t("move.back") : t(`move.${to}`);
}
