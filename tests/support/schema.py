# SPDX-License-Identifier: BSD-3-Clause
"""docs/record.schema.json: what a flow's record must look like."""
import json
import os

import jsonschema

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'docs', 'record.schema.json')


class RecordSchema:
    def __init__(self):
        with open(PATH, encoding='utf-8') as file:
            schema = json.load(file)
        self.validator = jsonschema.validators.validator_for(schema)(schema)

    def error_of(self, record):
        """A sentence; None: it is as it must be."""
        error = jsonschema.exceptions.best_match(self.validator.iter_errors(record))
        return error and f'{error.json_path}: {error.message}'
