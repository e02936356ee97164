"""Processes that train together, as defined by TF_CONFIG or a Slurm job step."""

import dataclasses
import json
import re
from collections.abc import Mapping

from kgan.utils.errors import UserError

# Slurm assigns no ports. Jobs that share a node get ranges of their own.
FIRST_PORT, PORTS_OF_A_JOB, JOBS = 12000, 16, 3000


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers of a run.

    Args:
        addresses: host:port of each; the first one is the chief.
        index: of this process among them.

    Example:
        >>> Cluster(("a:1", "b:2"), 1).tf_config()
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}'
    """

    addresses: tuple[str, ...]
    index: int

    def tf_config(self) -> str:
        """Returns the value of the environment variable TF_CONFIG, which TensorFlow reads."""
        task = {"type": "worker", "index": self.index}
        return json.dumps({"cluster": {"worker": list(self.addresses)}, "task": task})


def from_environment(environment: Mapping[str, str]) -> Cluster:
    """Reads the cluster of this process from environment variables.

    Args:
        environment: `os.environ`.

    Raises:
        UserError: the variables define no cluster, or an invalid one.
    """
    if "TF_CONFIG" in environment:
        return _from_tf_config(environment["TF_CONFIG"])
    if "SLURM_PROCID" in environment:
        return _from_slurm(environment)
    raise UserError(
        "--strategy=multi_worker: needs TF_CONFIG or a Slurm job step; on one machine "
        "python -m kgan.launch --workers=2 starts the processes"
    )


def _from_tf_config(text) -> Cluster:
    try:
        config = json.loads(text)
        jobs, task = config["cluster"], config["task"]
        chiefs = tuple(jobs.get("chief", ()))
        addresses = (*chiefs, *jobs.get("worker", ()))
        index = int(task["index"]) + (len(chiefs) if task["type"] == "worker" else 0)
        known = task["type"] in ("chief", "worker") and 0 <= index < len(addresses)
    except (ValueError, KeyError, TypeError, AttributeError):
        known = False
    if not known:
        raise UserError(
            'TF_CONFIG: must look like {"cluster": {"worker": ["host:port", …]}, '
            f'"task": {{"type": "worker", "index": 0}}}}, not {text}'
        )
    return Cluster(addresses, index)


def _from_slurm(environment) -> Cluster:
    try:
        hosts = expand_hosts(environment["SLURM_STEP_NODELIST"])
        counts = expand_counts(environment["SLURM_STEP_TASKS_PER_NODE"])
        index = int(environment["SLURM_PROCID"])
        job = int(environment["SLURM_JOB_ID"])
        tasks = list(zip(hosts, counts, strict=True))
    except KeyError as error:
        raise UserError(f"{error.args[0]}: not set; start the workers with srun") from error
    except ValueError as error:
        raise UserError(f"Slurm's variables are invalid: {error}") from error
    port = FIRST_PORT + job % JOBS * PORTS_OF_A_JOB
    # Ranks fill one node after the other, in the order of the list.
    addresses = [f"{host}:{port + place}" for host, count in tasks for place in range(count)]
    if max(counts) > PORTS_OF_A_JOB or not 0 <= index < len(addresses):
        raise UserError(
            f"SLURM_STEP_TASKS_PER_NODE={environment['SLURM_STEP_TASKS_PER_NODE']}: at most "
            f"{PORTS_OF_A_JOB} workers a node, and SLURM_PROCID={index} must be one of them"
        )
    return Cluster(tuple(addresses), index)


def expand_hosts(text: str) -> list[str]:
    """Expands Slurm's list of hosts: `n[8-10],login` are n8, n9, n10 and login.

    Raises:
        ValueError: the text is no such list.
    """
    hosts = []
    # Split at the commas outside of brackets.
    for part in re.split(r",(?![^\[]*\])", text):
        match = re.fullmatch(r"([^\[\]]+)(?:\[([\d,-]+)\])?", part)
        if not match:
            raise ValueError(f"{part} in the list of hosts {text}")
        if match[2] is None:
            hosts.append(match[1])
            continue
        for span in match[2].split(","):
            first, _, last = span.partition("-")
            numbers = range(int(first), int(last or first) + 1)
            hosts += [f"{match[1]}{number:0{len(first)}d}" for number in numbers]
    return hosts


def expand_counts(text: str) -> list[int]:
    """Expands Slurm's number of tasks on each node: `3(x2),1` are 3, 3 and 1.

    Raises:
        ValueError: the text is no such list.
    """
    counts = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part)
        if not match:
            raise ValueError(f"{part} in the tasks of each node {text}")
        counts += [int(match[1])] * int(match[2] or 1)
    return counts
