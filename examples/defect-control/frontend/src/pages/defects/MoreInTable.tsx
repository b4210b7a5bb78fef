import { Anchor } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";

import type { BoardColumn } from "../../api/types";

export function MoreInTable({ column, search }: { column: BoardColumn; search: string }) {
  const { t } = useTranslation();
  const left = column.total - column.items.length;
  if (left <= 0) return null;
  const parameters = new URLSearchParams(search);
  parameters.set("status", column.status);
  return (
    <Anchor component={Link} to={`/defects?${parameters.toString()}`} size="sm" ta="center" display="block" p="xs">
      {t("board.more", { count: left })}
    </Anchor>
  );
}
