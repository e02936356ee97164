"""Results of evaluations as text."""

import logging

from kgan.evaluation.storage import NOT_VALUES
from kgan.evaluation.task import Result
from kgan.metrics.comparison import ERROR

logger = logging.getLogger("kgan")


def print_result(result: Result) -> None:
    """Logs a result as a table: name, value, standard error."""
    logger.info("measured: %s", result.title)
    width = max((len(name) for name in result.values), default=0)
    for name, value in result.values.items():
        if not name.endswith(ERROR) and name not in NOT_VALUES:
            error = result.values.get(f"{name}{ERROR}")
            logger.info("  %-*s %s", width, name, format_value(value, error))
    for name, reason in result.unavailable.items():
        logger.info("  %-*s not computed: %s", width, name, reason)


def format_value(value: float, error: float | None) -> str:
    """Formats a value with four decimals and its standard error, where that is known."""
    text = f"{value:.4f}" if abs(value) < 1e4 else f"{value:.4g}"
    return text if error is None else f"{text} ± {error:.4f}"
