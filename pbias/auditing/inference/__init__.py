"""How sure a number is: intervals, exact tests, several runs, p-values."""
