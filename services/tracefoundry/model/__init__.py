"""The canonical model: spans, resources, logs and trace summaries, free of transport and storage.

Every other package may import this one; this one imports none of them. Attribute values are held
in the *tagged JSON form* of :mod:`tracefoundry.model.attributes`, so that a value can travel from
the wire to a jsonb column and back to a bundle without losing its type.
"""
