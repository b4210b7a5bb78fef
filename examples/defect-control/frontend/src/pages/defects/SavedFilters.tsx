import { ActionIcon, Button, Group, Menu, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconBookmark, IconBookmarkPlus, IconTrash } from "@tabler/icons-react";
import { useState, type SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";

import { useDeleteFilter, useSavedFilters, useSaveFilter } from "../../api/queries";
import { fromQuery, readSort, toQuery, type Filters, type Sort } from "../../domain/filters";
import { complain, say } from "../../ui/notify";
import { ErrorNote, useErrorMessage } from "../../ui/states";
import classes from "./FilterBar.module.css";

interface SavedFiltersProps {
  filters: Filters;
  sort: string;
  onPick: (filters: Filters, sort: Sort) => void;
}

export function SavedFilters({ filters, sort, onPick }: SavedFiltersProps) {
  const { t } = useTranslation();
  const saved = useSavedFilters();
  const remove = useDeleteFilter();
  const message = useErrorMessage();
  const [naming, dialog] = useDisclosure(false);
  const isEmpty = Object.keys(toQuery(filters)).length === 0;

  return (
    <>
      <Menu position="bottom-start" width={290} shadow="md" closeOnItemClick={false}>
        <Menu.Target>
          <Button variant="default" px={{ base: 10, sm: "md" }}>
            <IconBookmark size={18} aria-hidden />
            <span className={classes.savedName}>{t("filter.saved")}</span>
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {saved.data?.length === 0 && (
            <Text size="sm" c="dimmed" p="xs">
              {t("filter.savedNone")}
            </Text>
          )}
          {saved.data?.map((filter) => (
            <Group key={filter.id} gap={4} wrap="nowrap">
              <Menu.Item flex={1} closeMenuOnClick onClick={() => onPick(fromQuery(filter.query), readSort(one(filter.query.sort)))}>
                {filter.name}
              </Menu.Item>
              <ActionIcon
                variant="subtle"
                color="gray"
                size="lg"
                aria-label={t("filter.delete", { name: filter.name })}
                onClick={() => remove.mutate(filter.id, { onError: (error) => complain(message(error)) })}
              >
                <IconTrash size={16} aria-hidden />
              </ActionIcon>
            </Group>
          ))}
          <Menu.Divider />
          <Menu.Item
            closeMenuOnClick
            disabled={isEmpty}
            leftSection={<IconBookmarkPlus size={18} aria-hidden />}
            onClick={dialog.open}
          >
            {t("filter.saveCurrent")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Modal
        opened={naming}
        onClose={dialog.close}
        title={t("filter.saveTitle")}
        size="sm"
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        <NameForm query={{ ...toQuery(filters), sort }} onDone={dialog.close} />
      </Modal>
    </>
  );
}

function one(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function NameForm({ query, onDone }: { query: Record<string, string | string[]>; onDone: () => void }) {
  const { t } = useTranslation();
  const save = useSaveFilter();
  const [name, setName] = useState("");

  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate(
      { name: name.trim(), query },
      {
        onSuccess: () => {
          say(t("filter.savedOk", { name: name.trim() }));
          onDone();
        },
      },
    );
  };

  return (
    <form onSubmit={submit}>
      <Stack>
        <TextInput
          label={t("filter.name")}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          maxLength={80}
          required
          data-autofocus
        />
        <ErrorNote error={save.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            {t("action.cancel")}
          </Button>
          <Button type="submit" loading={save.isPending} disabled={!name.trim()}>
            {t("action.save")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
