"""The query API: JSON over HTTP from what the store's reader gives.

``app`` puts it together; ``traces``, ``spans`` and ``health`` hold the routes, ``shapes`` the JSON
of the answers, ``tree`` the span DAG. Shapes and parameters are those of the contract, section 4.
"""
