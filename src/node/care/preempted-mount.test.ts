import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createModelMachine } from "../../adapters/model-host/model-machine.ts";
import { aWriter, identity } from "../../core/testing/objects.ts";
import { changedRecord } from "../../core/testing/record-lists.ts";
import { valueOf } from "../../core/testing/value-of.ts";
import { publishVolume } from "../stage/publish-volume.ts";
import { stageVolume } from "../stage/stage-volume.ts";
import { aStageRequest, withNode } from "../testing/a-node.ts";
import { ownVolumesReconciler } from "./volume-reconciler.ts";

const never = new AbortController().signal;
const request = aStageRequest();
const target = { targetPath: "/var/lib/kubelet/pods/1/volumes/pvc-1/target", targetReadOnly: false };

describe("ownVolumesReconciler of a volume whose record was lost", () => {
  for (const [sentence, isPreempted] of [
    ["reclaims what a pod has mounted while the disk takes its writes", false],
    ["removes a pod's mount once another node has the disk reserved, though it can be read", true],
  ] as const)
    it(sentence, () =>
      withNode(
        { writer: aWriter("node-a", { held: false }) },
        async (world) => {
          const ports = { ...world.ports(), settings: { ...world.ports().settings, reservations: true } };
          valueOf(await world.answerOf(stageVolume(ports, request, never)));
          valueOf(await world.answerOf(publishVolume(ports, { ...request, ...target }, never)));
          await world.setRecord(({ writer: _, ...record }) =>
            changedRecord(record, { defaultAccess: "quarantined", unverified: [identity("node-a")] }),
          );
          if (isPreempted) {
            const peer = createModelMachine({ nodeName: "node-b", clock: world.clock });
            peer.attach({ lun: 0, disk: world.disk });
            const host = peer.startPlugin();
            const device = valueOf(await host.findDevice({ lun: 0 }, never));
            const earlier = valueOf(await host.readReservation(device, never));
            valueOf(await host.reserve({ device, key: "617a00000000beef", earlier }, never));
          }
          await world.answerOf(ownVolumesReconciler(ports).reconcile("pvc-1", never));
          const isWriter = world.record()?.writer?.nodeName === "node-a";
          assert.deepEqual([isWriter, world.machine.mounts().length], isPreempted ? [false, 0] : [true, 2]);
        },
        { disk: { maxShares: 3 } },
      ),
    );
});
