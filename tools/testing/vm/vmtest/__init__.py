# SPDX-License-Identifier: GPL-2.0-only
"""Boot a kernel in an emulated machine and collect the results of guest programs."""
