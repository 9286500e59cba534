"""Cross-checks of regions, residency and scaling: the docstring of each test is a plan, and the one problem of its code is where it says."""

from tests.plan.test_check_levers import finds

from roteiro.plan.read import read_text
from roteiro.plan.regions import Region, round_trip_s


@finds("E281", "providers.a.region", "names the unknown region 'as'")
def test_a_provider_somewhere_unknown() -> None:
    """
    regions: {sa: {}}
    providers:
      a: {name: vllm, model: m, region: as, base_url: "http://127.0.0.1:1/v1"}
    """


@finds("E281", "providers.a", "says no region, and so is in 'default'")
def test_a_provider_that_does_not_say_where_it_is() -> None:
    """
    regions: {sa: {}}
    providers:
      a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}
    """


@finds("E281", "tenants.t.residency[0]", "names the unknown region 'br'")
def test_data_that_stays_nowhere_known() -> None:
    """
    providers:
      a: {name: vllm, model: m, region: sa, base_url: "http://127.0.0.1:1/v1"}
    tenants: {t: {residency: [br]}}
    """


@finds("E281", "regions.sa.latency.usa", "names the unknown region 'usa'")
def test_a_round_trip_to_nowhere() -> None:
    """
    regions: {sa: {latency: {us: 110ms, usa: 110ms}}, us: {}}
    providers:
      a: {name: vllm, model: m, region: sa, base_url: "http://127.0.0.1:1/v1"}
      b: {name: vllm, model: m, region: us, base_url: "http://127.0.0.1:2/v1"}
    """


@finds("E282", "regions.sa", "says no latency to us, nor us to it")
def test_a_round_trip_that_is_missing() -> None:
    """
    regions: {sa: {}, us: {}}
    providers:
      a: {name: vllm, model: m, region: sa, base_url: "http://127.0.0.1:1/v1"}
      b: {name: vllm, model: m, region: us, base_url: "http://127.0.0.1:2/v1"}
    """


@finds("E283", "tenants.t.residency", "allows sa; model abroad, which t asks for, is in us")
def test_data_that_may_not_go_where_its_model_is() -> None:
    """
    providers:
      a: {name: vllm, model: m, region: sa, base_url: "http://127.0.0.1:1/v1"}
      b: {name: vllm, model: n, region: us, base_url: "http://127.0.0.1:2/v1"}
    models: {chat: {targets: [a]}, abroad: {targets: [b]}}
    tenants: {t: {residency: [sa], models: [chat, abroad]}}
    """


@finds("E283", "tenants.t.workloads[0]", "allows sa and us; model chat, which t asks for, is in sa, us")
def test_a_tenant_and_a_workload_that_allow_nothing_in_common() -> None:
    """
    providers:
      a: {name: vllm, model: m, region: sa, base_url: "http://127.0.0.1:1/v1"}
      b: {name: vllm, model: n, region: us, base_url: "http://127.0.0.1:2/v1"}
    models: {chat: {targets: [a, b]}}
    workloads: {papers: {residency: [us], model: chat}}
    tenants: {t: {residency: [sa], workloads: [papers]}}
    """


@finds("W284", "regions.eu", "has no provider")
def test_a_region_without_providers() -> None:
    """
    regions: {sa: {latency: {eu: 190ms}}, eu: {}}
    providers:
      a: {name: vllm, model: m, region: sa, base_url: "http://127.0.0.1:1/v1"}
    """


@finds("E285", "models.chat.balance", "the plan has no regions")
def test_the_nearest_without_distances() -> None:
    """
    providers:
      a: {name: vllm, model: m, region: sa, base_url: "http://127.0.0.1:1/v1"}
    models: {chat: {targets: [a], balance: nearest}}
    """


@finds("E287", "scaling_policies.providers[0]", "is a, which has no servers")
def test_scaling_of_what_has_no_servers() -> None:
    """
    providers:
      a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}
    scaling_policies: {providers: [a]}
    """


