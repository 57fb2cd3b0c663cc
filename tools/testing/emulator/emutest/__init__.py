# SPDX-License-Identifier: GPL-2.0-only
"""Tests of the emulated IOMMUs, which program them by hand over qtest."""
