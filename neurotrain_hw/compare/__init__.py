"""Runs of one network beside each other: where they first part, how far, and which effect of the integers it is."""
