import { Avatar, Group, Text } from "@mantine/core";

const COLORS = ["site", "teal", "violet", "vest", "cyan", "grape", "indigo", "lime"];

export function PersonAvatar({ name, size = 26 }: { name: string; size?: number }) {
  return (
    <Avatar size={size} radius="xl" color={colorOf(name)} title={name} aria-hidden>
      {initials(name)}
    </Avatar>
  );
}

export function Person({ name, size = 26 }: { name: string; size?: number }) {
  return (
    <Group gap={8} wrap="nowrap" component="span" display="inline-flex">
      <PersonAvatar name={name} size={size} />
      <Text span size="sm">
        {name}
      </Text>
    </Group>
  );
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  return words
    .slice(0, 2)
    .map((word) => Array.from(word)[0] ?? "")
    .join("")
    .toUpperCase();
}

function colorOf(name: string): string {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return COLORS[sum % COLORS.length] ?? "site";
}
