import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { eventReasons } from "../../src/core/events/event-reasons.ts";
import { eventsRows } from "./events-rows.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/**
 * Kubernetes' limit on an event's message (1,024), less the length to which a message is cut before its
 * remedy (700).
 */
const REMEDY_MAX_CHARS = 300;

describe("docs/reference/events.md", () => {
  it("lists every reason as in the code", async () => {
    const text = await readFile(join(ROOT, "docs", "reference", "events.md"), "utf8");
    assert.deepEqual(
      text.split("\n").filter((line) => /^\| `\w+` \| (?:Normal|Warning) \|/u.test(line)),
      eventsRows(),
    );
  });

  it("lists no reason that the code does not emit", async () => {
    const told = new Set<string>();
    for await (const path of glob(
      "src/{runtime,controller,objects,node,csi,core/{writer,attachment,volume,node}}/**/*.ts",
      { cwd: ROOT },
    )) {
      if (path.includes(".test.") || path.includes("/gen/")) continue;
      const source = await readFile(join(ROOT, path), "utf8");
      for (const [, word = ""] of source.matchAll(/"([A-Z][A-Za-z]+)"/gu)) told.add(word);
    }
    assert.deepEqual(
      Object.keys(eventReasons).filter((reason) => !told.has(reason)),
      [],
    );
  });

  it("has remedies that are whole sentences and fit after any message", () => {
    for (const [reason, { remedy }] of Object.entries<{ readonly remedy: string }>(eventReasons)) {
      assert.match(remedy, /^(?:[A-Z].*\.)?$/u, reason);
      assert.ok(remedy.length <= REMEDY_MAX_CHARS, reason);
    }
  });
});
