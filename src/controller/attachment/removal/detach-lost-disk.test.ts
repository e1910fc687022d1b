import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../../core/api/az-volume.ts";
import { ATTACHMENT_FINALIZER } from "../../../core/api/finalizers.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import {
  aReplica,
  attachmentName,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  leaving,
} from "../../../core/testing/objects.ts";
import { must } from "../../../core/testing/value-of.ts";
import type { DiskFacts } from "../../../ports/cloud/cloud-provisioner.ts";
import { type ReconcileWorld, withControllerPorts } from "../../testing/a-controller.ts";
import { aDisk } from "../../testing/a-disk.ts";
import { aDriverNode } from "../../testing/a-driver-node.ts";
import { attachmentReconciler } from "../attachment-reconciler.ts";

const never = new AbortController().signal;
const { instanceUri } = identity("node-a");
const unknown = {
  kind: "InstanceUnknown",
  nodeName: "node-a",
  instanceUri,
  problem: "there is no disk either",
} as const;
const gone = fail({ kind: "DiskNotFound", diskUri } as const);
const outage = {
  kind: "CloudUnavailable",
  code: "InternalServerError",
  message: "",
  requestId: "",
} as const;

interface Found {
  /** With what the detach fails. */
  readonly failure?: Failure;
  readonly disk?: Result<DiskFacts>;
  readonly isListed?: boolean;
  /** Whether the node of the VM is granted the volume once its detach is planned. */
  readonly isGranted?: boolean;
}

function granted(world: ReconcileWorld): AzVolume {
  const volume = world.volume() ?? assert.fail("no volume");
  return { ...volume, status: aVolumeWithRecord({ writer: aWriter("node-a") }).status };
}

describe("detach from a VM that is gone", () => {
  for (const [outcome, found, isRemoved] of [
    ["ends with its disk", {}, true],
    ["waits while its disk is there", { disk: ok(aDisk()) }, false],
    ["waits while its disk can't be read", { disk: fail(outage) }, false],
    ["waits while its disk is only not found by a read", { isListed: true }, false],
    ["waits while its VM can't be read", { failure: outage }, false],
    ["waits for the proof of a writer", { isGranted: true }, false],
  ] as const satisfies readonly (readonly [string, Found, boolean])[])
    it(outcome, () =>
      withControllerPorts(async (world) => {
        const { failure = unknown, disk = gone, isListed = false, isGranted = false }: Found = found;
        await world.given("AzDriverNode", aDriverNode("node-a"));
        await world.given("AzVolume", aVolumeWithRecord({}));
        const metadata = { finalizers: [ATTACHMENT_FINALIZER] };
        await world.given("AzVolumeAttachment", leaving(aReplica("node-a", { metadata })));
        const cloud = {
          ...world.ports.cloud,
          detachDisk: async () => {
            if (isGranted) await must(world.other.updateStatus("AzVolume", granted(world), never));
            return fail(failure);
          },
          getDisk: async () => disk,
          listDisks: async () => ok(isListed ? [aDisk()] : []),
        };
        const reconciler = attachmentReconciler({ ...world.ports, cloud });
        await world.answerOf(reconciler.reconcile(attachmentName("node-a"), never));
        assert.equal(world.attachment("node-a") === undefined, isRemoved);
      }),
    );
});
