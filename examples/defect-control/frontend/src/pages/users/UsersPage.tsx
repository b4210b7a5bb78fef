import { Button, Group, Modal, Pagination, Select, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue, useDisclosure } from "@mantine/hooks";
import { IconSearch, IconUserPlus, IconUsers } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useUsers } from "../../api/queries";
import { ROLES } from "../../api/types";
import { useUser } from "../../api/useSession";
import { leads } from "../../domain/flow";
import { PageHeader } from "../../ui/PageHeader";
import { EmptyState, ErrorState, LoadingRows } from "../../ui/states";
import { NotFoundPage } from "../NotFoundPage";
import { NewUserForm } from "./NewUserForm";
import { UserTable } from "./UserTable";

const PAGE_SIZE = 25;

export function UsersPage() {
  const user = useUser();
  return leads(user.role) ? <Users canManage={user.role === "administrator"} /> : <NotFoundPage />;
}

function Users({ canManage }: { canManage: boolean }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const [q] = useDebouncedValue(typed.trim(), 350);
  const [role, setRole] = useState<string | null>(null);
  const [page, setPage] = useState(1);
  const [creating, dialog] = useDisclosure(false);
  const users = useUsers({ q, role, page, size: PAGE_SIZE });

  return (
    <>
      <PageHeader title={t("users.title")}>
        {canManage && (
          <Button leftSection={<IconUserPlus size={18} aria-hidden />} onClick={dialog.open}>
            {t("users.new")}
          </Button>
        )}
      </PageHeader>
      <Group mb="md" gap="sm" role="search">
        <TextInput
          type="search"
          flex="1 1 220px"
          maw={420}
          value={typed}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
            setPage(1);
          }}
          aria-label={t("users.search")}
          placeholder={t("users.search")}
          leftSection={<IconSearch size={18} aria-hidden />}
        />
        <Select
          aria-label={t("users.role")}
          placeholder={t("users.anyRole")}
          data={ROLES.map((one) => ({ value: one, label: t(`role.${one}`) }))}
          value={role}
          onChange={(value) => {
            setRole(value);
            setPage(1);
          }}
          clearable
          clearButtonProps={{ "aria-label": t("action.clear") }}
        />
      </Group>
      {users.isError ? (
        <ErrorState error={users.error} onRetry={() => void users.refetch()} />
      ) : !users.data ? (
        <LoadingRows />
      ) : users.data.total === 0 ? (
        <EmptyState icon={IconUsers} title={t("empty.users")} hint={t("empty.filteredHint")} />
      ) : (
        <Stack>
          <UserTable users={users.data.items} canManage={canManage} />
          {users.data.pages > 1 && (
            <Pagination total={users.data.pages} value={page} onChange={setPage} aria-label={t("table.pages")} style={{ alignSelf: "center" }} />
          )}
          {!canManage && (
            <Text size="sm" c="dimmed">
              {t("users.readOnly")}
            </Text>
          )}
        </Stack>
      )}
      <Modal opened={creating} onClose={dialog.close} title={t("users.new")} closeButtonProps={{ "aria-label": t("action.close") }}>
        <NewUserForm onDone={dialog.close} />
      </Modal>
    </>
  );
}
