import { DatePickerInput, type DatePickerInputProps } from "@mantine/dates";

import { useLanguage } from "../i18n";

/** A day as the chosen language writes it; its value is the API's, such as 2026-11-24. */
export function DayInput(props: DatePickerInputProps) {
  const language = useLanguage();
  return <DatePickerInput valueFormat={language === "ru" ? "DD.MM.YYYY" : "D MMM YYYY"} {...props} />;
}
