"""
mcp-server: a Model Context Protocol server over stdio, by hand, for
examples.bats. It speaks the revisions with a handshake and that without
(2026-07-28). Its one tool counts: "count" to "to", with progress, "pause"
seconds between two numbers; before the last one it waits for the file "wait".
It ends at the end of its input, also while the tool works, as those made with
@modelcontextprotocol/server do.
"""
import json
import os
import select
import sys
import time

TOOL = {
    "name": "count",
    "description": "Counts to a number",
    "inputSchema": {
        "type": "object",
        "properties": {"to": {"type": "integer"}, "pause": {"type": "number"},
                       "wait": {"type": "string"}},
        "required": ["to"],
    },
}
LASTING = {"ttlMs": 0, "cacheScope": "private"}


def send(message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def count(params):
    token = params.get("_meta", {}).get("progressToken")
    arguments = params["arguments"]
    for number in range(1, arguments["to"] + 1):
        ready, _, _ = select.select([0], [], [], arguments.get("pause", 0))
        if ready and not sys.stdin.buffer.peek(1):
            sys.exit()
        while (number == arguments["to"] and "wait" in arguments
               and not os.path.exists(arguments["wait"])):
            time.sleep(0.02)
        if token is not None:
            send({"method": "notifications/progress", "params": {
                "progressToken": token, "progress": number,
                "total": arguments["to"]}})
    text = f"counted to {arguments['to']}, naïve 🎉"
    return {"content": [{"type": "text", "text": text}]}


METHODS = {
    "initialize": lambda params: {
        "protocolVersion": params["protocolVersion"],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "counter", "version": "1"}},
    "server/discover": lambda params: {
        "supportedVersions": ["2026-07-28"], **LASTING,
        "capabilities": {"tools": {}}},
    "tools/list": lambda params: {"tools": [TOOL], **LASTING},
    "tools/call": count,
}

for line in sys.stdin:
    request = json.loads(line)
    if "id" not in request:
        continue
    if request["method"] not in METHODS:
        send({"id": request["id"], "error": {
            "code": -32601, "message": "no such method"}})
        continue
    result = METHODS[request["method"]](request.get("params", {}))
    send({"id": request["id"], "result": {"resultType": "complete", **result}})
