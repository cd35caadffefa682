"""Who may do what: roles, permissions, and the one table between them. Pure."""

from ticketing_bridge.access.roles import (
    PERMISSIONS,
    AccessRefused,
    Permission,
    Person,
    Role,
    role_named,
)

__all__ = ["PERMISSIONS", "AccessRefused", "Permission", "Person", "Role", "role_named"]
