"""Projects that really run: busybox services, as root and as ordinary users."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.compose.conftest import Compose
from tests.containers.conftest import eventually

TWO = """
services:
  web: {image: busybox, command: [sh, -c, "echo web is up; SERVE"], depends_on: {db: {condition: service_healthy}}}
  db:
    image: busybox
    command: [sh, -c, "sleep 0.3; touch /tmp/ok; SERVE"]
    healthcheck: {test: test -f /tmp/ok, interval: 100ms}
    volumes: ["data:/data"]
volumes: {data: }
"""


def test_up_and_down_leave_first_everything_and_then_nothing(any_project: Compose) -> None:
    any_project.write(TWO)

    any_project.ok("up", "-d")

    assert any_project.ps() == {"db-1": "running", "web-1": "running"}
    assert any_project.ok("logs", "web", "--no-log-prefix") == "web is up"
    assert any_project.ok("exec", "-T", "db", "cat", "/proc/1/comm") == "sh"

    any_project.ok("down", "-v")

    assert any_project.ps() == {}
    assert any_project.name not in any_project.izba.ok("volume", "ls", "-q")
    assert not (any_project.izba.root / "compose" / any_project.name).exists()


def test_a_second_up_leaves_running_what_did_not_change(project: Compose) -> None:
    project.write(TWO)
    project.ok("up", "-d")
    before = project.ids()

    begin = time.monotonic()
    done = project("up", "-d")
    took = time.monotonic() - begin

    assert project.ids() == before
    assert done.stderr == ""
    assert took < 2


def test_only_the_service_that_changed_is_made_anew(project: Compose) -> None:
    project.write(TWO)
    project.ok("up", "-d")
    before = project.ids()
    project.write(TWO.replace("web is up", "web is new"))

    project.ok("up", "-d")

    after = project.ids()
    assert after["db-1"] == before["db-1"]
    assert after["web-1"] != before["web-1"]


def test_a_dependent_starts_when_its_dependency_is_healthy(project: Compose) -> None:
    project.write(TWO)

    project.ok("up", "-d")

    started = {
        name: json.loads(project.izba.ok("container", "inspect", f"{project.name}-{name}"))[0]["State"]["StartedAt"]
        for name in ("db-1", "web-1")
    }
    assert started["db-1"] < started["web-1"]


def test_a_job_ends_before_its_dependent_starts(project: Compose) -> None:
    project.write(
        """
        services:
          app: {image: busybox, command: [sh, -c, "cat /data/made; SERVE"], volumes: ["d:/data"],
                depends_on: {job: {condition: service_completed_successfully}}}
          job: {image: busybox, command: [sh, -c, "sleep 0.2; echo made > /data/made"], volumes: ["d:/data"]}
        volumes: {d: }
        """
    )

    project.ok("up", "-d")

    eventually(lambda: project.ok("logs", "app", "--no-log-prefix") == "made")


def test_a_failed_dependency_is_named_with_its_last_words_and_the_next_up_goes_on(project: Compose) -> None:
    project.write(
        """
        services:
          app: {image: busybox, command: [sh, -c, "SERVE"],
                depends_on: {job: {condition: service_completed_successfully}}}
          job: {image: busybox, command: [sh, -c, "echo no such table; exit ${CODE:-3}"]}
          other: {image: busybox, command: [sh, -c, "SERVE"]}
        """
    )

    failed = project("up", "-d")

    assert failed.returncode == 1
    assert "service 'job' failed: it exited with 3" in failed.stderr
    assert "> no such table" in failed.stderr
    assert project.ps() == {"app-1": "created", "job-1": "exited", "other-1": "running"}

    project.environment["CODE"] = "0"
    project.ok("up", "-d")

    assert project.ps() == {"app-1": "running", "job-1": "exited", "other-1": "running"}


def test_scaling_up_adds_the_next_numbers_and_down_takes_the_highest(any_project: Compose) -> None:
    any_project.write('services: {web: {image: busybox, command: [sh, -c, "SERVE"]}}')

    any_project.ok("up", "-d", "--scale", "web=4")
    before = any_project.ids()
    assert sorted(before) == ["web-1", "web-2", "web-3", "web-4"]

    any_project.ok("scale", "web=2")

    assert any_project.ids() == {name: before[name] for name in ("web-1", "web-2")}


def test_services_find_each_other_by_name_and_alias(project: Compose) -> None:
    project.write(
        """
        services:
          web:
            image: busybox
            command: [sh, -c, "echo hello > /tmp/index.html; httpd -f -p 80 -h /tmp"]
            networks: {default: {aliases: [www]}}
            init: true
          client: {image: busybox, command: [sh, -c, "SERVE"], depends_on: [web]}
        """
    )
    project.ok("up", "-d")

    for name in ("web", "www"):
        ask = ("exec", "-T", "client", "wget", "-q", "-O-", f"http://{name}/")
        eventually(lambda ask=ask: project(*ask).stdout == "hello\n")


def test_a_published_port_answers(project: Compose) -> None:
    project.write(
        """
        services:
          web: {image: busybox, init: true, command: [sh, -c, "echo hello > /tmp/index.html; httpd -f -p 80 -h /tmp"],
                ports: ["127.0.0.1::80"]}
        """
    )
    project.ok("up", "-d")
    address = project.ok("port", "web", "80")

    import urllib.request

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://{address}/", timeout=5) as response:
                return response.read() == b"hello\n"
        except OSError:
            return False

    eventually(answers)


def test_secrets_and_configs_are_files_with_owner_and_mode(project: Compose) -> None:
    project.write("from a file\n", "s.txt")
    project.environment["TOKEN"] = "from the environment"
    project.write(
        """
        services:
          a:
            image: busybox
            command: [sh, -c, "SERVE"]
            secrets: [plain, {source: token, uid: "103", gid: "104", mode: 0440}]
            configs: [{source: text, target: /etc/app.conf}, {source: owned, target: /etc/owned, uid: "7", mode: 0400}]
        secrets: {plain: {file: ./s.txt}, token: {environment: TOKEN}}
        configs: {text: {content: "level=${LEVEL:-debug}"}, owned: {file: ./s.txt}}
        """
    )
    project.ok("up", "-d")

    def seen(path: str) -> tuple[str, str]:
        return (
            project.ok("exec", "-T", "a", "cat", path),
            project.ok("exec", "-T", "a", "stat", "-c", "%u:%g %a", path),
        )

    assert seen("/run/secrets/plain")[0] == "from a file"
    assert seen("/run/secrets/token") == ("from the environment", "103:104 440")
    assert seen("/etc/app.conf")[0] == "level=debug"
    assert seen("/etc/owned") == ("from a file", "7:0 400")
    inspected = project.izba.ok("container", "inspect", f"{project.name}-a-1")
    assert "from the environment" not in inspected


def test_a_changed_secret_makes_its_services_anew(project: Compose) -> None:
    project.write(
        """
        services: {a: {image: busybox, command: [sh, -c, "SERVE"], secrets: [t]}}
        secrets: {t: {environment: TOKEN}}
        """
    )
    project.environment["TOKEN"] = "one"
    project.ok("up", "-d")
    before = project.ids()
    project.environment["TOKEN"] = "two"

    project.ok("up", "-d")

    assert project.ids() != before
    assert project.ok("exec", "-T", "a", "cat", "/run/secrets/t") == "two"


def test_anonymous_volumes_go_on_with_the_new_container(project: Compose) -> None:
    text = 'services: {a: {image: busybox, command: [sh, -c, "echo MARK; SERVE"], volumes: ["/keep"]}}'
    project.write(text)
    project.ok("up", "-d")
    project.ok("exec", "-T", "a", "sh", "-c", "echo kept > /keep/x")
    project.write(text.replace("MARK", "other"))

    project.ok("up", "-d")
    assert project.ok("exec", "-T", "a", "cat", "/keep/x") == "kept"

    project.ok("up", "-d", "--force-recreate", "-V")
    assert project("exec", "-T", "a", "cat", "/keep/x").returncode != 0
    project.ok("down", "-v")
    assert project.izba.ok("volume", "ls", "-q") == ""


def test_run_is_a_container_of_its_own_with_its_dependencies(project: Compose) -> None:
    project.write(TWO)

    assert project.ok("run", "--rm", "-T", "-e", "A=1", "web", "sh", "-c", "echo run $A") == "run 1"
    assert project("run", "--rm", "-T", "web", "sh", "-c", "exit 7").returncode == 7
    assert project.ok("run", "--rm", "-T", "web", "cat", stdin="through\n") == "through"

    assert project.ps() == {"db-1": "running"}


def test_stop_start_restart_kill_rm(project: Compose) -> None:
    project.write(TWO)
    project.ok("up", "-d")

    project.ok("stop")
    assert set(project.ps().values()) == {"exited"}
    project.ok("start")
    assert set(project.ps().values()) == {"running"}
    project.ok("restart", "db")
    assert set(project.ps().values()) == {"running"}
    project.ok("kill", "web")
    eventually(lambda: project.ps()["web-1"] == "exited")
    project.ok("rm", "-f")
    assert project.ps() == {"db-1": "running"}


def test_orphans_are_told_of_and_removed_when_asked_for(project: Compose) -> None:
    service = '{image: busybox, command: [sh, -c, "SERVE"]}'
    project.write(f"services: {{a: {service}, b: {service}}}")
    project.ok("up", "-d")
    assert sorted(project.ps()) == ["a-1", "b-1"]
    project.write(f"services: {{a: {service}}}")

    assert "orphan" in project("up", "-d").stderr
    project.ok("up", "-d", "--remove-orphans")

    assert sorted(project.ps()) == ["a-1"]


def test_plan_and_dry_run_change_nothing(project: Compose) -> None:
    project.write(TWO)

    plan = project.ok("plan")
    assert plan.splitlines()[:2] == [
        "#1 network:default, CreateNetwork, it is not there",
        "#2 volume:data, CreateVolume, it is not there",
    ]
    assert project.ok("up", "-d", "--dry-run") == plan
    assert project.ps() == {}

    project.ok("up", "-d")
    assert project.ok("plan") == ""
    before = project.ids()
    project.ok("--dry-run", "up", "-d", "--force-recreate")
    project.ok("down", "--dry-run", "-v")
    assert project.ids() == before


def test_in_the_foreground_lines_are_prefixed_and_the_end_is_told(project: Compose) -> None:
    project.write(
        """
        services:
          a: {image: busybox, command: [sh, -c, "echo one; sleep 0.2; exit 4"]}
          bee: {image: busybox, command: [sh, -c, "SERVE"]}
        """
    )

    done = project("up", "--exit-code-from", "a")

    assert done.returncode == 4
    assert "a-1    | one" in done.stdout
    assert "a-1    | exited with code 4" in done.stdout
    assert project.ps() == {"a-1": "exited", "bee-1": "exited"}


def test_ctrl_c_stops_all(project: Compose) -> None:
    command = "echo up; trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done"
    project.write(f'services: {{a: {{image: busybox, command: [sh, -c, "{command}"]}}}}')
    with project.popen("up") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "| up" in line:
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "Gracefully" in errors
    assert project.ps() == {"a-1": "exited"}
    assert "bye" in project.ok("logs")


def test_up_wait_returns_when_all_are_healthy_and_fails_when_one_is_not(project: Compose) -> None:
    project.write(TWO)
    project.ok("up", "--wait")
    assert "(healthy)" in project.ok("ps")

    project.write(TWO.replace("test -f /tmp/ok", "exit 1").replace("interval: 100ms", "interval: 50ms, retries: 2"))
    assert project("up", "--wait", "db").returncode == 1


def test_build_makes_images_with_the_projects_names(any_project: Compose) -> None:
    project = any_project
    project.write("FROM busybox\nARG WHO=nobody\nRUN echo built for $WHO > /who\nCMD cat /who\n", "app/Dockerfile")
    project.write(
        """
        services:
          app: {build: {context: ./app, args: {WHO: me}}}
          inline:
            build: {context: ., dockerfile_inline: "FROM app\\nRUN echo more >> /who\\n",
                    additional_contexts: {app: "service:app"}}
        """
    )

    project.ok("--progress", "quiet", "up", "--build", "-d")

    eventually(lambda: project.ok("logs", "app", "--no-log-prefix") == "built for me")
    eventually(lambda: project.ok("logs", "inline", "--no-log-prefix") == "built for me\nmore")
    assert f"{project.name}-app" in project.ok("images")
    project.ok("down", "--rmi", "local")
    assert f"{project.name}-app" not in project.izba.ok("images")


def test_profiles_enable_services(project: Compose) -> None:
    project.write(
        """
        services:
          a: {image: busybox, command: [sh, -c, "SERVE"]}
          d: {image: busybox, command: [sh, -c, "SERVE"], profiles: [debug]}
        """
    )
    project.ok("up", "-d")
    assert sorted(project.ps()) == ["a-1"]
    project.ok("up", "-d", "d")
    assert sorted(project.ps()) == ["a-1", "d-1"]
    project.ok("--profile", "debug", "down")
    assert project.ps() == {}


def test_logs_of_all_are_in_the_order_of_time(project: Compose) -> None:
    project.write(
        """
        services:
          a: {image: busybox, command: [sh, -c, "for i in 1 3 5; do echo $$i; sleep 0.2; done"]}
          b: {image: busybox, command: [sh, -c, "sleep 0.1; for i in 2 4 6; do echo $$i; sleep 0.2; done"]}
        """
    )
    done = project("up", "--no-log-prefix")
    assert done.returncode == 0

    lines = project.ok("logs", "--timestamps", "--no-log-prefix").splitlines()

    assert len(lines) == 6
    assert lines == sorted(lines)


def test_a_container_name_cannot_be_scaled(project: Compose) -> None:
    project.write('services: {a: {image: busybox, container_name: only, command: [sh, -c, "SERVE"]}}')

    assert "container name must be unique" in project("up", "-d", "--scale", "a=2").stderr


def test_missing_external_things_are_told_with_the_command_that_makes_them(project: Compose) -> None:
    project.write(
        """
        services: {a: {image: busybox, volumes: ["v:/v"]}}
        volumes: {v: {external: true, name: not-there}}
        """
    )

    done = project("up", "-d")

    assert 'external volume "not-there" not found' in done.stderr
    assert "izba volume create not-there" in done.stderr


def test_down_leaves_a_project_with_a_look_alike_name_alone(projects: Callable[[], Compose]) -> None:
    """F5: prefixes, and labels that an image or a user claims."""
    one, other = projects(), projects()
    text = 'services: {a: {image: busybox, command: [sh, -c, "SERVE"], volumes: ["v:/v"]}}\nvolumes: {v: }'
    one.write(f"name: {one.name}\n{text}")
    other.name = f"{one.name}-a"
    other.write(f"name: {other.name}\n{text}")
    one.ok("up", "-d")
    other.ok("up", "-d")
    spoofed = one.izba.name()
    one.izba.ok("run", "-d", "--name", spoofed, "--network", "none", "--label",
                f"com.docker.compose.project={one.name}", "busybox", "sleep", "60")  # fmt: skip

    one.ok("down", "-v", "--remove-orphans")

    assert other.ps() == {"a-1": "running"}
    assert other.izba.state(spoofed)["Running"]
    assert f"{other.name}_v" in other.izba.ok("volume", "ls", "-q")
    one.izba.clean()


def test_watch_syncs_into_the_container(project: Compose, tmp_path: Path) -> None:
    project.write("one\n", "src/a.txt")
    project.write(
        """
        services:
          a:
            image: busybox
            build: {context: ., dockerfile_inline: "FROM busybox"}
            command: [sh, -c, "SERVE"]
            develop: {watch: [{action: sync, path: ./src, target: /src, ignore: ["*.tmp"], initial_sync: true}]}
        """
    )
    project.ok("--progress", "quiet", "up", "-d")
    with project.popen("watch", "--no-up") as process:
        try:
            eventually(lambda: project("exec", "-T", "a", "cat", "/src/a.txt").stdout == "one\n")
            project.write("two\n", "src/a.txt")
            project.write("x\n", "src/sub/b.txt")
            project.write("x\n", "src/no.tmp")
            eventually(lambda: project("exec", "-T", "a", "cat", "/src/a.txt", "/src/sub/b.txt").stdout == "two\nx\n")
            (project.directory / "src/a.txt").unlink()
            eventually(lambda: project("exec", "-T", "a", "ls", "/src").stdout == "sub\n")
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)


def test_two_ups_at_once_make_one_project(project: Compose) -> None:
    project.write(TWO)

    processes = [project.popen("up", "-d", "--scale", "web=3") for _ in range(3)]
    results = [process.communicate(timeout=90) for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0], results
    assert sorted(project.ps()) == ["db-1", "web-1", "web-2", "web-3"]


def test_a_killed_up_is_gone_on_with(project: Compose) -> None:
    """I: SIGKILL at some moment, and the next one finds its way."""
    project.write(TWO)
    project.ok("up", "-d")
    for number, pause in enumerate((0.1, 0.2, 0.3, 0.4)):
        project.write(TWO.replace("web is up", f"web is up {number}"))
        process = project.popen("up", "-d", "--force-recreate")
        time.sleep(pause)
        process.kill()
        process.communicate()

    project.ok("up", "-d")

    assert project.ps() == {"db-1": "running", "web-1": "running"}
    project.ok("down", "-v")
    assert project.ps() == {}


def test_the_guides_first_project_works_as_written(project: Compose) -> None:
    document = (Path(__file__).parents[2] / "docs" / "compose.md").read_text()
    text = document.partition("```yaml\n")[2].partition("```")[0]
    project.write(text.replace("127.0.0.1:8080:80", "127.0.0.1::80"))

    plan = project.ok("plan")

    assert plan in document
    project.ok("up", "-d")
    address = project.ok("port", "web", "80")
    ask = ("exec", "-T", "web", "wget", "-q", "-O-", "http://127.0.0.1/")
    eventually(lambda: project(*ask).stdout == "hello\n")
    assert address.startswith("127.0.0.1:")
    project.ok("down")
    assert f"{project.name}_data" in project.izba.ok("volume", "ls", "-q")
