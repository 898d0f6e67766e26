"""What people look at: one self-contained HTML page, made from the `results.json` of a run folder."""

from neurotrain_hw.report.comparison import write_comparison
from neurotrain_hw.report.document import check, read_results
from neurotrain_hw.report.page import check_extra, render, write_report

__all__ = ["check", "check_extra", "read_results", "render", "write_comparison", "write_report"]
