import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StatefulSet } from "./api-objects.ts";
import { createApiServer } from "./api-server.ts";
import { createStaleReads } from "./stale-reads.ts";

const set = (name: string, pods: 0 | 1): StatefulSet => ({ name, pods, members: 1 });

describe("createStaleReads", () => {
  it("shows the past of some kinds, and reports what it has missed as it catches up", () => {
    const api = createApiServer();
    for (const name of ["changed", "removed", "kept"]) api.put("StatefulSet", set(name, 1));
    const reads = createStaleReads(api, ["StatefulSet"]);
    const told: string[] = [];
    reads.onChange(({ kind, name, previous, current }) =>
      told.push(
        `${kind} ${name}: ${previous === undefined ? "new" : current === undefined ? "gone" : "other"}`,
      ),
    );
    api.put("StatefulSet", set("changed", 0));
    api.remove("StatefulSet", "removed");
    api.put("StatefulSet", set("added", 1));
    assert.deepEqual(
      [reads.get("StatefulSet", "changed")?.pods, reads.list("StatefulSet").map(({ name }) => name), told],
      [1, ["changed", "removed", "kept"], []],
    );
    reads.catchUp();
    assert.deepEqual(told, [
      "StatefulSet changed: other",
      "StatefulSet removed: gone",
      "StatefulSet added: new",
    ]);
    assert.equal(reads.get("StatefulSet", "changed")?.pods, 0);
    api.remove("StatefulSet", "kept");
    assert.equal(told.at(-1), "StatefulSet kept: gone");
  });

  it("shows all other kinds as they are", () => {
    const api = createApiServer();
    const reads = createStaleReads(api, ["Pod"]);
    let changes = 0;
    const stop = reads.onChange(() => changes++);
    api.put("StatefulSet", set("a", 1));
    stop();
    api.put("StatefulSet", set("b", 1));
    assert.deepEqual([changes, reads.list("StatefulSet").length], [1, 2]);
  });
});
