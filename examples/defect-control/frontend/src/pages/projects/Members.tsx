import { ActionIcon, Badge, Group, Paper, Select, Text, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconUserMinus, IconUserPlus } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useMembers, useUsers } from "../../api/queries";
import type { Member, Project } from "../../api/types";
import { Confirm } from "../../ui/Confirm";
import { complain, say } from "../../ui/notify";
import { PersonAvatar } from "../../ui/PersonAvatar";
import { useErrorMessage } from "../../ui/states";
import classes from "./Projects.module.css";

interface MembersProps {
  project: Project;
  mayChange: boolean;
}

export function Members({ project, mayChange }: MembersProps) {
  const { t } = useTranslation();
  const members = useMembers(project.id);
  const [doomed, setDoomed] = useState<Member | null>(null);
  return (
    <Paper withBorder p="md">
      <Title order={2} mb="xs">
        {t("project.members")}
      </Title>
      {mayChange && <AddMember project={project} />}
      {project.members.length === 0 && <Text c="dimmed">{t("empty.members")}</Text>}
      <ul className={classes.list}>
        {project.members.map((member) => (
          <li key={member.user_id} className={classes.row}>
            <PersonAvatar name={member.full_name} size={34} />
            <div className={classes.rowText}>
              <Text fw={500}>{member.full_name}</Text>
              <Group gap={6}>
                <Text size="sm" c="dimmed">
                  {t(`role.${member.role}`)}
                </Text>
                {!member.is_active && (
                  <Badge size="sm" color="gray" tt="none">
                    {t("project.inactive")}
                  </Badge>
                )}
              </Group>
            </div>
            {mayChange && (
              <ActionIcon variant="subtle" color="red" size="lg" onClick={() => setDoomed(member)} aria-label={t("project.removeMember", { name: member.full_name })}>
                <IconUserMinus size={18} aria-hidden />
              </ActionIcon>
            )}
          </li>
        ))}
      </ul>
      <Confirm
        question={doomed && t("project.removeMemberQuestion", { name: doomed.full_name })}
        answer={t("action.remove")}
        danger
        busy={members.remove.isPending}
        error={members.remove.error}
        onConfirm={() => doomed && members.remove.mutate(doomed.user_id, { onSuccess: () => setDoomed(null) })}
        onCancel={() => setDoomed(null)}
      />
    </Paper>
  );
}

function AddMember({ project }: { project: Project }) {
  const { t } = useTranslation();
  const members = useMembers(project.id);
  const message = useErrorMessage();
  const [typed, setTyped] = useState("");
  const [q] = useDebouncedValue(typed.trim(), 350);
  const users = useUsers({ q, is_active: true, size: 50 });
  const already = new Set(project.members.map((member) => member.user_id));
  const found = (users.data?.items ?? []).filter((user) => !already.has(user.id));

  return (
    <Select
      mb="sm"
      label={t("project.addMember")}
      placeholder={t("project.findMember")}
      leftSection={<IconUserPlus size={18} aria-hidden />}
      data={found.map((user) => ({ value: user.id, label: `${user.full_name} · ${t(`role.${user.role}`)} · ${user.email}` }))}
      // The server has searched already; filtering its answer again would lose matches.
      filter={({ options }) => options}
      searchable
      searchValue={typed}
      onSearchChange={setTyped}
      value={null}
      nothingFoundMessage={t("empty.users")}
      disabled={members.add.isPending}
      onChange={(id) => {
        const user = found.find((one) => one.id === id);
        if (!user) return;
        members.add.mutate(user.id, {
          onSuccess: () => {
            setTyped("");
            say(t("project.memberAdded", { name: user.full_name }));
          },
          onError: (error) => complain(message(error)),
        });
      }}
    />
  );
}
