"""The rows: each module here declares one ``ROW``, and opens with its question and what exactly is compared."""
