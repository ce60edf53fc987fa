from swarmlab.engine.build.arguments import BuildArguments


def test_a_value_comes_from_the_command_line_or_the_arg_or_the_one_before_from() -> None:
    arguments = BuildArguments({"A": "given", "N": None})
    arguments.declare_global(["A=global", "G=global", "N=none"])
    assert arguments.for_from() == {"A": "given", "G": "global", "N": "none"}
    arguments.begin_stage()
    assert arguments.known() == {}
    arguments.declare(["A=default", "G", "D=default", "U"])
    assert arguments.known() == {"A": "given", "G": "global", "D": "default"}


def test_variables_of_the_image_win() -> None:
    arguments = BuildArguments({})
    arguments.declare(["A=1", "B=2"])
    assert arguments.environment(["A=9"]) == ["B=2"]


def test_proxies_need_no_arg_and_leave_no_trace_without_one() -> None:
    arguments = BuildArguments({"HTTP_PROXY": "p", "http_proxy": "q"})
    arguments.declare(["http_proxy", "A=1"])
    environment = arguments.environment([])
    assert sorted(environment) == ["A=1", "HTTP_PROXY=p", "http_proxy=q"]
    assert arguments.noted(environment) == ["A=1", "http_proxy=q"]
    assert arguments.unused() == []


def test_what_nothing_has_asked_for() -> None:
    arguments = BuildArguments({"Z": "1", "A": None, "B": "1", "NO_PROXY": "1"})
    arguments.declare(["B"])
    assert arguments.unused() == ["Z", "A"]
