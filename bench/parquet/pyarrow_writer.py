"""python pyarrow_writer.py SAMPLES.parquet: writes the rows of llem's file again, from columns that pyarrow has in
memory and from the rows that a Python program would have gathered, each twice, and prints the second times as JSON."""

import json
import os
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq

table = pq.read_table(sys.argv[1]).replace_schema_metadata(None)
rows = table.to_pylist()
ROWS_PER_GROUP = 16 * 4096  # as llem has it


def seconds_of(name, make_table):
    began = time.perf_counter()
    with open(name, "wb") as file:
        pq.write_table(make_table(), file, compression="snappy", row_group_size=ROWS_PER_GROUP)
        file.flush()
        os.fsync(file.fileno())
    return time.perf_counter() - began


def write(name, make_table):
    seconds_of(name, make_table)
    return {"seconds": seconds_of(name, make_table), "bytes": os.path.getsize(name)}


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
