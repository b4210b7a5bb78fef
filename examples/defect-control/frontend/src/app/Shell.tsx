import { AppShell, Button, Group, Menu, NavLink, ScrollArea, Text, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { useNetwork } from "@mantine/hooks";
import {
  IconBuildingCommunity,
  IconCamera,
  IconChartBar,
  IconChevronRight,
  IconLayoutKanban,
  IconLogout,
  IconUserCircle,
  IconUsers,
  IconWifiOff,
} from "@tabler/icons-react";
import { useEffect, useRef, type ComponentType } from "react";
import { useTranslation } from "react-i18next";
import { Link, Outlet, useLocation } from "react-router";

import { signOut } from "../api/session";
import type { User } from "../api/types";
import { useUser } from "../api/useSession";
import { leads, records } from "../domain/flow";
import { PersonAvatar } from "../ui/PersonAvatar";
import { Brand } from "./Brand";
import { fetchAhead, whenIdle } from "./later";
import { LanguageButton, ThemeButton } from "./LookButtons";
import classes from "./Shell.module.css";

interface Place {
  to: string;
  match: string[];
  name: "nav.defects" | "nav.projects" | "nav.reports" | "nav.users";
  icon: ComponentType<{ size?: number; stroke?: number; "aria-hidden"?: boolean }>;
}

function placesOf(user: User): Place[] {
  const places: Place[] = [
    { to: "/board", match: ["/board", "/defects"], name: "nav.defects", icon: IconLayoutKanban },
    { to: "/projects", match: ["/projects"], name: "nav.projects", icon: IconBuildingCommunity },
    { to: "/reports", match: ["/reports"], name: "nav.reports", icon: IconChartBar },
  ];
  if (leads(user.role)) places.push({ to: "/users", match: ["/users"], name: "nav.users", icon: IconUsers });
  return places;
}

export function Shell() {
  const { t } = useTranslation();
  const user = useUser();
  const places = placesOf(user);
  const main = useFocusOnNavigation();
  const { online } = useNetwork();
  useEffect(() => whenIdle(() => void fetchAhead()), []);

  return (
    <>
      <a href="#main" className="skip-link" onClick={() => main.current?.focus()}>
        {t("nav.skip")}
      </a>
      <AppShell header={{ height: 56 }} navbar={{ width: 216, breakpoint: "sm", collapsed: { mobile: true } }} padding={{ base: "sm", sm: "lg" }}>
        <AppShell.Header className={classes.header}>
          <Group h="100%" px={{ base: "sm", sm: "md" }} gap={4} justify="space-between" wrap="nowrap">
            <UnstyledButton component={Link} to="/board" aria-label={t("app.name")}>
              <Brand />
            </UnstyledButton>
            <Group gap={4} wrap="nowrap">
              {records(user.role) && (
                <Button component={Link} to="/record" color="vest" leftSection={<IconCamera size={18} aria-hidden />} visibleFrom="sm" autoContrast={false}>
                  {t("nav.record")}
                </Button>
              )}
              <LanguageButton />
              <ThemeButton />
              <UserMenu user={user} />
            </Group>
          </Group>
        </AppShell.Header>

        <AppShell.Navbar p="sm" className={classes.navbar} aria-label={t("nav.main")} component="nav">
          <AppShell.Section grow component={ScrollArea}>
            {places.map((place) => (
              <SideLink key={place.to} place={place} />
            ))}
          </AppShell.Section>
        </AppShell.Navbar>

        <AppShell.Main id="main" ref={main} tabIndex={-1} className={classes.main}>
          <div aria-live="polite">
            {!online && (
              <Group className={classes.offline} gap="xs" wrap="nowrap">
                <IconWifiOff size={18} aria-hidden />
                <Text size="sm">{t("error.offline")}</Text>
              </Group>
            )}
          </div>
          <Outlet />
        </AppShell.Main>
      </AppShell>
      <TabBar places={places} canRecord={records(user.role)} />
    </>
  );
}

function SideLink({ place }: { place: Place }) {
  const { t } = useTranslation();
  const active = useIsHere(place);
  const PlaceIcon = place.icon;
  return (
    <NavLink
      component={Link}
      to={place.to}
      label={t(place.name)}
      active={active}
      aria-current={active ? "page" : undefined}
      leftSection={<PlaceIcon size={20} stroke={1.8} aria-hidden />}
      rightSection={active ? <IconChevronRight size={14} aria-hidden /> : null}
      className={classes.sideLink}
    />
  );
}

/** A phone's menu, under the thumb, with recording in the middle. */
function TabBar({ places, canRecord }: { places: Place[]; canRecord: boolean }) {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  if (pathname === "/record") return null;
  const middle = Math.ceil(Math.min(places.length, 4) / 2);
  return (
    <nav className={classes.tabBar} aria-label={t("nav.main")}>
      {places.slice(0, middle).map((place) => (
        <Tab key={place.to} place={place} />
      ))}
      {canRecord && (
        <Link to="/record" className={classes.recordTab} aria-label={t("nav.record")}>
          <span className={classes.recordCircle}>
            <IconCamera size={26} aria-hidden />
          </span>
          <span>{t("nav.recordShort")}</span>
        </Link>
      )}
      {places.slice(middle).map((place) => (
        <Tab key={place.to} place={place} />
      ))}
    </nav>
  );
}

function Tab({ place }: { place: Place }) {
  const { t } = useTranslation();
  const active = useIsHere(place);
  const PlaceIcon = place.icon;
  return (
    <Link to={place.to} className={classes.tab} data-active={active || undefined} aria-current={active ? "page" : undefined}>
      <PlaceIcon size={22} stroke={1.8} aria-hidden />
      <span>{t(place.name === "nav.users" ? "nav.usersShort" : place.name)}</span>
    </Link>
  );
}

function UserMenu({ user }: { user: User }) {
  const { t } = useTranslation();
  return (
    <Menu position="bottom-end" width={240} shadow="md">
      <Menu.Target>
        <UnstyledButton className={classes.userButton}>
          <PersonAvatar name={user.full_name} size={34} />
          <VisuallyHidden>{`${t("nav.menu")}: ${user.full_name}`}</VisuallyHidden>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <div className={classes.userFacts}>
          <Text fw={600}>{user.full_name}</Text>
          <Text size="sm" c="dimmed">
            {t(`role.${user.role}`)} · {user.email}
          </Text>
        </div>
        <Menu.Divider />
        <Menu.Item component={Link} to="/account" leftSection={<IconUserCircle size={18} aria-hidden />}>
          {t("nav.account")}
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={18} aria-hidden />} onClick={() => void signOut()}>
          {t("nav.signOut")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function useIsHere(place: Place): boolean {
  const { pathname } = useLocation();
  return place.match.some((start) => pathname === start || pathname.startsWith(`${start}/`));
}

/** Moves the focus to the new screen, as a page load would have, so that screen readers start there. */
function useFocusOnNavigation() {
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const before = useRef(pathname);
  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    window.scrollTo(0, 0);
    if (!main.current?.contains(document.activeElement)) main.current?.focus({ preventScroll: true });
  }, [pathname]);
  return main;
}
