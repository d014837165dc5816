"""Trace files of other platforms to the model, and the model to ATIF.

Everything here is pure: readers take a seekable binary file and give spans and logs in chunks, so
that whoever stores them needs to know no foreign format. :func:`~.files.read_file` is the way in,
:func:`~.atif_export.to_atif` the way out. docs/import-formats.md says what is mapped to what.
"""
