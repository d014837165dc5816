"""Tests of the operator.

A package, so that pytest imports them as ``tests.*``. By their path they would be
``operator.tests.*``, and the standard library's ``operator`` would be replaced by this folder.
"""
