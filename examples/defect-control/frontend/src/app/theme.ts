import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

import type { Priority, Status } from "../api/types";

const site: MantineColorsTuple = [
  "#eef3fc",
  "#dbe4f5",
  "#b3c6ea",
  "#89a6df",
  "#668bd6",
  "#4f79d0",
  "#3a66c0",
  "#2a53a6",
  "#214790",
  "#17366b",
];

/** The orange of a vest: for the one thing that a person on site came to do. */
const vest: MantineColorsTuple = [
  "#fff2e5",
  "#ffe2cb",
  "#fec497",
  "#fda45f",
  "#fb8832",
  "#f97614",
  "#c25405",
  "#b84f04",
  "#934005",
  "#6f3005",
];

/** Darker at their end than the library's: white on them, and they on their own light grounds, are read easily. */
const red: MantineColorsTuple = [
  "#fff5f5",
  "#ffe3e3",
  "#ffc9c9",
  "#ffa8a8",
  "#ff8787",
  "#ff6b6b",
  "#d42a2a",
  "#c92a2a",
  "#b02525",
  "#8f1d1d",
];
const teal: MantineColorsTuple = [
  "#e6fcf5",
  "#c3fae8",
  "#96f2d7",
  "#63e6be",
  "#38d9a9",
  "#20c997",
  "#12b886",
  "#0ca678",
  "#087f5b",
  "#066649",
];

export const theme = createTheme({
  primaryColor: "site",
  primaryShade: { light: 7, dark: 6 },
  colors: { site, vest, red, teal },
  fontFamily: "'Golos Text Variable', system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
  headings: {
    fontFamily: "'Golos Text Variable', system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    fontWeight: "650",
    sizes: { h1: { fontSize: "1.6rem" }, h2: { fontSize: "1.2rem" }, h3: { fontSize: "1.02rem" } },
  },
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    // 16 px keeps phones from zooming into a field that gets the focus.
    Input: { styles: { input: { fontSize: "max(1rem, 16px)" } } },
    // Their <header> is a dialog's, not the page's: the page has one banner.
    Modal: {
      defaultProps: {
        centered: true,
        overlayProps: { backgroundOpacity: 0.45, blur: 2 },
        attributes: { header: { role: "presentation" } },
      },
    },
    Drawer: { defaultProps: { attributes: { header: { role: "presentation" } } } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 300 } },
  },
});

/** Greys of at least 4.5 to 1 on the page's grounds. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: { "--mantine-color-dimmed": "#56606d", "--mantine-color-placeholder": "#6b7480" },
  dark: {
    "--mantine-color-dimmed": "#a9b2bd",
    "--mantine-color-placeholder": "#939ca7",
    "--mantine-color-error": "var(--mantine-color-red-4)",
  },
});

export const STATUS_COLORS: Record<Status, string> = {
  new: "site",
  in_progress: "yellow",
  in_review: "violet",
  closed: "teal",
  cancelled: "gray",
};

/** For charts, readable on light and dark alike. */
export const STATUS_FILLS: Record<Status, string> = {
  new: "#4f79d0",
  in_progress: "#f2b01e",
  in_review: "#8b63d9",
  closed: "#17a589",
  cancelled: "#98a1ab",
};

export const PRIORITY_COLORS: Record<Priority, string> = {
  critical: "red",
  high: "vest",
  medium: "site",
  low: "gray",
};
