"""A model server that answers from a script, so that real client libraries run without a network.

It speaks the parts of the OpenAI and Anthropic APIs that their client libraries use: chat
completions, embeddings and messages, whole and as streams, with tools and usage, errors and delays.
Only the standard library is used.
"""
