import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { azVolumeAttachmentSchema } from "../../src/core/api/schema/az-volume-attachment.schema.ts";
import { type EventReason, eventReasons, meaningOf } from "../../src/core/events/event-reasons.ts";
import { volumeConditionTypes } from "../../src/core/states/count-states.ts";
import { eventsRows } from "./events-rows.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/**
 * Kubernetes' limit on an event's message (1,024), less the length to which a message is cut before its
 * remedy (700).
 */
const REMEDY_MAX_CHARS = 300;

const reasons = Object.keys(eventReasons) as readonly EventReason[];

describe("docs/reference/events.md", () => {
  it("lists every reason as in the code", async () => {
    const text = await readFile(join(ROOT, "docs", "reference", "events.md"), "utf8");
    assert.deepEqual(
      text.split("\n").filter((line) => /^\| `\w+` \| (?:Normal|Warning) \|/u.test(line)),
      eventsRows(),
    );
  });

  it("lists every condition of an AzVolume", async () => {
    const text = await readFile(join(ROOT, "docs", "reference", "events.md"), "utf8");
    const [, table = ""] = /^\| condition of an AzVolume \| says \|\n(.+?)\n\n/msu.exec(text) ?? [];
    const listed = [...table.matchAll(/^\| `(\w+)` \|/gmu)].map(([, type]) => type);
    assert.deepEqual(listed, volumeConditionTypes);
  });

  it("lists no reason that the code does not emit", async () => {
    const told = await wordsOf(
      "src/{runtime,controller,objects,node,csi,core/{writer,attachment,volume,node}}/**/*.ts",
    );
    assert.deepEqual(
      reasons.filter((reason) => !told.has(reason)),
      [],
    );
  });

  it("names no recipient of what only a node plug-in emits but its own Node", async () => {
    const byNode = await wordsOf("src/{node,csi/node}/**/*.ts");
    // The controller shows some of them as well, to claims and pods.
    const byController = await wordsOf(
      "src/{controller,csi/controller,core/{writer,attachment,rollback}}/**/*.ts",
    );
    // These the controller shows by what a node states in its attachment.
    const isStated = (reason: EventReason): boolean => meaningOf(reason).isStatedByNode === true;
    assert.deepEqual(
      reasons.filter(isStated).toSorted(),
      azVolumeAttachmentSchema.shape.status
        .unwrap()
        .shape.mountProblems.unwrap()
        .element.shape.reason.options.toSorted(),
    );
    const ofNode = reasons.filter(
      (reason) => byNode.has(reason) && !byController.has(reason) && !isStated(reason),
    );
    for (const reason of ["DeviceNotTuned", "StageFailed", "PodLostDisk"])
      assert.ok(
        ofNode.some((found) => found === reason),
        reason,
      );
    for (const reason of ofNode)
      assert.deepEqual(
        meaningOf(reason).shownOn.filter((kind) => kind !== "Node"),
        [],
        reason,
      );
  });

  it("has remedies that are whole sentences and fit after any message", () => {
    for (const reason of reasons) {
      const { remedy } = meaningOf(reason);
      assert.match(remedy, /^(?:[A-Z].*\.)?$/u, reason);
      assert.ok(remedy.length <= REMEDY_MAX_CHARS, reason);
    }
  });
});

/** What looks like an event's reason in those sources. */
async function wordsOf(pattern: string): Promise<ReadonlySet<string>> {
  const words = new Set<string>();
  for await (const path of glob(pattern, { cwd: ROOT })) {
    if (path.includes(".test.") || path.includes("/gen/")) continue;
    const source = await readFile(join(ROOT, path), "utf8");
    for (const [, word = ""] of source.matchAll(/"([A-Z][A-Za-z]+)"/gu)) words.add(word);
  }
  return words;
}
