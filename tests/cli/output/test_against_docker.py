"""Our `--format` beside the real docker CLI's, on the same documents."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from izba.cli.output.gotemplate import Template, TemplateError
from izba.cli.output.listing import Field, Listing
from tests.cli.output.engine_stub import Docker, docker_of

pytestmark = pytest.mark.peer("docker")

CONTAINER = {
    "Id": "4c01db0b339c4dd4e4b1ffa1d2b8a5f1",
    "Created": "2024-05-01T10:00:00.123456789Z",
    "Path": "sleep",
    "Args": ["infinity"],
    "State": {"Status": "running", "Running": True, "Paused": False, "Pid": 1234, "ExitCode": 0, "Error": ""},
    "Image": "sha256:aaaa",
    "Name": "/web",
    "RestartCount": 2,
    "Mounts": [
        {"Type": "bind", "Source": "/srv/a", "Destination": "/a", "Mode": "ro", "RW": False, "Propagation": "rprivate"},
        {"Type": "volume", "Name": "data", "Source": "/v", "Destination": "/d", "RW": True},
    ],
    "Config": {
        "Hostname": "web",
        "Env": ["PATH=/bin", "A=b c"],
        "Cmd": ["sleep", "infinity"],
        "Entrypoint": None,
        "Labels": {"com.example.tier": "front", "empty": ""},
        "ExposedPorts": {"80/tcp": {}},
        "Tty": False,
        "Volumes": None,
    },
    "HostConfig": {
        "NetworkMode": "bridge",
        "Memory": 67108864,
        "NanoCpus": 0,
        "Binds": ["/srv/a:/a:ro"],
        "CapAdd": None,
        "Sysctls": None,
        "Mounts": [
            {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 1048576}},
            {"Type": "bind", "Source": "/etc", "Target": "/e", "ReadOnly": True},
        ],
        "Annotations": None,
    },
    "NetworkSettings": {
        "Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "443/tcp": None},
        "Networks": {"bridge": {"IPAddress": "172.17.0.2", "Gateway": "172.17.0.1"}, "app": {"IPAddress": "10.0.0.2"}},
    },
}

TEMPLATES = [
    "{{.Id}} {{.Name}} {{.RestartCount}}",
    "{{.State.Status}} {{.State.Running}} {{.State.Pid}}",
    "{{json .Config.Labels}}",
    "{{json .Config.Cmd}} {{json .State.Status}} {{json .HostConfig.Memory}}",
    "{{.Config.Cmd}} {{.Config.Env}}",
    "{{.Config.Entrypoint}} {{.HostConfig.CapAdd}}",
    "{{range .Mounts}}{{.Name}}|{{.Driver}}|{{.Destination}} {{end}}",
    "{{range .HostConfig.Mounts}}{{.Type}} {{.ReadOnly}} {{.VolumeOptions}} {{with .TmpfsOptions}}x{{end}};{{end}}",
    "{{len .Config.Entrypoint}} {{json .Config.Entrypoint}} {{if .HostConfig.CapAdd}}yes{{else}}no{{end}}",
    "{{.Config.Volumes}} {{len .Config.Volumes}} {{json .Config.Volumes}}",
    '{{index .HostConfig.Sysctls "missing"}}|{{.HostConfig.Sysctls.missing}}|{{range .HostConfig.Sysctls}}x{{end}}',
    '{{with index .HostConfig.Annotations "x"}}yes{{else}}no{{end}} {{printf "%v" .HostConfig.Annotations}}',
    "{{.Config.Labels}}",
    '{{index .Config.Labels "com.example.tier"}}',
    '{{index .Config.Labels "missing"}}|',
    "{{.Config.Labels.empty}}|{{.Config.Labels.missing}}",
    "{{range .Config.Env}}{{println .}}{{end}}",
    "{{range $i, $e := .Config.Env}}{{if $i}}, {{end}}{{$i}}:{{$e}}{{end}}",
    "{{range $name, $network := .NetworkSettings.Networks}}{{$name}}={{$network.IPAddress}} {{end}}",
    '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}',
    "{{range $p, $c := .NetworkSettings.Ports}}{{$p}} -> {{if $c}}{{(index $c 0).HostPort}}{{else}}none{{end}};{{end}}",
    '{{range .Mounts}}{{.Source}}:{{.Destination}}{{if not .RW}}:ro{{end}}{{"\\n"}}{{end}}',
    '{{if eq .State.Status "running" "paused"}}up{{else}}down{{end}}',
    "{{if .State.Paused}}a{{else if .State.Running}}b{{else}}c{{end}}",
    "{{with .Config.Labels}}{{len .}}{{else}}none{{end}}",
    "{{with $x := .Name}}{{$x}}{{end}}{{$y := 1}}{{$y = 2}}{{$y}}",
    "{{$.Name}}{{range .Mounts}}{{$.State.Pid}}{{end}}",
    '{{join .Config.Env ";"}} {{upper .Name}} {{lower "ABC"}} {{title "ab cd-ef"}}',
    '{{split "a,b,c" ","}} {{index (split .Name "/") 1}}',
    '{{pad .Name 2 3}}| {{truncate .Id 6}} {{truncate "ab" 6}}',
    '{{printf "%s|%10s|%-10s|%5d|%05d|%q|%v|%t" .Name .Name .Name 42 42 .Name .Args true}}',
    '{{printf "%d" .Name}} {{printf "%s"}} {{printf "x" 1}} {{printf "%s" 3}} {{printf "%z" 1}}',
    '{{printf "%5.2f%%" 3.14159}} {{printf "%x" "hi"}} {{printf "%T" .Name}} {{printf "%+d" 3}}',
    '{{print 1 2 "a" "b" 3}} {{println "x" 1}}',
    "{{len .Config.Env}} {{len .Name}} {{len .Config.Labels}}",
    "{{- /* a comment */ -}} x {{- .Name -}} y",
    '{{.Name | printf "%s-%s" "a" | upper}}',
    "{{and .Name .State.Paused}} {{or .State.Paused .Name}} {{not .State.Paused}}",
    "{{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge 1 2}} {{ne 1 2}} {{eq .State.Pid 1234}}",
    "{{slice .Id 0 4}} {{slice .Args 0 1}} {{index .Args 0}}",
    "{{range .Mounts}}{{if .RW}}{{continue}}{{end}}{{.Destination}}{{break}}{{end}}",
    "{{range .HostConfig.CapAdd}}x{{else}}nothing{{end}}",
    "{{true}} {{1.5}} {{'a'}} {{0x10}} {{`raw \\n`}} {{\"tab\\t\\u00fc\"}}",
    "{{.Config.Hostname}}{{/* end */}}",
    "caf\u00e9 {{.Name}} \u4e2d",
    "{{with .Config}}{{.Hostname}} {{.Tty}}{{end}}",
]

MISTAKES = [
    "{{.Nope}}",
    "{{.State.Nope}}",
    "{{.Name.Nope}}",
    "{{",
    "{{.Name",
    "{{.Name}",
    "{{end}}",
    "{{if .Name}}",
    "{{if .Name}}{{else}}{{else}}{{end}}",
    "{{nope .Name}}",
    "{{if}}{{end}}",
    "{{range .Mounts}}",
    '{{"unterminated}}',
    "{{$undefined}}",
    "{{.Name | 3}}",
    "{{(.Name}}",
    "{{break}}",
    "{{/* never closed }}",
    "{{}}",
    "a\n{{.Name}}\n {{.Nope}}",
    "{{index .Args 7}}",
    "{{.Name*}}",
]


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    documents = {
        "/containers/web/json": CONTAINER,
        "/containers/json": SUMMARIES,
    }
    with docker_of(tmp_path_factory.mktemp("engine"), documents) as cli:
        yield cli


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_shows_what_docker_inspect_shows(docker: Docker, template: str) -> None:
    theirs = docker("inspect", "--type", "container", "--format", template, "web")

    assert Template(template).execute(CONTAINER, strict=True) + "\n" == theirs.stdout, theirs.stderr


@pytest.mark.parametrize("template", MISTAKES)
def test_a_mistake_is_told_in_dockers_words(docker: Docker, template: str) -> None:
    theirs = docker("inspect", "--type", "container", "--format", template, "web")
    assert theirs.returncode != 0

    with pytest.raises(TemplateError) as ours:
        Template(template).execute(CONTAINER, strict=True)

    assert ours.value.message.lower() == theirs.stderr.strip().lower()


SUMMARIES = [
    {
        "Id": "4c01db0b339c4dd4e4b1ffa1d2b8a5f14c01db0b339c4dd4e4b1ffa1d2b8a5f1",
        "Names": ["/web"],
        "Image": "nginx:latest",
        "ImageID": "sha256:aaaa",
        "Command": "nginx -g 'daemon off;'",
        "Created": 1714557600,
        "Ports": [],
        "Labels": {"com.example.some-tier_x": "front"},
        "State": "running",
        "Status": "Up 2 hours",
        "HostConfig": {"NetworkMode": "default"},
        "NetworkSettings": {"Networks": {"bridge": {}}},
        "Mounts": [],
    },
    {
        "Id": "5d01db0b339c4dd4e4b1ffa1d2b8a5f14c01db0b339c4dd4e4b1ffa1d2b8a5f1",
        "Names": ["/a-much-longer-name"],
        "Image": "registry.example:5000/a/b",
        "ImageID": "sha256:bbbb",
        "Command": "sh",
        "Created": 1714557600,
        "Ports": [],
        "Labels": {},
        "State": "exited",
        "Status": "Exited (0) 3 days ago",
        "HostConfig": {"NetworkMode": "default"},
        "NetworkSettings": {"Networks": {}},
        "Mounts": [],
    },
]

CONTAINERS = Listing(
    kind="Container",
    fields={
        "ID": Field(header="CONTAINER ID", value=lambda c: c["Id"][:12]),
        "Names": Field(header="NAMES", value=lambda c: c["Names"][0][1:]),
        "Image": Field(header="IMAGE", value=lambda c: c["Image"]),
        "Status": Field(header="STATUS", value=lambda c: c["Status"]),
        "State": Field(header="STATE", value=lambda c: c["State"]),
        "Labels": Field(header="LABELS", value=lambda c: ",".join(sorted(f"{k}={v}" for k, v in c["Labels"].items()))),
        "Label": Field(header="", value=lambda c, name: c["Labels"].get(name, ""), takes_argument=True),
    },
    table=("ID", "Image", "Status", "Names"),
)


@pytest.mark.parametrize(
    "form",
    [
        "{{.ID}}",
        "{{.Names}}: {{.Status}}",
        "table {{.ID}}\t{{.Names}}\t{{.Status}}",
        r"table {{.Names}}\t{{.Image}}\t{{.State}}",
        "table {{.Image}}\t{{.Names}}",
        'table {{.Names}}\t{{.Label "com.example.some-tier_x"}}',
        "table {{.Names}}",
        "table {{upper .Names}}\t{{json .State}}\t{{.Labels}}",
        '{{.Label "com.example.some-tier_x"}}|{{.Labels}}',
        '{{if eq .State "running"}}{{.Names}}{{end}}',
        r"{{.ID}}\n{{.Names}}",
    ],
)
def test_a_list_is_shown_as_docker_ps_shows_it(docker: Docker, form: str) -> None:
    theirs = docker("ps", "--all", "--format", form)

    assert CONTAINERS.show(SUMMARIES, form) == theirs.stdout, theirs.stderr


@pytest.mark.parametrize("form", ["{{.Nope}}", "{{.Names", "{{.Label}}"])
def test_a_mistake_in_a_list_is_told_in_dockers_words(docker: Docker, form: str) -> None:
    theirs = docker("ps", "--all", "--format", form)

    with pytest.raises(TemplateError) as ours:
        CONTAINERS.show(SUMMARIES, form)

    # Which words docker puts before the template's own differs from command to command.
    assert ours.value.message.partition("template: :")[2] == theirs.stderr.strip().partition("template: :")[2]
