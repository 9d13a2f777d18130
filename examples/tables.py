"""Draw two tables of predictions, v1.csv and v2.csv; the second model misses the smiles of women.

    python examples/tables.py [FOLDER]

The tables have 4,000 people and the columns id, smiling (the label), p (the probability) and sex.
This script needs no package.
"""

import csv
import math
import random
import sys
from pathlib import Path

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
draw = random.Random(0)
people = [
    (f"{n}.jpg", draw.randint(0, 1), draw.choice("fm"), draw.gauss(0, 1)) for n in range(4000)
]
for name, loss in (("v1.csv", 0.0), ("v2.csv", 0.9)):
    with (folder / name).open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "smiling", "p", "sex"])
        for one, smiling, sex, noise in people:
            logit = 3 * smiling - 1.5 + noise - loss * smiling * (sex == "f")
            rows.writerow([one, smiling, round(1 / (1 + math.exp(-logit)), 4), sex])
