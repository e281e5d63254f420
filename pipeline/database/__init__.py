"""The only access to ClickHouse, embedded or server, and the users and grants that it must have.

Owns the connections (one user for each purpose), the embedded server and the access statements. May use `system` and the
root. `cluster` says where the tables are. Others connect with `client` and take passwords and grants from `access`; only `operations` starts `embedded`, `backup` asks whether it runs.
"""

__all__ = ["access", "client", "cluster", "commands", "confinement", "embedded", "engine_config", "planted", "starting"]
