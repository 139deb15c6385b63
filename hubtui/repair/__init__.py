"""Repair: what drifted is mended by a plan, where that is safe or a person has chosen."""
