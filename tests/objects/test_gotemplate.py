"""Go's templates, each as a real engine has expanded or refused it (20.10, Go 1.19)."""

import pytest

from swarmlab.objects import ContainerSpec, NodeDescription, Platform, Task, TaskSpec
from swarmlab.objects.template import TemplateError, expand_container

TASK = Task(
    id="t", spec=TaskSpec(), service_id="s", service_name="tpl", slot=1, node_id="n",
    service_labels={"x": "lab", "a": "b"},
)  # fmt: skip
NODE = NodeDescription(hostname="h", platform=Platform(os="linux", architecture="x86_64"))


def expand(text: str) -> str:
    return expand_container(ContainerSpec(hostname=text), TASK, NODE).hostname


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{if .Node.ID}}yes{{else}}no{{end}}", "yes"),
        ('{{if eq .Service.Name "tpl"}}a{{else if eq .Service.Name "x"}}b{{else}}c{{end}}', "a"),
        ('{{if eq .Service.Name "q"}}a{{else if eq .Service.Name "tpl"}}b{{else}}c{{end}}', "b"),
        ('{{with .Service.Name}}<{{.}}>{{end}}{{with ""}}x{{else}}none{{end}}', "<tpl>none"),
        ("{{range $k, $v := .Service.Labels}}{{$k}}={{$v}};{{end}}", "a=b;x=lab;"),
        ("{{range .Service.Labels}}[{{.}}]{{else}}empty{{end}}", "[b][lab]"),
        ("{{range $v := .Service.Labels}}{{$v}}{{$.Task.Slot}}{{end}}", "b1lab1"),
        ('{{$x := .Service.Name}}{{$x}}{{$x = "new"}}{{$x}}', "tplnew"),
        ('{{.Service.Name | printf "%s-%s" "a"}}', "a-tpl"),
        (
            '{{printf "%q %v %d %5s|%-5s|%05d %t %x" "a" 1.5 7 "ab" "cd" 42 true 255}}',
            '"a" 1.5 7    ab|cd   |00042 true ff',
        ),
        ("{{len .Service.Name}} {{len .Service.Labels}}", "3 2"),
        ('{{and "a" "b"}}{{or "" "c"}}{{not true}}', "bcfalse"),
        ('{{print 1 2 "a" "b" 3}}', "1 2ab3"),
        ('{{println "x" 1}}', "x 1\n"),
        ('{{html "<a>&\'\\""}}', "&lt;a&gt;&amp;&#39;&#34;"),
        ('{{urlquery "a b&c"}}', "a+b%26c"),
        ("{{/* comment */}}x{{- /* c */ -}} y", "xy"),
        ('a {{- "b" -}} c', "abc"),
        ('{{"quoted \\"x\\" \\t"}}{{`raw "x"`}}', 'quoted "x" \traw "x"'),
        ("{{1}} {{1.5}} {{0x10}} {{true}} {{'a'}}", "1 1.5 16 true 97"),
        ("{{.Service.Labels}}", "map[a:b x:lab]"),
        ("{{.Service}}", "{s tpl map[a:b x:lab]}"),
        ("{{.Node.Platform}}", "{x86_64 linux}"),
        ('{{index .Service.Labels "nope"}}|', "|"),
        ('{{define "t"}}T{{.}}{{end}}{{template "t" .Task.Slot}}', "T1"),
        ('{{block "b" .Task.Slot}}B{{.}}{{end}}', "B1"),
        ('{{(printf "%s" "p")}}', "p"),
        ('{{slice "abcdef" 1 3}}{{slice "abc" 1}}', "bcbc"),
        ('{{if and .Node.ID (eq .Task.Slot "1")}}one{{end}}', "one"),
        ('{{eq "a" "b" "a"}} {{ne 1 2}} {{lt 1 2}} {{ge 2 2}}', "true true true true"),
        ("{{if lt (len .Service.Name) 5}}short{{end}}", "short"),
        (
            '{{printf "%d%%" 5}}{{printf "%s"}}{{printf "a" 1}}{{printf "%d" "x"}}',
            "5%%!s(MISSING)a%!(EXTRA int=1)%!d(string=x)",
        ),
        ('{{join "-" "a" "b"}}', "a-b"),
        ("{{with $x := 5}}{{$x}}{{end}}", "5"),
        ("{{ .Task.Name | len }}", "7"),
        ('{{index "abc" 1}}', "98"),
        ("{{print true}}", "true"),
        ('{{not ""}}{{not 0}}', "truetrue"),
        ("{{range $i, $e := .Service.Labels}}{{if $i}}{{$e}}{{end}}{{end}}", "blab"),
        ("{{range .Service.Labels}}{{break}}{{end}}|", "|"),
        ('{{range $k, $v := .Service.Labels}}{{if eq $k "a"}}{{continue}}{{end}}{{$v}}{{end}}', "lab"),
        ("{{1|}}", "1"),
    ],
)
def test_what_a_template_comes_to(template: str, expected: str) -> None:
    assert expand(template) == expected


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{if}}x{{end}}", "1: missing value for if"),
        ("{{if .Node.ID}}x", "1: unexpected EOF"),
        ("{{end}}", "1: unexpected {{end}}"),
        ("{{else}}", "1: unexpected {{else}}"),
        ("{{if true}}{{else}}{{else}}{{end}}", "1: expected end; found {{else}}"),
        ("{{$x}}", '1: undefined variable "$x"'),
        (
            "{{.Service.Name.Foo}}",
            '1:10: executing "expansion" at <.Service.Name.Foo>: can\'t evaluate field Foo in type string',
        ),
        (
            "{{range .Service.Name}}x{{end}}",
            '1:16: executing "expansion" at <.Service.Name>: range can\'t iterate over tpl',
        ),
        ('{{template "no"}}', '1:11: executing "expansion" at <{{template "no"}}>: template "no" not defined'),
        (
            '{{eq "a" 1}}',
            '1:2: executing "expansion" at <eq "a" 1>: error calling eq: incompatible types for comparison',
        ),
        (
            '{{eq .Service "a"}}',
            '1:2: executing "expansion" at <eq .Service "a">: error calling eq: incompatible types for comparison',
        ),
        (
            '{{lt "a" 1}}',
            '1:2: executing "expansion" at <lt "a" 1>: error calling lt: incompatible types for comparison',
        ),
        ("{{len 5}}", '1:2: executing "expansion" at <len 5>: error calling len: len of type int'),
        (
            "{{index .Service.Labels 5}}",
            '1:2: executing "expansion" at <index .Service.Labels 5>: error calling index: value has type int; '
            "should be string",
        ),
        (
            "{{index 5 1}}",
            '1:2: executing "expansion" at <index 5 1>: error calling index: can\'t index item of type int',
        ),
        (
            '{{index "abc" 7}}',
            '1:2: executing "expansion" at <index "abc" 7>: error calling index: index out of range: 7',
        ),
        ("{{nil}}", '1:2: executing "expansion" at <nil>: nil is not a command'),
        ('{{"a" "b"}}', '1:2: executing "expansion" at <"a">: can\'t give argument to non-function "a"'),
        (
            '{{.Service.Name "x"}}',
            '1:10: executing "expansion" at <.Service.Name>: Name has arguments but cannot be invoked as function',
        ),
        (
            "{{printf}}",
            '1:2: executing "expansion" at <printf>: wrong number of args for printf: want at least 1 got 0',
        ),
        ("{{not}}", '1:2: executing "expansion" at <not>: wrong number of args for not: want 1 got 0'),
        (
            "{{join}}",
            '1:2: executing "expansion" at <join>: error calling join: runtime error: slice bounds out of range [1:0]',
        ),
        ('{{"abc}}', "1: unterminated quoted string"),
        ("{{`abc}}", "1: unterminated raw quoted string"),
        ("{{#}}", '1: unexpected "#" in command'),
        ("{{ = }}", '1: unexpected "=" in command'),
        ("{{(1}}", "1: unclosed left paren"),
        ("{{1)}}", '1: unexpected ")" in command'),
        ("{{a.b}}", '1: function "a" not defined'),
        ("{{.a.b}}", '1:4: executing "expansion" at <.a.b>: can\'t evaluate field a in type *template.Context'),
        ("{{with}}", "1: missing value for with"),
        ("{{range}}", "1: missing value for range"),
        ('{{define "x"}}', "1: unexpected EOF"),
        ("{{template}}", '1: unexpected "}}" in template clause'),
        ("{{template x}}", '1: unexpected "x" in template clause'),
        ("{{.Node.Hostname | foo}}", '1: function "foo" not defined'),
        (
            "{{.Service.Labels.x.y}}",
            '1:10: executing "expansion" at <.Service.Labels.x.y>: can\'t evaluate field y in type string',
        ),
        ("{{1 | 2}}", "1: non executable command in pipeline stage 2"),
        ('{{len "a" "b"}}', '1:2: executing "expansion" at <len>: wrong number of args for len: want 1 got 2'),
        ("{{if true}}{{end", "1: unclosed action"),
        ('{{secret "x"}}', '1: function "secret" not defined'),
        ("{{.}}{{.Foo}}", '1:7: executing "expansion" at <.Foo>: can\'t evaluate field Foo in type *template.Context'),
        (
            '{{slice "abc" 5}}',
            '1:2: executing "expansion" at <slice "abc" 5>: error calling slice: index out of range: 5',
        ),
        ("{{slice 5}}", '1:2: executing "expansion" at <slice 5>: error calling slice: can\'t slice item of type int'),
        ("{{and}}", '1:2: executing "expansion" at <and>: wrong number of args for and: want at least 1 got 0'),
        ("{{1.2.3}}", '1: unexpected ".3" in operand'),
        ('{{"\\q"}}', "1: invalid syntax"),
        ("{{ }}", "1: missing value for command"),
        (
            "{{.Service.Labels.nope}}",
            '1:10: executing "expansion" at <.Service.Labels.nope>: map has no entry for key "nope"',
        ),
        ("{{break}}", "1: {{break}} outside {{range}}"),
        ("{{if true}}{{range}}{{end}}", "1: missing value for range"),
        ("{{$x := 1}}{{$y = 2}}", '1:18: executing "expansion" at <2>: undefined variable: $y'),
        ("{{|}}", '1: unexpected "|" in command'),
        ("{{,}}", '1: unexpected "," in command'),
        ("{{html}}{{foo}}", '1: function "foo" not defined'),
        (
            "{{call .Service}}",
            '1:2: executing "expansion" at <call .Service>: error calling call: '
            "non-function of type struct { ID string; Name string; Labels map[string]string }",
        ),
    ],
)
def test_what_is_wrong_is_said_in_gos_words(template: str, reason: str) -> None:
    with pytest.raises(TemplateError) as error:
        expand(template)
    assert str(error.value) == f"expanding hostname failed: template: expansion:{reason}"


def test_a_template_that_uses_itself_ends() -> None:
    with pytest.raises(TemplateError, match="exceeded maximum template depth"):
        expand('{{define "a"}}{{template "a"}}{{end}}{{template "a"}}')
