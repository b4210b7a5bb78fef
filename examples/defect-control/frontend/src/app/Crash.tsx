import { Button, Center, Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";

/** The last resort, when a screen's code itself failed. */
export function Crash() {
  const { t } = useTranslation();
  return (
    <Center mih="100vh" p="md">
      <Stack align="center" ta="center" role="alert">
        <Title order={1}>{t("error.crash")}</Title>
        <Text>{t("error.crashHint")}</Text>
        <Button onClick={() => window.location.reload()}>{t("error.reload")}</Button>
      </Stack>
    </Center>
  );
}
