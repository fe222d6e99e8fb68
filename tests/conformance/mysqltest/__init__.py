"""The servers' own test statements (MySQL's and MariaDB's), each sent to two servers direct and to a third through Louver, and compared."""
