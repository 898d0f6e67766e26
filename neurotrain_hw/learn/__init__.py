"""A course of learning on the chip: lessons over seeds beside control and float twin, kept in a run folder."""

from neurotrain_hw.learn.able import check_rule, learners
from neurotrain_hw.learn.course import learn
from neurotrain_hw.learn.folder import LEARN, read_document
from neurotrain_hw.learn.learned import learned_program
from neurotrain_hw.learn.settings import LearnSettings

__all__ = ["LEARN", "LearnSettings", "check_rule", "learn", "learned_program", "learners", "read_document"]
