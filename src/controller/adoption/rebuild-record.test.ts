import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail, ok } from "../../core/failure/result.ts";
import {
  anAttachment,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  instanceUriOf,
} from "../../core/testing/objects.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import { withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { removeLabels } from "../testing/remove-labels.ts";
import { storeRefusing } from "../testing/store-refusing.ts";
import { rebuildVolume } from "./rebuild-record.ts";

const never = new AbortController().signal;
const nodeNames = ["node-a", "node-b", "node-c", "node-d"];

describe("rebuildVolume", () => {
  it("removes an earlier place also from an attachment without labels", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a"), storeIncarnation: 1 }));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: { lun: 7 } }));
      await removeLabels(world, "node-a");
      const getDisk = async (): Promise<ReturnType<typeof ok<DiskFacts>>> => ok(aDisk({ attachedTo: [] }));
      const ports = { ...world.ports, cloud: { ...world.ports.cloud, getDisk } };
      const volume = world.volume() ?? assert.fail("no volume");
      const reason = { kind: "lost", storeIncarnation: 2 } as const;
      assert.ok((await world.answerOf(rebuildVolume(ports, volume, reason, never))).ok);
      assert.deepEqual(world.attachment("node-a")?.status, { state: "Pending" });
    }));

  // Azure has the disk on node-a and node-b by now. The attachments are as they were before.
  const timedOut = { kind: "StoreUnavailable", detail: "timed out" } as const;
  const cases = nodeNames.flatMap((refusedOn) => [
    { refusedOn, failure: undefined },
    { refusedOn, failure: timedOut },
  ]);
  for (const { refusedOn, failure } of cases)
    it(`repairs all other attachments: ${refusedOn}'s ${failure?.detail ?? "is refused"}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-c"), storeIncarnation: 1 }));
        for (const nodeName of nodeNames) {
          await world.given("AzDriverNode", aDriverNode(nodeName, identity(nodeName)));
          await world.given("AzVolumeAttachment", anAttachment(nodeName, { status: { lun: 7 } }));
          world.instances.set(instanceUriOf(nodeName), identity(nodeName).vmId);
        }
        const { store, name } = storeRefusing(world, refusedOn, failure);
        const cloud = {
          ...world.ports.cloud,
          getDisk: async () => ok(aDisk({ attachedTo: ["node-a", "node-b"].map(instanceUriOf) })),
          inspectInstance: async (...asked: Parameters<typeof world.ports.cloud.inspectInstance>) => {
            const instance = await world.ports.cloud.inspectInstance(...asked);
            const dataDisks = [{ diskUri, lun: 4, beingDetached: false }];
            return instance.ok ? ok({ ...instance.value, dataDisks }) : instance;
          },
        };
        const volume = world.volume() ?? assert.fail("no volume");
        const reason = { kind: "lost", storeIncarnation: 2 } as const;
        assert.deepEqual(
          await world.answerOf(rebuildVolume({ ...world.ports, cloud, store }, volume, reason, never)),
          fail(failure ?? { kind: "ObjectInvalid", objectKind: "AzVolumeAttachment", name, problem: "" }),
        );
        const places = { "node-a": 4, "node-b": 4, "node-c": undefined, "node-d": undefined };
        assert.deepEqual(
          Object.fromEntries(
            nodeNames.map((nodeName) => [nodeName, world.attachment(nodeName)?.status?.lun]),
          ),
          { ...places, [refusedOn]: 7 },
        );
      }));
});
