"""Who may do what: roles, tokens, and the audit log of reads of content, changes and refusals."""
