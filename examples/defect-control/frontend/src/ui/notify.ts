import { notifications } from "@mantine/notifications";

/** Notifications live in an aria-live region, so screen readers say them too. */
export function say(message: string): void {
  notifications.show({ message, color: "teal", autoClose: 3500 });
}

export function complain(message: string): void {
  notifications.show({ message, color: "red", autoClose: 8000 });
}
