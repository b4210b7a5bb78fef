import { Alert, Anchor, Button, Group, Paper, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconCamera, IconClock, IconHistory } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link, Navigate, useLocation } from "react-router";

import { fieldMessages } from "../../api/errors";
import { register, signIn } from "../../api/session";
import { useSession } from "../../api/useSession";
import { Brand } from "../../app/Brand";
import { LanguageButton, ThemeButton } from "../../app/LookButtons";
import { usePageTitle } from "../../ui/PageHeader";
import { ErrorNote } from "../../ui/states";
import classes from "./SignInPage.module.css";

export function SignInPage({ mode }: { mode: "sign-in" | "register" }) {
  const { t } = useTranslation();
  const session = useSession();
  const location = useLocation();
  const isNew = mode === "register";
  const title = isNew ? t("auth.registerTitle") : t("auth.signInTitle");
  usePageTitle(title);

  if (session.phase === "signed-in") return <Navigate to={wantedPlace(location.state)} replace />;

  return (
    <div className={classes.page}>
      <aside className={classes.side}>
        <Brand />
        <Text className={classes.motto}>{t("app.motto")}</Text>
        <Stack gap="lg" visibleFrom="md" component="ul" className={classes.points}>
          <Point icon={<IconCamera aria-hidden />} text={t("auth.point1")} />
          <Point icon={<IconClock aria-hidden />} text={t("auth.point2")} />
          <Point icon={<IconHistory aria-hidden />} text={t("auth.point3")} />
        </Stack>
      </aside>
      <main className={classes.main}>
        <Group justify="flex-end" gap={4} className={classes.look}>
          <LanguageButton color="var(--mantine-color-text)" />
          <ThemeButton color="var(--mantine-color-text)" />
        </Group>
        <Paper className={classes.card} shadow="sm" p={{ base: "lg", sm: "xl" }} withBorder>
          <Title order={1} mb="md">
            {title}
          </Title>
          {session.phase === "signed-out" && session.reason === "ended" && !isNew && (
            <Alert mb="md" role="status">
              {t("auth.ended")}
            </Alert>
          )}
          <CredentialsForm key={mode} isNew={isNew} />
          <Text mt="lg" size="sm">
            {isNew ? t("auth.haveAccount") : t("auth.noAccount")}{" "}
            <Anchor component={Link} to={isNew ? "/sign-in" : "/register"} state={location.state as unknown} fw={600}>
              {isNew ? t("auth.signIn") : t("auth.register")}
            </Anchor>
          </Text>
        </Paper>
      </main>
    </div>
  );
}

function CredentialsForm({ isNew }: { isNew: boolean }) {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: { fullName: "", email: "", password: "" },
    validate: {
      fullName: (name) => (isNew && name.trim().length < 2 ? t("auth.nameShort") : null),
      email: (email) => (/^\S+@\S+\.\S+$/.test(email.trim()) ? null : t("auth.emailWrong")),
      password: (password) => {
        if (!password) return t("auth.required");
        return isNew && password.length < 10 ? t("auth.passwordShort") : null;
      },
    },
  });
  const enter = useMutation({
    mutationFn: ({ fullName, email, password }: typeof form.values) =>
      isNew ? register(fullName.trim(), email.trim(), password) : signIn(email.trim(), password),
    onError: (error) => {
      const { full_name, ...messages } = fieldMessages(error);
      form.setErrors(full_name ? { ...messages, fullName: full_name } : messages);
    },
  });

  return (
    <form onSubmit={form.onSubmit((values) => enter.mutate(values))} noValidate>
      <Stack>
        {isNew && <TextInput label={t("auth.fullName")} autoComplete="name" autoFocus size="md" {...form.getInputProps("fullName")} />}
        <TextInput
          label={t("auth.email")}
          type="email"
          inputMode="email"
          autoComplete={isNew ? "email" : "username"}
          autoFocus={!isNew}
          size="md"
          {...form.getInputProps("email")}
        />
        <PasswordInput
          label={t("auth.password")}
          description={isNew ? t("auth.passwordHint") : undefined}
          autoComplete={isNew ? "new-password" : "current-password"}
          size="md"
          {...form.getInputProps("password")}
        />
        <ErrorNote error={enter.error} />
        <Button type="submit" size="md" loading={enter.isPending} fullWidth>
          {isNew ? t("auth.register") : t("auth.signIn")}
        </Button>
      </Stack>
    </form>
  );
}

function Point({ icon, text }: { icon: React.ReactNode; text: string }) {
  return (
    <li className={classes.point}>
      {icon}
      <span>{text}</span>
    </li>
  );
}

/** Where the person was going before being asked to sign in; only a place of this page. */
function wantedPlace(state: unknown): string {
  const from = (state as { from?: unknown } | null)?.from;
  return typeof from === "string" && /^\/(?!\/)/.test(from) ? from : "/board";
}