@finds("W288", "scaling_policies.token_based", "no provider has servers whose least and most differ")
def test_a_policy_with_nothing_to_scale() -> None:
    """
    providers:
      a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1", servers: {replicas: 2}}
    scaling_policies: {token_based: {scale_up_threshold: 1000, scale_down_threshold: 10}}
    """


@finds("W302", "scaling_policies.latency_based", "the gateway starts no servers of a, it decides and notes how many")
def test_a_policy_that_the_gateway_does_not_enact() -> None:
    """
    providers:
      a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1", servers: {replicas: 1, most: 2}}
    scaling_policies: {latency_based: {scale_up_threshold: 2000, scale_down_threshold: 500}}
    """


@finds("W303", "providers.a.servers.batch", "is 48; local.slots is 2")
def test_a_local_model_that_works_at_fewer_requests_than_its_servers_are_said_to() -> None:
    """
    providers:
      a: {name: local, model: m, local: smollm2, servers: {replicas: 1, most: 2}}
    """


@finds("E287", "scaling_policies.floor.a", "is for a, which has no servers")
def test_a_floor_for_what_has_no_servers() -> None:
    """
    providers:
      a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}
    scaling_policies: {floor: {a: {from: 2026-03-01, replicas: [1]}}}
    """


@finds("E105", "scaling_policies.floor.a", "has 2 steps of 1h, which is neither a day nor a week")
def test_a_floor_that_repeats_is_a_day_or_a_week() -> None:
    """
    providers:
      a: {name: vllm, model: m, base_url: "http://127.0.0.1:1/v1", servers: {replicas: 1, most: 2}}
    scaling_policies: {floor: {a: {replicas: [1, 2]}}}
    """


def test_policies_that_the_gateway_enacts_or_that_only_advise_are_no_surprise() -> None:
    for local, mode in (("local: smollm2", "active"), ('base_url: "http://127.0.0.1:1/v1"', "advisory")):
        reading = read_text(f"""
roteiro: 1
providers:
  a: {{name: local, model: m, {local}, servers: {{replicas: 1, most: 2, batch: 2}}}}
scaling_policies: {{mode: {mode}, token_based: {{scale_up_threshold: 1000, scale_down_threshold: 10}}}}
""")
        assert reading.plan is not None and not {problem.code for problem in reading.problems} & {"W302", "W303"}


def test_more_regions_than_a_set_of_bits_can_hold() -> None:
    providers = "\n".join(f'  p{i}: {{name: vllm, model: m{i}, region: r{i}, base_url: "http://127.0.0.1:{i + 1}/v1"}}' for i in range(63))
    reading = read_text(f"roteiro: 1\nproviders:\n{providers}\n")
    assert [problem.code for problem in reading.errors] == ["E286"]


def test_a_plan_of_regions_that_is_sound() -> None:
    reading = read_text("""
roteiro: 1
regions: {sa: {latency: {us: 110ms}}, us: {latency: {sa: 130ms, us: 2ms}}}
providers:
  a: {name: vllm, model: m, region: sa, base_url: "http://127.0.0.1:1/v1"}
  b: {name: vllm, model: m, region: us, base_url: "http://127.0.0.1:2/v1"}
models: {chat: {targets: [a, b], balance: nearest}}
tenants: {t: {residency: [sa]}}
""")
    assert reading.plan is not None and not reading.errors
    assert reading.plan.tenants["t"].residency == ("sa",)
    assert not {problem.code for problem in reading.problems} & {"W284", "W288", "W302"}


def test_the_way_back_takes_as_long_unless_it_says_otherwise() -> None:
    regions = {"sa": Region(latency={"us": 0.11}), "us": Region(latency={"eu": "80ms"}), "eu": Region(latency={"us": 0.09, "eu": 0.001})}
    assert round_trip_s(regions, "sa", "us") == round_trip_s(regions, "us", "sa") == 0.11
    assert (round_trip_s(regions, "us", "eu"), round_trip_s(regions, "eu", "us")) == (0.08, 0.09)
    assert (round_trip_s(regions, "sa", "sa"), round_trip_s(regions, "eu", "eu"), round_trip_s(regions, "sa", "eu")) == (0.0, 0.001, None)
