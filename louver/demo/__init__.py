"""A bank, a database to hold it and a tour of what each person of the bank sees."""
