#!/usr/bin/env python3
"""Writes src/policy/aws_managed_policies.txt: path and name of every policy that AWS manages.

    python3 -m venv /tmp/moto && /tmp/moto/bin/pip install --no-deps moto==5.2.5
    /tmp/moto/bin/python tools/aws-managed-policies.py > src/policy/aws_managed_policies.txt

The source is the list that moto (Apache-2.0) bundles, which is a dump of `aws iam list-policies
--scope AWS`. Only paths and names are taken, no documents. The module is read by its path, so that
moto's own dependencies are not needed.
"""

import importlib.util
import json
import pathlib
import sys


def bundled_policies():
    package = importlib.util.find_spec("moto")
    if package is None or package.origin is None:
        sys.exit("moto is not installed; see the top of this file")
    source = pathlib.Path(package.origin).parent / "iam" / "aws_managed_policies.py"
    spec = importlib.util.spec_from_file_location("aws_managed_policies", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return json.loads(module.aws_managed_policies_data)


def main():
    # Sorted by name as bytes: the program searches the list by halving it.
    for name, policy in sorted(bundled_policies().items()):
        print(f"{policy['Path']} {name}")


main()
