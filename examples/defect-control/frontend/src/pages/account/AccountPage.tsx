import { Button, Paper, PasswordInput, SegmentedControl, Stack, Text, TextInput, Title, useMantineColorScheme } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation } from "@tanstack/react-query";
import { useState, type ReactNode, type SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";

import { fieldMessages } from "../../api/errors";
import { useChangePassword, useEditMe } from "../../api/queries";
import { endSession, signOut, updateUser } from "../../api/session";
import { useUser } from "../../api/useSession";
import { changeLanguage, useLanguage } from "../../i18n";
import { say } from "../../ui/notify";
import { PageHeader } from "../../ui/PageHeader";
import { ErrorNote } from "../../ui/states";

export function AccountPage() {
  const { t } = useTranslation();
  const user = useUser();
  return (
    <Stack maw={560} mx="auto">
      <PageHeader title={t("account.title")} />
      <Text c="dimmed">
        {user.email} · {t(`role.${user.role}`)}. {t(`roleHint.${user.role}`)}.
      </Text>
      <Section title={t("account.nameTitle")}>
        <NameForm />
      </Section>
      <Section title={t("account.look")}>
        <Look />
      </Section>
      <Section title={t("account.passwordTitle")}>
        <PasswordForm />
      </Section>
      <Section title={t("account.sessions")}>
        <Everywhere />
      </Section>
    </Stack>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Paper withBorder p="md" component="section">
      <Title order={2} mb="sm">
        {title}
      </Title>
      {children}
    </Paper>
  );
}

function NameForm() {
  const { t } = useTranslation();
  const user = useUser();
  const edit = useEditMe();
  const [name, setName] = useState(user.full_name);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    edit.mutate(name.trim(), {
      onSuccess: (changed) => {
        updateUser(changed);
        say(t("account.saved"));
      },
    });
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <TextInput label={t("auth.fullName")} value={name} onChange={(event) => setName(event.currentTarget.value)} maxLength={120} autoComplete="name" />
        <ErrorNote error={edit.error} />
        <Button type="submit" loading={edit.isPending} disabled={name.trim().length < 2 || name.trim() === user.full_name} style={{ alignSelf: "start" }}>
          {t("action.save")}
        </Button>
      </Stack>
    </form>
  );
}

function Look() {
  const { t } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const language = useLanguage();
  return (
    <Stack>
      <div>
        <Text size="sm" fw={500} id="theme-label" mb={4}>
          {t("account.theme")}
        </Text>
        <SegmentedControl
          fullWidth
          aria-labelledby="theme-label"
          value={colorScheme}
          onChange={(value) => setColorScheme(value)}
          data={[
            { value: "auto", label: t("account.themeAuto") },
            { value: "light", label: t("account.themeLight") },
            { value: "dark", label: t("account.themeDark") },
          ]}
        />
      </div>
      <div>
        <Text size="sm" fw={500} id="language-label" mb={4}>
          {t("account.languageTitle")}
        </Text>
        <SegmentedControl
          fullWidth
          aria-labelledby="language-label"
          value={language}
          onChange={(value) => void changeLanguage(value)}
          data={[
            { value: "ru", label: "Русский" },
            { value: "en", label: "English" },
          ]}
        />
      </div>
    </Stack>
  );
}

function PasswordForm() {
  const { t } = useTranslation();
  const user = useUser();
  const change = useChangePassword();
  const form = useForm({
    initialValues: { current_password: "", new_password: "" },
    validate: {
      current_password: (password) => (password ? null : t("auth.required")),
      new_password: (password) => (password.length < 10 ? t("auth.passwordShort") : null),
    },
  });
  const submit = (passwords: typeof form.values) =>
    change.mutate(passwords, {
      onSuccess: () => {
        say(t("account.changed"));
        endSession();
      },
      onError: (error) => form.setErrors(fieldMessages(error)),
    });
  return (
    <form onSubmit={form.onSubmit(submit)} noValidate>
      <Stack>
        {/* For password managers: whose password this is. */}
        <input type="email" value={user.email} autoComplete="username" readOnly hidden />
        <PasswordInput label={t("account.current")} autoComplete="current-password" {...form.getInputProps("current_password")} />
        <PasswordInput label={t("account.new")} description={t("auth.passwordHint")} autoComplete="new-password" {...form.getInputProps("new_password")} />
        <ErrorNote error={change.error} />
        <Button type="submit" loading={change.isPending} style={{ alignSelf: "start" }}>
          {t("account.change")}
        </Button>
      </Stack>
    </form>
  );
}

function Everywhere() {
  const { t } = useTranslation();
  const leave = useMutation({ mutationFn: () => signOut(true) });
  return (
    <Stack>
      <Text size="sm">{t("account.everywhereHint")}</Text>
      <ErrorNote error={leave.error} />
      <Button variant="default" onClick={() => leave.mutate()} loading={leave.isPending} style={{ alignSelf: "start" }}>
        {t("account.everywhere")}
      </Button>
    </Stack>
  );
}
