"""The fuzzers are programs: pytest runs them through test_fuzz.py and collects nothing in them."""

collect_ignore = ["fuzz.py", "kills.py", "kinds.py", "structured.py"]
