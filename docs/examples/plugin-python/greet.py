#!/usr/bin/env python3
import json
import os
import sys

request = json.load(sys.stdin)
who = request["inputs"]["who"]

if request["phase"] == "post":
    print(f"Goodbye, {who}: {request['outputs']['greeting']} was said")
    sys.exit(0)

greeting = f"Hello, {who}"
print(greeting)
with open(os.environ["FLOWCD_PLUGIN_OUTPUT"], "w") as output:
    json.dump({"greeting": greeting}, output)
