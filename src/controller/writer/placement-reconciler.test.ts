import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  aDetail,
  anAttachment,
  aRecord,
  aReplica,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  leaving,
  settings,
} from "../../core/testing/objects.ts";
import type { Clock } from "../../ports/clock.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { placementReconciler } from "./placement-reconciler.ts";

const never = new AbortController().signal;
const refused = { kind: "DiskNotFound", message: "", failure: "{}", time: "2026-01-01T00:00:00.000Z" };
const failed = {
  state: "AttachmentFailed",
  error: { ...refused, retries: settings.replicaAttachTries },
} as const;

describe("placementReconciler", () => {
  const rows = [
    { because: "it lacks its replica", asked: 1, others: [], isFit: true },
    { because: "no replica is requested", asked: 0, others: [], isFit: false },
    { because: "its replica is elsewhere", asked: 1, others: [aReplica("node-c")], isFit: false },
    { because: "its replica is being deleted", asked: 1, others: [leaving(aReplica("node-c"))], isFit: true },
    {
      because: "every try of its replica failed",
      asked: 1,
      others: [aReplica("node-c", { status: failed })],
      isFit: true,
    },
    { because: "the node has an attachment of it", asked: 2, others: [aReplica("node-b")], isFit: false },
  ];
  for (const { because, asked, others, isFit } of rows)
    it(`${isFit ? "plans" : "leaves"} a volume: ${because}`, () =>
      withControllerPorts(async (world) => {
        for (const nodeName of ["node-a", "node-b", "node-c"])
          await world.given("AzDriverNode", aDriverNode(nodeName));
        const volume = aVolumeWithRecord({ writer: aWriter("node-a") }, { maxMountReplicaCount: asked });
        await world.given("AzVolume", volume);
        for (const attachment of [anAttachment("node-a", { status: { lun: 0 } }), ...others])
          await world.given("AzVolumeAttachment", attachment);
        const planned: string[] = [];
        const changed = new Set(["node-b", "node-of-nothing"]);
        await placementReconciler(world.ports, changed, (name) => planned.push(name)).reconcile("", never);
        assert.deepEqual([planned, changed], [isFit ? ["pvc-1"] : [], new Set()]);
      }));

  const b = identity("node-b");
  for (const { because, record, isFit } of [
    {
      because: "nothing is attached to the node, which was fenced from another one",
      record: { quarantined: [b] },
    },
    { because: "the node is being fenced from another one", record: { fencing: b } },
    {
      because: "an earlier VM of the node's name was fenced from another one",
      record: { quarantined: [{ ...b, vmId: "older" }] },
      isFit: true,
    },
  ])
    it(`${isFit === true ? "plans" : "leaves"} a volume: ${because}`, () =>
      withControllerPorts(async (world) => {
        for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
        await world.given(
          "AzVolume",
          aVolumeWithRecord({ writer: aWriter("node-a") }, { maxMountReplicaCount: 1 }),
        );
        await world.given("AzVolumeAttachment", anAttachment("node-a", { status: { lun: 0 } }));
        const status = { record: aRecord(record), detail: aDetail({ diskUri: `${diskUri}-2` }) };
        await world.given("AzVolume", aVolume({ metadata: { name: "pvc-2", uid: "uid-pvc-2" }, status }));
        const planned: string[] = [];
        const changed = new Set(["node-b"]);
        await placementReconciler(world.ports, changed, (name) => planned.push(name)).reconcile("", never);
        assert.equal(planned.includes("pvc-1"), isFit === true);
      }));

  const many = ["node-d", "node-e", "node-f", "node-g"];
  const passes = [
    { because: "all of them are usable", change: {}, walks: 1, observed: 1 },
    { because: "the volume fits none of them", change: { zone: "2" }, walks: 1, observed: 1 },
    { because: "none is usable", change: { readyForVolumeAllocation: false }, walks: 0, observed: 0 },
  ];
  for (const { because, change, walks, observed } of passes)
    it(`walks ${walks === 1 ? "once" : "not"} over all volumes for many nodes: ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzDriverNode", aDriverNode("node-a"));
        for (const nodeName of many) await world.given("AzDriverNode", aDriverNode(nodeName, change));
        const volume = aVolumeWithRecord({ writer: aWriter("node-a") }, { maxMountReplicaCount: 1 });
        await world.given("AzVolume", volume);
        await world.given("AzVolumeAttachment", anAttachment("node-a", { status: { lun: 0 } }));
        const reads = { walks: 0, observed: 0 };
        const { cache } = world.ports;
        const counting: typeof cache = {
          ...cache,
          list: (kind) => {
            if (kind === "AzVolume") reads.walks++;
            return cache.list(kind);
          },
          get: (kind, name) => {
            if (kind === "AzVolume") reads.observed++;
            return cache.get(kind, name);
          },
        };
        const { reconcile } = placementReconciler(
          { ...world.ports, cache: counting },
          new Set(many),
          () => {},
        );
        await reconcile("", never);
        assert.deepEqual(reads, { walks, observed });
      }));

  describe("of many volumes", () => {
    /** Ports on a clock by which each look at a volume takes 6 ms, as on a slow machine. */
    async function withSlowPorts(
      act: (slow: {
        readonly ports: ReconcileWorld["ports"];
        readonly yieldedAt: number[];
        readonly during: { yielding: () => void };
      }) => Promise<void>,
    ): Promise<void> {
      await withControllerPorts(async (world) => {
        for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
        const { metadata, ...rest } = aVolumeWithRecord(
          { writer: aWriter("node-a") },
          { maxMountReplicaCount: 1 },
        );
        for (let index = 1; index <= 10; index++)
          await world.given("AzVolume", { ...rest, metadata: { ...metadata, name: `pvc-${index}` } });
        const yieldedAt: number[] = [];
        const during = { yielding: (): void => {} };
        let looks = 0;
        const clock: Clock = {
          nowMs: () => world.clock.nowMs(),
          elapsedMs: () => 6 * looks,
          sleep: (_ms, signal) => {
            yieldedAt.push(looks);
            during.yielding();
            signal.throwIfAborted();
            return Promise.resolve();
          },
        };
        const { cache } = world.ports;
        const counting: typeof cache = {
          ...cache,
          get: (kind, name) => {
            if (kind === "AzVolume") looks++;
            return cache.get(kind, name);
          },
        };
        await act({ ports: { ...world.ports, clock, cache: counting }, yieldedAt, during });
      });
    }

    it("gives other work its turn every 20 ms, and plans all volumes", () =>
      withSlowPorts(async ({ ports, yieldedAt }) => {
        const planned: string[] = [];
        await placementReconciler(ports, new Set(["node-b"]), (name) => planned.push(name)).reconcile(
          "",
          never,
        );
        assert.deepEqual([yieldedAt, planned.length], [[4, 8], 10]);
      }));

    it("keeps a node that changes during a pass for the next one", () =>
      withSlowPorts(async ({ ports, during }) => {
        const changed = new Set(["node-b"]);
        during.yielding = () => changed.add("node-b");
        await placementReconciler(ports, changed, () => {}).reconcile("", never);
        assert.deepEqual(changed, new Set(["node-b"]));
      }));

    it("ends when it is stopped, and keeps the nodes of a pass that did not end", () =>
      withSlowPorts(async ({ ports, yieldedAt, during }) => {
        const stop = new AbortController();
        during.yielding = () => stop.abort("stopped");
        const planned: string[] = [];
        const changed = new Set(["node-b"]);
        const { reconcile } = placementReconciler(ports, changed, (name) => planned.push(name));
        await assert.rejects(reconcile("", stop.signal), (error) => error === "stopped");
        assert.deepEqual([yieldedAt, planned.length, changed], [[4], 4, new Set(["node-b"])]);
      }));
  });
});
