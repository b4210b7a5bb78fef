import { Button } from "@mantine/core";
import { IconMapSearch } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";

import { usePageTitle } from "../ui/PageHeader";
import { EmptyState } from "../ui/states";

export function NotFoundPage() {
  const { t } = useTranslation();
  usePageTitle(t("error.notFound"));
  return (
    <EmptyState icon={IconMapSearch} title={t("error.notFound")} hint={t("error.notFoundHint")} order={1}>
      <Button component={Link} to="/board">
        {t("action.toMain")}
      </Button>
    </EmptyState>
  );
}
