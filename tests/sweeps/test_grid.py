from kgan.cli.values import parse_name
from tests.sweeps.fakes import OPTIMIZERS, make_grid


def test_several_flags_make_their_product_and_repeats_have_consecutive_seeds():
    made = make_grid(OPTIMIZERS, "g_lr:1e-3|0.002", more=("--seed=5",))
    assert [cell.label for cell in made.cells] == [
        "g_optimizer=sgd, g_lr=0.001",
        "g_optimizer=sgd, g_lr=0.002",
        "g_optimizer=adam, g_lr=0.001",
        "g_optimizer=adam, g_lr=0.002",
    ]
    assert [seed for _, seed in made.runs()] == [5, 5, 5, 5, 6, 6, 6, 6]


def test_job_names_differ_if_values_differ_in_characters_that_names_cannot_contain():
    names = [cell.job(0) for cell in make_grid("dataset:a/b|a b|a+b").cells]
    assert len(set(names)) == 3
    assert parse_name("job", names[0]) == names[0]


def test_long_job_names_are_cut_to_the_length_of_a_folder_name():
    names = [cell.job(0) for cell in make_grid(f"dataset:{'x' * 300}|{'x' * 301}").cells]
    assert len(set(names)) == 2 and max(map(len, names)) < 200
