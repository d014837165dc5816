"""Deleting traces by request, with everything that only they need.

``requests`` deletes traces and answers with a receipt (``receipt``); ``payloads`` then removes what
was stored of their contents; ``planning`` decides what goes together, and ``pack_rewriting`` stores
anew what stays of an object. The database and the object store do not know each other; they meet
here. Deleting by age is :mod:`tracefoundry.retention`.
"""
