"""The stage between decoding and everything else: what may not be kept is taken out here.

Redaction comes before hashing, truncating, storing and logging. ``engine.Redactor`` is a policy at
work; what it did to a span is in its report.
"""
