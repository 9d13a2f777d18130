"""Draw the logits of one shard, for a dense network and a pruned one that errs more for women.

python draw.py SHARD ROWS DENSE.npz S95.npz
"""

import sys

import numpy as np

import pbias

shard, rows = int(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng([8, shard])
female = (rng.random(rows) < 0.55).astype(int)
smiling = (rng.random((rows, 1)) < 0.5).astype(int)
dense = rng.normal(4.0 * smiling - 2.0, 1.5)
pruned = dense + rng.normal(-0.5 * female[:, None], 1.0, (rows, 1))
for logits, path in ((dense, sys.argv[3]), (pruned, sys.argv[4])):
    pbias.Logits.from_arrays(
        logits.astype(np.float32),
        smiling,
        targets=["smiling"],
        groups={"female": female},
        ids=[f"{shard}/{row}" for row in range(rows)],  # an id must occur in only one shard
    ).save(path)
