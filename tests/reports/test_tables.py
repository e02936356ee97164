"""Tables of a report: facts, metrics, flags and events."""

import re
import shlex

from kgan.cli.parsing import parse_training
from tests.reports.pages import END, TRAIN, a_run, measured, report, text_of


def test_head_shows_facts_about_the_run(tmp_path, out):
    run = a_run(tmp_path, more=("--seed=7",))
    (run / "log.txt").write_text(
        "2026-03-04 11:59:01,123 plan\nand on\n2026-03-04 13:10:00,000 exported\n"
    )
    page = report(run, out=out)
    facts = {name: values[0] for name, values in page.table("header").items()}
    assert facts == {
        "model": "dcgan",
        "dataset": "digits",
        "seed": "7",
        "steps": "40",
        "trained": "2026-03-04 11:59 to 13:10",
        "training time": "1 h 6 min",
        "images/s, median": "70",
        "cores": "4",
        "peak memory": "1,234 MiB",
    }
    assert "00001-drawn" in page.words("header")


def test_command_of_the_head_repeats_the_run(tmp_path, out):
    run = a_run(tmp_path / "a folder", more=("--seed=7",))
    page = report(run, out=out)
    (line,) = re.findall(r"python -m kgan.train .*", page.words("header"))
    python, _, module, *arguments = shlex.split(line)
    assert (python, module) == ("python", "kgan.train")
    resolved = parse_training(arguments)
    run = resolved.run
    assert (resolved.model, run.seed, run.name) == ("dcgan", 7, "drawn")


def test_value_and_error_are_those_of_the_newest_line_of_each_part(tmp_path, out):
    run = a_run(
        tmp_path,
        results={
            "drawings": [
                measured(40, when=9.0, fid_digits_297=2.25, fid_digits_297_standard_error=0.0625),
                measured(20, when=5.0, fid_digits_297=7.0, fid_digits_297_standard_error=1.0),
                measured(20, "validation", 3.0, fid_digits_100=8.5, kid_digits_100=None),
            ],
            "pairs": [measured(pictures=5, l1=0.125)],
        },
    )
    page = report(run, out=out)
    assert page.table("metrics") == {
        "": ["00001-drawn"],
        "measured": ["step 20"],
        "l1": ["0.1250"],
        "fid_digits_297": ["2.2500 ± 0.0625"],
        "fid_digits_100": ["8.5000"],
        "kid_digits_100": ["not finite"],
    }
    words = [cells[1].text for _, cells in page.rows("metrics")]
    assert "step 40; 5 images" in words and "step 40" in words
    order = [page.words("metrics").index(f"\n{kind} ") for kind in ("pairs", "drawings")]
    assert order == sorted(order)


def test_best_value_of_a_row_is_bold_if_a_direction_is_better(tmp_path, out):
    def values(number):
        return {
            "fid_digits_9": number,
            "precision_digits_9": number,
            "modes_digits_9": 4.0,
            "class_divergence_of_real_digits_9": number,
        }

    runs = [
        a_run(
            tmp_path,
            f"0000{n}-lr",
            more=(f"--g_lr={lr}",),
            results={
                "drawings": [measured(**values(number))],
                "critic": [measured(critic_estimate_9=number, wasserstein_9=number)],
            },
        )
        for n, (lr, number) in enumerate(((0.1, 3.0), (0.2, 1.0), (0.3, 2.0)))
    ]
    page = report(*runs, out=out)
    assert page.table("metrics")["fid_digits_9"] == ["3.0000", "1.0000", "2.0000"]
    bold = [
        (
            text_of(c[0], ("small",)),
            [n for n, cell in enumerate(c[1:]) if cell.find("strong") is not None],
        )
        for _, c in page.rows("metrics")
    ]
    assert [(name.strip(), columns) for name, columns in bold if columns] == [
        ("fid_digits_9", [1]),
        ("precision_digits_9", [0]),
        ("wasserstein_9", [1]),
    ]


def test_runs_that_differ_in_the_seed_only_are_a_mean_and_a_deviation(tmp_path, out):
    def one(seed, value, lr=0.2, name="drawn"):
        line = measured(fid_digits_9=value, fid_digits_9_standard_error=0.5)
        return a_run(
            tmp_path,
            f"0000{seed}-{lr}",
            more=(f"--seed={seed}", f"--g_lr={lr}", f"--name={name}"),
            results={"drawings": [line]},
        )

    # 1, 3 and 8: mean 4; deviations -3, -1, 4: sqrt(26 / 2).
    runs = [one(1, 1.0), one(2, 3.0, name="other"), one(3, 8.0), one(1, 5.0, lr=0.3)]
    page = report(*runs, out=out)
    assert page.table("metrics")["fid_digits_9"] == ["4.0000 ± 3.6056", "5.0000 ± 0.5000"]
    (_, heads), _, (_, cells) = page.rows("metrics")
    small = [[element.text for element in cell.iter("small")] for cell in (*cells[1:], *heads[1:])]
    values = ((1, "1.0000"), (2, "3.0000"), (3, "8.0000"))
    assert small == [
        [f"seed {seed}: {value} ± 0.5000" for seed, value in values],
        [],
        ["g_lr=0.2, seeds 1, 2, 3"],
        ["g_lr=0.3"],
    ]
    assert page.table("metrics")[""] == ["00001-0.2 and 2 more", "00001-0.3"]
    assert "the mean ± the standard deviation over the seeds" in page.words("metrics")


def test_flags_that_differ_are_marked_and_on_top(tmp_path, out):
    runs = [
        a_run(tmp_path, f"0000{n}-x", more=(f"--width={n}", f"--seed={n}", "--nooutput_bias"))
        for n in (3, 4)
    ]
    page = report(*runs, out=out)
    kinds = [kind for kind, cells in page.rows("settings") if text_of(cells[0])]
    assert kinds == ["differs"] * 2 + [None] * (len(kinds) - 2)
    table = page.table("settings")
    assert [name for name in table if name][:2] == ["--seed", "--width"]
    assert table["--seed"] == table["--width"] == ["3", "4"]
    assert (table["--output_bias"], table["--steps"]) == (["false"] * 2, ["40"] * 2)


def test_alarms_rollbacks_and_ends_are_listed_with_their_steps(tmp_path, out):
    lines = [
        TRAIN[0],
        {"kind": "alarms", "step": 12, "text": "collapsed: again"},
        {**END, "step": 15},
        {"kind": "rollback", "step": 18, "text": "NaN"},
        *TRAIN[1:],
        END,
    ]
    words = " ".join(report(a_run(tmp_path, lines=lines), out=out).words("events").split())
    assert words == (
        "Events step 12 alarms collapsed: again step 15 end stopped and resumed later "
        "step 18 rollback NaN step 40 end training ended"
    )


def test_run_without_an_end_says_so(tmp_path, out):
    words = report(a_run(tmp_path, lines=TRAIN), out=out).words("events")
    assert "no end was logged" in words and "training ended" not in words
