import { Button, Group, PasswordInput, Select, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useTranslation } from "react-i18next";

import { fieldMessages } from "../../api/errors";
import { useCreateUser, type NewUser } from "../../api/queries";
import { ROLES } from "../../api/types";
import { say } from "../../ui/notify";
import { ErrorNote } from "../../ui/states";

export function NewUserForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const create = useCreateUser();
  const form = useForm<NewUser>({
    initialValues: { email: "", password: "", full_name: "", role: "engineer" },
    validate: {
      email: (email) => (/^\S+@\S+\.\S+$/.test(email.trim()) ? null : t("auth.emailWrong")),
      full_name: (name) => (name.trim().length < 2 ? t("auth.nameShort") : null),
      password: (password) => (password.length < 10 ? t("auth.passwordShort") : null),
    },
  });
  const role = form.values.role;

  const submit = (user: NewUser) =>
    create.mutate(user, {
      onSuccess: () => {
        say(t("users.created"));
        onDone();
      },
      onError: (error) => form.setErrors(fieldMessages(error)),
    });

  return (
    <form onSubmit={form.onSubmit(submit)} noValidate autoComplete="off">
      <Stack>
        <TextInput label={t("auth.fullName")} required data-autofocus {...form.getInputProps("full_name")} />
        <TextInput label={t("auth.email")} type="email" required {...form.getInputProps("email")} />
        <PasswordInput label={t("auth.password")} description={t("auth.passwordHint")} autoComplete="new-password" required {...form.getInputProps("password")} />
        <Select
          label={t("users.role")}
          description={t(`roleHint.${role}`)}
          data={ROLES.map((one) => ({ value: one, label: t(`role.${one}`) }))}
          allowDeselect={false}
          {...form.getInputProps("role")}
        />
        <ErrorNote error={create.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            {t("action.cancel")}
          </Button>
          <Button type="submit" loading={create.isPending}>
            {t("users.create")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
