# SPDX-License-Identifier: GPL-2.0-only
"""Cases by topic; each module is a topic."""
