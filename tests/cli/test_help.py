"""Help texts of the commands."""

import re

import pytest

from kgan.cli.entry import Help
from kgan.cli.models import model_names
from kgan.cli.parsing import parse_command, parse_training
from kgan.models.base.flags import Flag


def help_text(*arguments):
    """Parses a command line that asks for help; returns the text."""
    with pytest.raises(Help) as caught:
        parse_training(arguments)
    return str(caught.value)


def test_help_lists_models_and_shared_flags_with_their_defaults():
    text = help_text("--help")
    assert all(f"  {name} " in text for name in model_names())
    assert re.search(r"--checkpoint_every .*\[5min\]", text)
    assert re.search(r"--seed .*\[0\]", text)
    assert "--n_critic" not in text


def test_help_with_a_model_adds_its_flags_and_its_defaults():
    text = help_text("--model=wgan", "--help")
    assert re.search(r"--n_critic .*\[5\]", text)
    assert re.search(r"--g_lr .*\[5e-05\]", text)
    assert "--l1_weight" not in text


def test_help_of_other_commands_lists_their_flags():
    flags = (Flag("run", str, None, "The run folder."),)
    with pytest.raises(Help, match=r"--run +The run folder\."):
        parse_command("kgan.x", flags, ["--help"], needed=("run",))
