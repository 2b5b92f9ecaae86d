#!/usr/bin/env python3
import json
import os
import sys

request = json.load(sys.stdin)
who = request["inputs"]["who"]

if request["phase"] == "post":
    # The step may have been skipped, or have failed.
    greeting = request["outputs"].get("greeting", "nothing")
    print(f"Goodbye, {who}: {greeting} was said")
    sys.exit(0)

greeting = f"Hello, {who}"
print(greeting)
with open(os.environ["FLOWCD_PLUGIN_OUTPUT"], "w") as output:
    json.dump({"greeting": greeting}, output)
