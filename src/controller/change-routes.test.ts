import assert from "node:assert/strict";
import { it } from "node:test";
import {
  aDetail,
  anAttachment,
  aRecord,
  attachmentName,
  aVolume,
  aVolumeWithRecord,
  aWriter,
} from "../core/testing/objects.ts";
import { WorkQueue } from "../runtime/queue/work-queue.ts";
import { createChangeRoutes, ONLY_KEY } from "./change-routes.ts";
import { withControllerPorts } from "./testing/a-controller.ts";
import { aDriverNode } from "./testing/a-driver-node.ts";

type Loops = Parameters<typeof createChangeRoutes>[1];

const NAMES = [
  "volume",
  "placement",
  "gone",
  "disk",
  "tags",
  "attachment",
  "fence",
  "barrier",
  "rebuild",
  "readVms",
  "driverNode",
  "diskLimit",
  "stoppedNodes",
  "returnedNodes",
  "recovery",
  "requests",
  "resync",
] as const satisfies readonly (keyof Loops)[];
const backoff = { baseMs: 1_000, maxMs: 1_000 };
const never = new AbortController().signal;

it("plans at once only what names a changed node, and everything else later, once", () =>
  withControllerPorts(async ({ ports, given, clock }) => {
    const other = "/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute/disks/pvc-2";
    const [onA, onC] = [aWriter("node-a"), aWriter("node-c")];
    await given("AzVolume", aVolumeWithRecord({ writer: onA }));
    await given("AzVolumeAttachment", anAttachment("node-a"));
    await given(
      "AzVolume",
      aVolume({
        metadata: { name: "pvc-2", uid: "uid-pvc-2" },
        status: { detail: { ...aDetail(), diskUri: other }, record: aRecord({ writer: onC }) },
      }),
    );
    const queues = new Map(NAMES.map((name) => [name, new WorkQueue(ports, backoff)]));
    const loops = Object.fromEntries(NAMES.map((name) => [name, { queue: queues.get(name) }])) as Loops;
    const { onChange } = createChangeRoutes(ports, loops);
    const taken = async (): Promise<Readonly<Record<string, readonly string[]>>> => {
      const keys: Record<string, string[]> = {};
      for (const [name, queue] of queues)
        while (queue.depth.ready > 0) {
          const key = await queue.take(never);
          (keys[name] ??= []).push(key);
          queue.done(key);
        }
      return keys;
    };
    for (const name of ["node-a", "node-b"]) {
      const previous = aDriverNode(name);
      const current = aDriverNode(name, { readyForVolumeAllocation: false });
      onChange({ kind: "AzDriverNode", name, previous, current });
    }
    assert.deepEqual(await taken(), {
      volume: ["pvc-1"],
      disk: ["pvc-1"],
      tags: ["pvc-1"],
      attachment: [attachmentName("node-a")],
      rebuild: [ONLY_KEY],
      diskLimit: ["node-a", "node-b"],
    });
    const resync = queues.get("resync");
    assert.equal(resync?.depth.delayed, 1);
    let key: string | undefined;
    const everything = resync.take(never).then((due) => (key = due));
    await clock.advance(4_999);
    assert.equal(key, undefined);
    await clock.advance(1);
    assert.equal(await everything, ONLY_KEY);
  }));
