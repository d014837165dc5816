"""The normalised GenAI view of a span: one module a dialect, derived and versioned.

The attributes stay as they came; the view is computed from them, so it can be rebuilt whenever a
dialect is understood better (invariant: originals survive).
"""
