import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EventCorrelator, type SubjectEvent } from "../../adapters/kubernetes/events/events-correlator.ts";
import { meaningOf } from "../../core/events/event-reasons.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { aWriter, diskUri } from "../../core/testing/objects.ts";
import type { NodePorts } from "../../node/node-ports.ts";
import { stagingPath, withNode } from "../../node/testing/a-node.ts";
import type { DriverEvent } from "../../ports/cluster/events.ts";
import { aCall } from "../testing/a-call.ts";
import { nodeGetVolumeStats } from "./node-get-volume-stats.ts";

/** The same node while the store does not answer. */
function withoutStore(ports: NodePorts): NodePorts {
  return {
    ...ports,
    store: { ...ports.store, get: async () => fail({ kind: "StoreUnavailable", detail: "no answer" }) },
  };
}

/** Why a file system is of no use, or the errors that the kernel has found in it. */
type FileSystemState = Failure | { readonly errorsFound: number };

/** The same node, whose file systems are in that state. */
function withFileSystem(ports: NodePorts, state: FileSystemState): NodePorts {
  const host: NodePorts["host"] = {
    ...ports.host,
    fileSystemStats: async (path, signal) => {
      const stats = await ports.host.fileSystemStats(path, signal);
      if (!stats.ok) return stats;
      return "kind" in state ? fail(state) : ok({ ...stats.value, ...state });
    },
  };
  return { ...ports, host };
}

/** An event as `createKubernetesEvents` gives it to the correlator. */
function subjectEventOf({ about, reason, message, localKey = message }: DriverEvent): SubjectEvent {
  const subject = { ...about, apiVersion: "v1", namespace: "azure-disk-csi", uid: "uid-1" };
  const { type, shownEveryMs } = meaningOf(reason);
  return { subject, type, reason, message, localKey, shownEveryMs };
}

describe("nodeGetVolumeStats", () => {
  it("answers for a volume that is staged here without a request to the store", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      const ports = world.ports();
      assert.ok((await world.stage({}, ports)).ok);
      const request = { volumeId: diskUri.toUpperCase(), volumePath: stagingPath, stagingTargetPath: "" };
      const stats = await world.answerOf(nodeGetVolumeStats(withoutStore(ports), request, aCall()));
      assert.ok(stats.ok);
      assert.deepEqual(
        stats.value.usage?.map(({ unit }) => unit),
        ["BYTES", "INODES"],
      );
    }));

  it("looks at the mount once, since kubelet asks each minute for each pod", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      const ports = world.ports();
      assert.ok((await world.stage({}, ports)).ok);
      const looks: string[] = [];
      const host = new Proxy(ports.host, {
        get: (target, name, receiver) => {
          looks.push(String(name));
          return Reflect.get(target, name, receiver);
        },
      });
      const request = { volumeId: diskUri, volumePath: stagingPath, stagingTargetPath: "" };
      assert.ok((await world.answerOf(nodeGetVolumeStats({ ...ports, host }, request, aCall()))).ok);
      assert.deepEqual(looks, ["pathKind", "fileSystemStats"]);
    }));

  for (const accessType of ["mount", "block"] as const)
    it(`reports on the volume that its ${accessType} mount is dead, and not before`, () =>
      withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
        const ports = world.ports();
        const targetPath = "/var/lib/kubelet/pods/1/mount";
        const otherPath = "/var/lib/kubelet/pods/2/mount";
        for (const path of [targetPath, otherPath]) {
          assert.ok((await world.publish({ accessType, targetPath: path }, ports)).ok);
        }
        const request = { volumeId: diskUri, volumePath: targetPath, stagingTargetPath: stagingPath };
        assert.ok((await world.answerOf(nodeGetVolumeStats(ports, request, aCall()))).ok);
        assert.equal(world.emitted.length, 0);
        world.machine.detach(0);
        const stats = await world.answerOf(nodeGetVolumeStats(ports, request, aCall()));
        assert.ok(!stats.ok);
        assert.deepEqual(
          world.emitted.map(({ localKey: _, ...event }) => event),
          [
            {
              about: { kind: "AzVolume", name: "pvc-1" },
              nodeName: "node-a",
              reason: "MountDead",
              message: `node-a has lost the use of the volume: ${describeFailure(stats.failure)}`,
            },
          ],
        );
        const ofOther = { ...request, volumePath: otherPath };
        assert.ok(!(await world.answerOf(nodeGetVolumeStats(ports, ofOther, aCall()))).ok);
        const [first, second] = world.emitted;
        assert.deepEqual(
          [second?.reason, second?.localKey, world.emitted.length],
          ["MountDead", first?.localKey, 2],
          "another pod's is no other event",
        );
      }));

  it("reports on the volume that the kernel has found errors, and answers still", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      const ports = world.ports();
      assert.ok((await world.stage({}, ports)).ok);
      const request = { volumeId: diskUri, volumePath: stagingPath, stagingTargetPath: "" };
      const broken = withFileSystem(ports, { errorsFound: 2 });
      assert.ok((await world.answerOf(nodeGetVolumeStats(broken, request, aCall()))).ok);
      assert.deepEqual(
        world.emitted.map(({ reason, message }) => ({ reason, message })),
        [
          {
            reason: "FileSystemErrors",
            message: "node-a has found errors in the file system of the volume: 2 since its last check",
          },
        ],
      );
    }));

  const brokenOnes: readonly FileSystemState[] = [
    { errorsFound: 1 },
    { kind: "FileSystemBroken", devicePath: "/dev/sdc", detail: "it is read-only" },
  ];
  for (const state of brokenOnes)
    it(`shows at once that a later mount is broken again (${Object.keys(state)[0]})`, () =>
      withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
        const ports = world.ports();
        const request = { volumeId: diskUri, volumePath: stagingPath, stagingTargetPath: "" };
        const broken = withFileSystem(ports, state);
        assert.ok((await world.stage({}, ports)).ok);
        // As the kubelet asks.
        for (const _minute of [0, 1, 2]) await world.answerOf(nodeGetVolumeStats(broken, request, aCall()));
        assert.ok((await world.unstage({}, ports)).ok);
        await world.grantAgain();
        assert.ok((await world.stage({}, ports)).ok);
        for (const _minute of [3, 4]) await world.answerOf(nodeGetVolumeStats(broken, request, aCall()));
        const correlator = new EventCorrelator(() => "pvc-1.1");
        assert.deepEqual(
          world.emitted.map(
            (event, minute) => correlator.decide(subjectEventOf(event), minute * 60_000).kind,
          ),
          ["show", "repeated", "repeated", "show", "repeated"],
        );
      }));

  it("tells an unknown volume from one that is not at that path", () =>
    withNode({}, async (world) => {
      const kindOf = async (volumeId: string): Promise<string> => {
        const request = { volumeId, volumePath: stagingPath, stagingTargetPath: "" };
        const stats = await world.answerOf(nodeGetVolumeStats(world.ports(), request, aCall()));
        return stats.ok ? "OK" : stats.failure.kind;
      };
      assert.equal(await kindOf(diskUri), "PathNotMounted");
      assert.equal(await kindOf(diskUri.replace("pvc-1", "pvc-2")), "VolumeNotFound");
    }));
});
