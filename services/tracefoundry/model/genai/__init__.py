"""The normalised GenAI view of a span: one module for each dialect, with a version.

Attributes are stored as they came, and the view is computed from them. So it can be rebuilt when
the reading of a dialect improves.
"""
