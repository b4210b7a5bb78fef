import { useState } from "react";
import { useTranslation } from "react-i18next";

import { uploadAttachment, useRefreshDefect } from "../../api/queries";
import { prepared, problemOf } from "../../domain/photos";
import { useErrorMessage } from "../../ui/states";

export interface Upload {
  key: string;
  file: File;
  state: "waiting" | "sending" | "failed";
  problem?: string;
}

let serial = 0;

/** Sends files one after the other, so that a weak network gets each through; what failed stays to be retried. */
export function useUploads(onSent: (count: number) => void) {
  const { t } = useTranslation();
  const message = useErrorMessage();
  const refresh = useRefreshDefect();
  const [uploads, setUploads] = useState<Upload[]>([]);

  const mark = (key: string, change: Partial<Upload>) =>
    setUploads((all) => all.map((one) => (one.key === key ? { ...one, ...change } : one)));
  const drop = (key: string) => setUploads((all) => all.filter((one) => one.key !== key));

  const run = async (defectId: string, batch: Upload[]): Promise<number> => {
    let sent = 0;
    for (const { key, file } of batch) {
      const problem = problemOf(file);
      if (problem) {
        mark(key, { state: "failed", problem: t(`photo.${problem}`) });
        continue;
      }
      mark(key, { state: "sending" });
      try {
        await uploadAttachment(defectId, await prepared(file));
        drop(key);
        sent += 1;
      } catch (error) {
        mark(key, { state: "failed", problem: message(error) });
      }
    }
    if (sent > 0) {
      refresh(defectId);
      onSent(sent);
    }
    return batch.length - sent;
  };

  return {
    uploads,
    drop,
    /** Answers how many were not sent. */
    send: (defectId: string, files: File[]) => {
      const batch = files.map((file): Upload => ({ key: `upload-${(serial += 1)}`, file, state: "waiting" }));
      setUploads((all) => [...all, ...batch]);
      return run(defectId, batch);
    },
    retry: (defectId: string) => run(defectId, uploads.filter((one) => one.state === "failed")),
  };
}
