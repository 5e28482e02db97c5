"""Tests of what only root may do: give files away, install packages. CI runs them."""

import os

import pytest

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do this; CI does")
