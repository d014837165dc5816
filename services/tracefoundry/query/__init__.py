"""The query API: JSON over HTTP from what the store's reader gives.

``app`` puts it together; ``traces``, ``spans``, ``payloads`` and ``health`` hold the routes,
``shapes`` the JSON of the answers, ``tree`` the span DAG. ``payload_reading``
joins the database and the payload store, which do not know each other.
"""
