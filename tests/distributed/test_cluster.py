import json

import pytest

from kgan.distributed import cluster
from kgan.utils.errors import UserError


def tf_config(index=0, kind="worker", jobs=None):
    jobs = {"worker": ["a:1", "b:2"]} if jobs is None else jobs
    return {"TF_CONFIG": json.dumps({"cluster": jobs, "task": {"type": kind, "index": index}})}


SLURM = {
    "SLURM_STEP_NODELIST": "gpu[08-09],big",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
    "SLURM_PROCID": "3",
    "SLURM_JOB_ID": "6002",
}


def refusal(environment):
    with pytest.raises(UserError) as error:
        cluster.from_environment(environment)
    return str(error.value)


def test_tf_config_names_the_workers_and_this_one():
    found = cluster.from_environment(tf_config(1))
    assert found == cluster.Cluster(("a:1", "b:2"), 1)


def test_a_chief_is_the_first_of_the_workers():
    jobs = {"chief": ["c:9"], "worker": ["a:1", "b:2"]}
    assert cluster.from_environment(tf_config(0, "chief", jobs)).index == 0
    found = cluster.from_environment(tf_config(1, "worker", jobs))
    assert found == cluster.Cluster(("c:9", "a:1", "b:2"), 2)


def test_tf_config_that_is_written_reads_back():
    found = cluster.Cluster(("a:1", "b:2"), 1)
    assert cluster.from_environment({"TF_CONFIG": found.tf_config()}) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        '{"cluster": {"worker": ["a:1"]}}',
        tf_config(2)["TF_CONFIG"],
        tf_config(-1)["TF_CONFIG"],
        tf_config(0, "ps")["TF_CONFIG"],
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "x"}}',
    ],
)
def test_tf_config_that_is_invalid_is_one_line(text):
    assert refusal({"TF_CONFIG": text}).startswith("TF_CONFIG: must look like")


def test_slurm_ranks_fill_one_node_after_the_other():
    found = cluster.from_environment(SLURM)
    # 12000 + (6002 mod 3000) * 16
    places = "gpu08:12032 gpu08:12033 gpu09:12032 gpu09:12033 big:12032"
    assert " ".join(found.addresses) == places
    assert found.index == 3


@pytest.mark.parametrize("missing", ["SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE"])
def test_process_without_srun_is_refused(missing):
    environment = {name: value for name, value in SLURM.items() if name != missing}
    assert refusal(environment) == f"{missing}: not set; start the workers with srun"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLURM_STEP_NODELIST", "gpu[08-"),
        ("SLURM_STEP_TASKS_PER_NODE", "2(x"),
        ("SLURM_STEP_TASKS_PER_NODE", "2"),
        ("SLURM_PROCID", "five"),
        ("SLURM_PROCID", "5"),
        ("SLURM_STEP_TASKS_PER_NODE", "17(x3)"),
    ],
)
def test_slurm_variables_that_are_invalid_are_one_line(name, value):
    line = refusal({**SLURM, name: value})
    assert "SLURM" in line or "Slurm" in line


def test_missing_cluster_is_one_line_that_names_the_launcher():
    line = refusal({})
    assert line.startswith("--strategy=multi_worker: ") and "kgan.launch --workers=2" in line


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("n1", ["n1"]),
        ("n[8-10]", ["n8", "n9", "n10"]),
        ("n[08-10]", ["n08", "n09", "n10"]),
        ("a[1,3-4],b", ["a1", "a3", "a4", "b"]),
        ("x-y.z,x2", ["x-y.z", "x2"]),
    ],
)
def test_lists_of_hosts_are_expanded_in_their_order(text, hosts):
    assert cluster.expand_hosts(text) == hosts


def test_tasks_of_each_node_are_expanded():
    assert cluster.expand_counts("3(x2),1") == [3, 3, 1]
