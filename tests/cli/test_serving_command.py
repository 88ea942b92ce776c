"""``milp-amp solve`` asked about serving."""

import json

import pytest

from tests.cli.worlds import LIBRARY, milp_amp

SINGLE = LIBRARY / "helix" / "single-70b-24.json"


def test_a_placement_is_found_proved_and_shown():
    finished = milp_amp("solve", SINGLE)
    assert finished.returncode == 0
    assert "optimal: no placement carries more" in finished.stdout
    assert "max flow      2,045.64 tokens/s" in finished.stdout
    assert "incumbent 2045.64 tokens/s" in finished.stderr


def test_json_is_one_document_with_the_keys_of_a_result(tmp_path):
    target = tmp_path / "result.json"
    finished = milp_amp("solve", SINGLE, "--format", "json", "--output", target)
    result = json.loads(finished.stdout)
    assert result == json.loads(target.read_bytes())
    assert result["status"] == "optimal"
    assert result["verified"]
    assert result["objective"] == pytest.approx(2045.641047)
    assert len(result["placement"]["layers"]) == 24


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--restrict", "idle A100"), "--restrict is about training"),
        (("--minimise", "price"), "--minimise is about training"),
        (("--formulation", "amp_dp"), "no serving formulation 'amp_dp'"),
    ],
)
def test_what_is_about_training_is_refused_in_one_line(options, complaint):
    finished = milp_amp("solve", SINGLE, *options)
    assert (finished.returncode, finished.stdout) == (20, "")
    assert finished.stderr.count("\n") == 1
    assert complaint in finished.stderr


def test_a_search_begins_with_a_given_placement_and_refuses_one_that_breaks_a_rule(tmp_path):
    helix = LIBRARY / "helix" / "placements" / "single-helix-milp.json"
    assert "incumbent 1289.56 tokens/s" in milp_amp("solve", SINGLE, "--warm-start", helix).stderr
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps({"layers": {"T4.0": [0, 5]}}))
    finished = milp_amp("solve", SINGLE, "--warm-start", broken)
    assert (finished.returncode, finished.stdout) == (20, "")
    assert "warm_start: layers.T4.0: [0, 5] are 5 layers, expected at most 4" in finished.stderr


def test_what_is_about_serving_is_refused_of_training():
    finished = milp_amp("solve", LIBRARY / "amp" / "gpt2-homogeneous.json", "--partial-inference")
    assert (finished.returncode, finished.stdout) == (20, "")
    assert "--partial-inference is about serving" in finished.stderr


def test_a_malformed_serving_instance_is_one_line(tmp_path):
    document = json.loads(SINGLE.read_bytes())
    del document["performance"]["T4"]
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(document))
    finished = milp_amp("solve", file)
    assert finished.returncode == 20
    assert finished.stderr.count("\n") == 1
    assert "performance: 'T4' is missing, expected one for every group of nodes" in finished.stderr


def test_a_placement_from_a_file_is_judged(tmp_path):
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"layers": {f"A100.{k}": [12 * k, 12 * k + 12] for k in range(4)}}))
    finished = milp_amp("evaluate", SINGLE, plan)
    assert finished.returncode == 0
    assert "max flow      0 tokens/s" in finished.stdout  # nobody holds layers 48 to 79
    assert "limited by    layers that nobody holds" in finished.stdout


def test_a_result_is_judged_like_the_placement_in_it(tmp_path):
    result = tmp_path / "result.json"
    milp_amp("solve", SINGLE, "--output", result)
    judged = json.loads(milp_amp("evaluate", SINGLE, result, "--format", "json").stdout)
    assert judged["tokens_per_s"] == pytest.approx(2045.641047)
    assert sum(tokens for source, _, tokens in judged["arcs"] if source == "coordinator, out") == pytest.approx(
        2045.641047
    )


def test_a_placement_that_breaks_a_rule_ends_with_eleven(tmp_path):
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"layers": {"T4.0": [0, 5]}}))
    finished = milp_amp("evaluate", SINGLE, plan)
    assert finished.returncode == 11
    assert finished.stdout == "violation: layers.T4.0: [0, 5] are 5 layers, expected at most 4\n"


def test_bounds_have_their_reasons():
    finished = milp_amp("bounds", LIBRARY / "helix" / "l4-30b-8.json")
    rows = [line for line in finished.stdout.splitlines() if "tokens/s" in line]
    assert ["336.866" in rows[0], "252.65" in rows[1]] == [True, True]


def test_serving_formulations_are_listed():
    assert "serving_stages" in milp_amp("formulations").stdout


SERVE = ("serve", SINGLE, LIBRARY / "helix" / "placements" / "single-helix-milp.json")
REQUESTS = LIBRARY / "helix" / "requests.csv"


def test_what_a_placement_serves_is_simulated():
    finished = milp_amp(*SERVE, "--requests", REQUESTS, "--seconds", "60", "--warm-up", "30")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert [line.split()[0] for line in finished.stdout.splitlines()[:3]] == ["decoded", "prompts", "requests"]
    assert "where requests wait" in finished.stdout


