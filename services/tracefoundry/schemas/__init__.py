"""The API's answers, each declared once: the query API encodes them, the command line decodes them,
and the OpenAPI document describes them.

The structs are msgspec's, because a command must start fast and an answer may hold 100,000 spans.
A field without a default is always there; a field that is only there where it says something has
the type ``... | UnsetType`` and is left out otherwise. A field that is added after a release gets a
default, so that a newer command can read an older server's answers. Unknown fields are ignored.

Large JSON columns are passed through as they are stored: :func:`.fields.raw_object` and
:func:`.fields.raw_list` make a value of such a field from stored text.
"""
