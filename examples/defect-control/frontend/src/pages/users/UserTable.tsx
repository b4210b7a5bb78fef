import { ActionIcon, Badge, Button, Group, Modal, Paper, PasswordInput, Select, Stack, Switch, Text } from "@mantine/core";
import { IconKey } from "@tabler/icons-react";
import { useState, type SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";

import { useEditUser } from "../../api/queries";
import { ROLES, type Role, type User } from "../../api/types";
import { useUser } from "../../api/useSession";
import { useFormat } from "../../i18n/format";
import { Confirm } from "../../ui/Confirm";
import { say } from "../../ui/notify";
import { PersonAvatar } from "../../ui/PersonAvatar";
import { ErrorNote } from "../../ui/states";
import classes from "./UserTable.module.css";

/** A change that waits for a yes. */
type Wish = { user: User } & ({ role: Role } | { is_active: boolean });

interface UserTableProps {
  users: User[];
  canManage: boolean;
}

export function UserTable({ users, canManage }: UserTableProps) {
  const { t } = useTranslation();
  const edit = useEditUser();
  const [wish, setWish] = useState<Wish | null>(null);
  const [rekeyed, setRekeyed] = useState<User | null>(null);
  const question = useWishQuestion();

  const carryOut = () => {
    if (!wish) return;
    const { user, ...changes } = wish;
    edit.mutate(
      { id: user.id, ...changes },
      {
        onSuccess: () => {
          say(t("users.saved", { name: user.full_name }));
          setWish(null);
        },
      },
    );
  };

  return (
    <Paper withBorder>
      <ul className={classes.list} aria-label={t("users.title")}>
        {users.map((user) => (
          <UserRow
            key={user.id}
            user={user}
            canManage={canManage}
            onWish={(next) => {
              edit.reset();
              setWish(next);
            }}
            onRekey={() => setRekeyed(user)}
          />
        ))}
      </ul>
      <Confirm
        question={wish && question(wish)}
        answer={t("action.confirm")}
        danger={wish !== null && "is_active" in wish && !wish.is_active}
        busy={edit.isPending}
        error={edit.error}
        onConfirm={carryOut}
        onCancel={() => setWish(null)}
      />
      <Modal
        opened={rekeyed !== null}
        onClose={() => setRekeyed(null)}
        title={rekeyed ? t("users.setPassword", { name: rekeyed.full_name }) : ""}
        size="sm"
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        {rekeyed && <PasswordForm user={rekeyed} onDone={() => setRekeyed(null)} />}
      </Modal>
    </Paper>
  );
}

interface UserRowProps {
  user: User;
  canManage: boolean;
  onWish: (wish: Wish) => void;
  onRekey: () => void;
}

function UserRow({ user, canManage, onWish, onRekey }: UserRowProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const me = useUser();
  const isMe = user.id === me.id;
  return (
    <li className={classes.row} data-inactive={!user.is_active || undefined}>
      <PersonAvatar name={user.full_name} size={38} />
      <div className={classes.who}>
        <Group gap={8}>
          <Text fw={600}>{user.full_name}</Text>
          {isMe && (
            <Badge size="sm" variant="light" tt="none">
              {t("users.you")}
            </Badge>
          )}
          {!user.is_active && (
            <Badge size="sm" color="gray" tt="none">
              {t("users.disabled")}
            </Badge>
          )}
        </Group>
        <Text size="sm" c="dimmed">
          {user.email}
        </Text>
        <Text size="xs" c="dimmed">
          {t("users.lastLogin")}: {user.last_login_at ? format.moment(user.last_login_at) : t("users.never")}
        </Text>
      </div>
      {canManage ? (
        <Group gap="sm" className={classes.controls} wrap="nowrap">
          <Select
            aria-label={t("users.roleOf", { name: user.full_name })}
            className={classes.role}
            data={ROLES.map((role) => ({ value: role, label: t(`role.${role}`) }))}
            value={user.role}
            allowDeselect={false}
            onChange={(role) => role && role !== user.role && onWish({ user, role: role })}
          />
          <Switch
            aria-label={t("users.activeOf", { name: user.full_name })}
            checked={user.is_active}
            disabled={isMe}
            onChange={(event) => onWish({ user, is_active: event.currentTarget.checked })}
          />
          <ActionIcon variant="subtle" color="gray" size="lg" onClick={onRekey} aria-label={t("users.setPassword", { name: user.full_name })} title={t("users.password")}>
            <IconKey size={18} aria-hidden />
          </ActionIcon>
        </Group>
      ) : (
        <Badge variant="light" tt="none" size="lg">
          {t(`role.${user.role}`)}
        </Badge>
      )}
    </li>
  );
}

function PasswordForm({ user, onDone }: { user: User; onDone: () => void }) {
  const { t } = useTranslation();
  const edit = useEditUser();
  const [password, setPassword] = useState("");

  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    edit.mutate(
      { id: user.id, password },
      {
        onSuccess: () => {
          say(t("users.saved", { name: user.full_name }));
          onDone();
        },
      },
    );
  };

  return (
    <form onSubmit={submit}>
      <Stack>
        <PasswordInput label={t("users.password")} description={t("auth.passwordHint")} autoComplete="new-password" value={password} onChange={(event) => setPassword(event.currentTarget.value)} data-autofocus />
        <ErrorNote error={edit.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            {t("action.cancel")}
          </Button>
          <Button type="submit" loading={edit.isPending} disabled={password.length < 10}>
            {t("action.save")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function useWishQuestion(): (wish: Wish) => string {
  const { t } = useTranslation();
  return (wish) => {
    const name = wish.user.full_name;
    if ("role" in wish) return t("users.roleQuestion", { name, role: t(`role.${wish.role}`).toLowerCase() });
    return wish.is_active ? t("users.enableQuestion", { name }) : t("users.disableQuestion", { name });
  };
}
