import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  anAttachment,
  aReplica,
  aVolumeWithRecord,
  aWriter,
  leaving,
  settings,
} from "../../core/testing/objects.ts";
import { withControllerPorts } from "../testing/a-controller.ts";
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
        const { reconcile } = placementReconciler(world.ports, (volumeName) => planned.push(volumeName));
        for (const nodeName of ["node-b", "node-of-nothing"]) await reconcile(nodeName, never);
        assert.deepEqual(planned, isFit ? ["pvc-1"] : []);
      }));
});