def test_the_same_seed_serves_the_same():
    options = ("--requests", REQUESTS, "--seconds", "30", "--warm-up", "10", "--seed", "3", "--format", "json")
    first, second = (json.loads(milp_amp(*SERVE, *options).stdout) for _ in range(2))
    assert first == second
    assert first["decode_tokens_per_s"] > 0


def test_requests_that_cannot_be_read_are_one_line(tmp_path):
    file = tmp_path / "requests.csv"
    file.write_text("prompt_tokens\n7\n")
    finished = milp_amp(*SERVE, "--requests", file)
    assert (finished.returncode, finished.stdout) == (20, "")
    assert "column 'output_tokens' is missing" in finished.stderr


def tiny_world(tmp_path):
    """Two machines of a type that hold three layers each, with tables and the means of requests, as a file."""
    document = {
        "schema_version": 1,
        "question": "serving",
        "name": "tiny",
        "source": "made up",
        "model": {"name": "m", "num_layers": 3, "activation_bytes": 1000, "token_bytes": 2},
        "cluster": {
            "device_types": {"T4": {"memory_GiB": 16}},
            "nodes": [{"name": "a", "count": 2, "device": "T4", "devices": 1, "bandwidth_GBps": 1.0}],
            "switches": ["s"],
            "links": [{"source": "a", "target": "s", "bandwidth_GBps": 1.0, "latency_us": 500.0}],
            "contention": "slowest_pair",
        },
        "performance": {
            "a": {
                "tokens_per_s": [300.0, 150.0, 100.0],
                "prompt_ms": [[0, 0.0], [1000, 400.0]],
                "decode_ms": [[0, 0.0], [2, 40.0], [40, 60.0]],
                "kv_token_layers": [30e3, 25e3, 20e3],
            }
        },
        "coordinator_GBps": 1.0,
        "requests": {"mean_prompt_tokens": 100, "mean_output_tokens": 20},
    }
    file = tmp_path / "tiny.json"
    file.write_text(json.dumps(document))
    return file


def test_served_tokens_are_sought_on_request(tmp_path):
    """Without a file of requests some are drawn with the means that the instance states."""
    finished = milp_amp(
        "solve", tiny_world(tmp_path), "--formulation", "serving_rate", "--time-limit", "1", "--format", "json"
    )
    assert finished.returncode == 10
    result = json.loads(finished.stdout)
    assert result["formulation"] == "serving_rate"
    assert result["verified"]
    assert result["bound"] is None
    assert result["objective"] == result["served"]["tokens_per_s"] > 0
    assert result["served"]["runs"] == 5


def test_requests_and_a_latency_limit_ask_for_served_tokens(tmp_path):
    requests = tmp_path / "requests.csv"
    requests.write_text("prompt_tokens,output_tokens\n100,20\n50,10\n")
    options = ("--requests", requests, "--latency-limit", "2", "--time-limit", "1")
    finished = milp_amp("solve", tiny_world(tmp_path), *options)
    assert finished.returncode == 10
    assert "formulation   serving_rate" in finished.stdout
    assert "output tokens/s, 5 runs" in finished.stdout
    assert "max flow" in finished.stdout


def test_a_latency_limit_that_nothing_keeps_ends_with_twelve(tmp_path):
    finished = milp_amp("solve", tiny_world(tmp_path), "--latency-limit", "1e-6", "--time-limit", "1")
    assert finished.returncode == 12
    assert "unknown: no placement was found, and none is ruled out" in finished.stdout


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--latency-limit", "0"), "--latency-limit: '0', expected a number > 0"),
        (("--latency-limit", "-1"), "--latency-limit: '-1', expected a number > 0"),
        (("--latency-limit", "nan"), "--latency-limit: 'nan', expected a number"),
        (("--latency-limit", "inf"), "--latency-limit: 'inf', expected a number > 0"),
        (("--latency-limit", "soon"), "--latency-limit: 'soon', expected a number"),
        (("--latency-limit", "1", "--formulation", "serving_stages"), "a latency limit are for serving_rate"),
        (("--requests", REQUESTS, "--formulation", "serving_stages"), "a latency limit are for serving_rate"),
        (("--requests", "nowhere.csv"), "nowhere.csv"),
        (("--requests", SINGLE), "column 'prompt_tokens' is missing"),
    ],
)
def test_requests_and_limits_that_make_no_sense_are_one_line(options, complaint):
    finished = milp_amp("solve", SINGLE, *options)
    assert (finished.returncode, finished.stdout) == (20, "")
    assert finished.stderr.count("\n") == 1
    assert complaint in finished.stderr


def test_served_tokens_need_requests_and_tables():
    finished = milp_amp("solve", LIBRARY / "helix" / "l4-30b-8.json", "--formulation", "serving_rate")
    assert (finished.returncode, finished.stdout) == (20, "")
    assert finished.stderr.count("\n") == 1
    assert "missing" in finished.stderr


@pytest.mark.parametrize("option", [("--requests", REQUESTS), ("--latency-limit", "1")])
def test_training_has_neither_requests_nor_a_latency_limit(option):
    finished = milp_amp("solve", LIBRARY / "amp" / "gpt2-homogeneous.json", *option)
    assert (finished.returncode, finished.stdout) == (20, "")
    assert f"{option[0]} is about serving" in finished.stderr
