"""Texts were measured on a real engine with the same bodies."""
# ruff: noqa: E501

from typing import Any

import msgspec
import pytest

from swarmlab.api.decode import decode
from swarmlab.api.errors import ApiError
from swarmlab.objects import BlobSpec, ServiceSpec
from swarmlab.objects.requests import InitRequest
from swarmlab.objects.run import ContainerRequest

WRONG = {
    "": "got EOF while reading request body",
    "{": "unexpected EOF",
    '{"Name": "x"': "unexpected EOF",
    "nope": "invalid character 'o' in literal null (expecting 'u')",
    "x=1": "invalid character 'x' looking for beginning of value",
    '{"a":1,}': "invalid character '}' looking for beginning of object key string",
    '{"a" 1}': "invalid character '1' after object key",
    "[1 2]": "invalid character '2' after array element",
    '{"Name": "a\\q"}': "invalid character 'q' in string escape code",
    '{"Name": NaN}': "invalid character 'N' looking for beginning of value",
    '{"Name": 5}': "json: cannot unmarshal number into Go struct field ServiceSpec.Name of type string",
    "[]": "json: cannot unmarshal array into Go value of type swarm.ServiceSpec",
    '"x"': "json: cannot unmarshal string into Go value of type swarm.ServiceSpec",
    '{"Labels":{"a":1}}': "json: cannot unmarshal number into Go struct field ServiceSpec.Labels of type string",
    '{"Labels":[]}': "json: cannot unmarshal array into Go struct field ServiceSpec.Labels of type map[string]string",
    '{"TaskTemplate":{"ContainerSpec":{"Image":5}}}': (
        "json: cannot unmarshal number into Go struct field ContainerSpec.TaskTemplate.ContainerSpec.Image of type string"
    ),
    '{"TaskTemplate":{"ContainerSpec":{"Env":"a"}}}': (
        "json: cannot unmarshal string into Go struct field ContainerSpec.TaskTemplate.ContainerSpec.Env of type []string"
    ),
    '{"TaskTemplate":{"ContainerSpec":{"Env":[1]}}}': (
        "json: cannot unmarshal number into Go struct field ContainerSpec.TaskTemplate.ContainerSpec.Env of type string"
    ),
    '{"TaskTemplate":{"ContainerSpec":{"StopGracePeriod":"10s"}}}': (
        "json: cannot unmarshal string into Go struct field "
        "ContainerSpec.TaskTemplate.ContainerSpec.StopGracePeriod of type time.Duration"
    ),
    '{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"ReadOnly":"x"}]}}}': (
        "json: cannot unmarshal string into Go struct field Mount.TaskTemplate.ContainerSpec.Mounts.ReadOnly of type bool"
    ),
    '{"TaskTemplate":{"Resources":{"Limits":{"NanoCPUs":1.5}}}}': (
        "json: cannot unmarshal number 1.5 into Go struct field Limit.TaskTemplate.Resources.Limits.NanoCPUs of type int64"
    ),
    '{"TaskTemplate":{"Resources":{"Limits":{"NanoCPUs":1e9.5}}}}': (
        "invalid character '.' after object key:value pair"
    ),
    '{"Mode":{"Replicated":true}}': (
        "json: cannot unmarshal bool into Go struct field ServiceMode.Mode.Replicated of type swarm.ReplicatedService"
    ),
    '{"Mode":{"Replicated":{"Replicas":-1}}}': (
        "json: cannot unmarshal number -1 into Go struct field ReplicatedService.Mode.Replicated.Replicas of type uint64"
    ),
    '{"Mode":{"Replicated":{"Replicas":"1"}}}': (
        "json: cannot unmarshal string into Go struct field ReplicatedService.Mode.Replicated.Replicas of type uint64"
    ),
    '{"EndpointSpec":{"Ports":[{"TargetPort":99999999999}]}}': (
        "json: cannot unmarshal number 99999999999 into Go struct field "
        "PortConfig.EndpointSpec.Ports.TargetPort of type uint32"
    ),
    '{"TaskTemplate":{"RestartPolicy":{"Condition":1}}}': (
        "json: cannot unmarshal number into Go struct field RestartPolicy.TaskTemplate.RestartPolicy.Condition of type swarm.RestartPolicyCondition"
    ),
    '{"TaskTemplate":{"Runtime":1}}': (
        "json: cannot unmarshal number into Go struct field TaskSpec.TaskTemplate.Runtime of type swarm.RuntimeType"
    ),
    '{"TaskTemplate":{"ContainerSpec":{"Isolation":1}}}': (
        "json: cannot unmarshal number into Go struct field ContainerSpec.TaskTemplate.ContainerSpec.Isolation of type container.Isolation"
    ),
    '{"EndpointSpec":{"Mode":1}}': (
        "json: cannot unmarshal number into Go struct field EndpointSpec.EndpointSpec.Mode of type swarm.ResolutionMode"
    ),
    '{"EndpointSpec":{"Ports":[{"Protocol":1}]}}': (
        "json: cannot unmarshal number into Go struct field PortConfig.EndpointSpec.Ports.Protocol of type swarm.PortConfigProtocol"
    ),
    '{"EndpointSpec":{"Ports":[{"PublishMode":1}]}}': (
        "json: cannot unmarshal number into Go struct field PortConfig.EndpointSpec.Ports.PublishMode of type swarm.PortConfigPublishMode"
    ),
    '{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Consistency":1}]}}}': (
        "json: cannot unmarshal number into Go struct field Mount.TaskTemplate.ContainerSpec.Mounts.Consistency of type mount.Consistency"
    ),
    '{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"BindOptions":{"Propagation":1}}]}}}': (
        "json: cannot unmarshal number into Go struct field BindOptions.TaskTemplate.ContainerSpec.Mounts.BindOptions.Propagation of type mount.Propagation"
    ),
    '{"UpdateConfig":{"MaxFailureRatio":"x"}}': (
        "json: cannot unmarshal string into Go struct field UpdateConfig.UpdateConfig.MaxFailureRatio of type float32"
    ),
}


