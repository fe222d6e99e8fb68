"""PostgreSQL's own regression statements, each sent to two servers direct and to a third through Louver, and compared."""
