"""python pyarrow_writer.py SAMPLES.parquet REPETITIONS: writes the rows of llem's file again, once from columns that
pyarrow has in memory and once from the rows that a Python program would have gathered, and prints the seconds."""

import json
import os
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq

path, repetitions = sys.argv[1], int(sys.argv[2])
table = pq.read_table(path).replace_schema_metadata(None)
rows = table.to_pylist()
ROWS_PER_GROUP = 16 * 4096  # as llem has it


def write(name, make_table):
    seconds = []
    for _ in range(repetitions):
        began = time.perf_counter()
        with open(name, "wb") as file:
            pq.write_table(make_table(), file, compression="snappy", row_group_size=ROWS_PER_GROUP)
            file.flush()
            os.fsync(file.fileno())
        seconds.append(time.perf_counter() - began)
    return {"seconds": seconds, "bytes": os.path.getsize(name)}


from_columns = write("columns.parquet", lambda: table)
from_rows = write("rows.parquet", lambda: pa.Table.from_pylist(rows, schema=table.schema))
print(
    json.dumps(
        [
            {"writer": "pyarrow, from columns in memory", **from_columns},
            {"writer": "pyarrow, from rows of Python", **from_rows},
        ]
    )
)
