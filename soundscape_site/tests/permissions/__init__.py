"""Who may do what: the permissions of every route, and rules that hold for all routes."""
