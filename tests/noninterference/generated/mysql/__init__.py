"""Random statements in the language of MySQL and MariaDB, sent through a real Louver, by texts and prepared."""