@pytest.mark.parametrize("body", WRONG)
def test_a_wrong_body_is_refused_in_go_s_words(body: str) -> None:
    with pytest.raises(ApiError) as caught:
        decode(body.encode(), ServiceSpec)
    assert (caught.value.status, str(caught.value)) == (400, WRONG[body])


def test_what_is_there_twice_wrong_is_reported_once_in_the_order_of_the_text() -> None:
    with pytest.raises(ApiError, match=r"ServiceSpec\.Labels"):
        decode(b'{"Labels": 1, "Name": 2}', ServiceSpec)


def test_keys_match_in_any_case_null_is_absent_and_unknown_keys_are_ignored() -> None:
    body = b'{"name": "web", "MODE": {"replicated": {"REPLICAS": 3}}, "Labels": null, "Bogus": {"x": [1]}}'
    spec = decode(body, ServiceSpec)
    assert (spec.name, spec.labels) == ("web", {})
    assert spec.mode.replicated is not None
    assert spec.mode.replicated.replicas == 3


def test_an_exact_key_wins_over_one_in_another_case() -> None:
    assert decode(b'{"NAME": "a", "Name": "b"}', ServiceSpec).name == "b"


def test_a_body_of_null_is_an_empty_request() -> None:
    assert decode(b"null", InitRequest) == InitRequest()


def test_maps_are_sorted_and_null_in_lists_is_the_zero_value() -> None:
    spec = decode(
        b'{"Labels": {"b": null, "a": "1"}, "TaskTemplate": {"ContainerSpec": {"Args": ["x", null]}}}', ServiceSpec
    )
    assert list(spec.labels.items()) == [("a", "1"), ("b", "")]
    assert spec.task_template.container_spec is not None
    assert spec.task_template.container_spec.args == ("x", "")


def test_text_that_is_no_unicode_becomes_replacement_characters() -> None:
    assert decode(b'{"Name": "\xff"}', ServiceSpec).name == "�"
    assert decode(rb'{"Name": "\ud800"}', ServiceSpec).name == "�"


def test_data_is_base64() -> None:
    assert decode(b'{"Data": "aGk="}', BlobSpec).data == "aGk="
    with pytest.raises(ApiError, match="illegal base64 data at input byte 2"):
        decode(b'{"Data": "aG*="}', BlobSpec)
    with pytest.raises(ApiError, match=r"Go struct field ConfigSpec.Data of type \[\]uint8"):
        decode(b'{"Data": 1}', BlobSpec, "swarm.ConfigSpec")


