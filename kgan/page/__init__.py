"""What stands in a report on runs: records → tables, panels, sheets → report.html."""