SPEC: dict[str, Any] = {
    "Name": "app_web",
    "Labels": {"com.docker.stack.namespace": "app", "service.label": "2"},
    "TaskTemplate": {
        "ContainerSpec": {
            "Image": "nginx:1.12-alpine",
            "Labels": {"com.docker.stack.namespace": "app", "container.label": "1"},
            "Env": ["EMPTY=", "FOO=bar"],
            "Privileges": {"CredentialSpec": None, "SELinuxContext": None, "NoNewPrivileges": False},
            "StopGracePeriod": 10000000000,
            "Healthcheck": {"Test": ["CMD", "true"], "Interval": 2000000000, "Timeout": 1000000000, "Retries": 3},
            "DNSConfig": {},
            "Configs": [
                {"File": {"Name": "/c", "UID": "0", "GID": "0", "Mode": 288}, "ConfigID": "qs", "ConfigName": "site"}
            ],
            "Isolation": "default",
        },
        "Resources": {"Limits": {"NanoCPUs": 500000000}, "Reservations": {"MemoryBytes": 16777216}},
        "RestartPolicy": {"Condition": "on-failure", "Delay": 2000000000, "MaxAttempts": 3, "Window": 30000000000},
        "Placement": {"Constraints": ["node.role == manager"]},
        "Networks": [{"Target": "kx", "Aliases": ["web"]}],
        "ForceUpdate": 0,
        "Runtime": "container",
    },
    "Mode": {"Replicated": {"Replicas": 2}},
    "UpdateConfig": {"Parallelism": 1, "Delay": 1, "FailureAction": "rollback", "MaxFailureRatio": 0.2, "Order": ""},
    "EndpointSpec": {"Mode": "vip", "Ports": [{"Protocol": "tcp", "TargetPort": 80, "PublishMode": "ingress"}]},
}


def test_a_whole_spec_goes_through_unchanged_and_in_docker_s_order() -> None:
    body = msgspec.json.encode(SPEC)
    assert msgspec.json.encode(decode(body, ServiceSpec)) == body


def test_half_of_a_pair_is_no_text_wherever_it_stands() -> None:
    body = rb'{"Image": "alpine", "NetworkingConfig": {"EndpointsConfig": {"\ud800": {}}}}'
    assert list(decode(body, ContainerRequest).networking_config.endpoints_config) == ["\ufffd"]
    pair = rb'{"Image": "\ud83d\ude00"}'
    assert decode(pair, ContainerRequest).image == "\U0001f600"


def test_what_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(ApiError, match=r"invalid character '\[' exceeded max depth"):
        decode(b"[" * 20_000, ServiceSpec)


def test_data_that_is_no_base64_at_all() -> None:
    with pytest.raises(ApiError, match="illegal base64 data at input byte 0"):
        decode(b'{"Data": "\xc3\xa9"}', BlobSpec)


@pytest.mark.parametrize(("value", "kind"), [("5", "number"), ("[5]", "array"), ('["a",5]', "array"), ("{}", "object")])
@pytest.mark.parametrize(
    ("body", "where"),
    [('{"Cmd":%s}', "CreateRequest.Cmd"), ('{"HostConfig":{"CapAdd":%s}}', "HostConfig.HostConfig.CapAdd")],
)
def test_what_is_neither_a_string_nor_a_list_of_strings(value: str, kind: str, body: str, where: str) -> None:
    with pytest.raises(ApiError) as raised:
        decode((body % value).encode(), ContainerRequest)
    assert str(raised.value) == f"json: cannot unmarshal {kind} into Go struct field {where} of type string"


def test_capabilities_may_be_one_string_and_bytes_a_list_of_numbers() -> None:
    assert decode(b'{"HostConfig":{"CapAdd":"NET_ADMIN"}}', ContainerRequest).host_config.cap_add == ("NET_ADMIN",)
    assert decode(b'{"Data":[104,105]}', BlobSpec).data == "aGk="
    with pytest.raises(ApiError, match="number 256 into Go struct field"):
        decode(b'{"Data":[256]}', BlobSpec)


@pytest.mark.parametrize(
    ("host", "where"),
    [
        ('{"BlkioWeight":65536}', "number 65536 into Go struct field HostConfig.HostConfig.BlkioWeight of type uint16"),
        ('{"ConsoleSize":"x"}', "string into Go struct field HostConfig.HostConfig.ConsoleSize of type [2]uint"),
        (
            '{"Devices":[{"PathOnHost":5}]}',
            "number into Go struct field DeviceMapping.HostConfig.Devices.PathOnHost of type string",
        ),
    ],
)
def test_limits_have_their_types(host: str, where: str) -> None:
    with pytest.raises(ApiError) as raised:
        decode(f'{{"HostConfig":{host}}}'.encode(), ContainerRequest)
    assert str(raised.value) == f"json: cannot unmarshal {where}"
